"""The fixed words of a prompt, in Chinese and in English; other languages are given the English ones."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sim.world.kinds import Kind, Misfit, show_number

_MARK = re.compile(r"\{(\w+)\}")

_PHRASES: dict[str, dict[str, str]] = {
    "zh": {
        "rules": "这是面对面的对话。你就是{me}，用“我”说话，只说一两句。",
        "said": "刚才的对话：",
        "turn": "{name}：{text}",
        "now": "此刻：",
        "know": "已知：",
        "know_item": "{name}={value}",
        "comma": "，",
        "acts": "可以做：",
        "must": "（这次必须做）",
        "turn_of": "轮到你（{me}）对{others}说话。",
        "turn_alone": "轮到你（{me}）说话。",
        "everyone": "大家",
        "names": "、",
        "called": "{name}（{label}）",
        "needs": "{name}: 要满足 {text}",
        "closed": "{name}: 现在不能做",
        "cannot": "{name}: 现在做不成",
        "speak": "直接说出你的话，不要加名字。",
        "write": "直接写。",
        "rules_verbatim": "你就是{me}。",
        "json": "只输出JSON：",
        "items": "{low}到{high}项",
        "say": "你说的话",
        "not_now": "不做就写null",
        "abstain": "弃权就写null",
        "number": "数字",
        "whole": "整数",
        "range": "{low}到{high}的{number}",
        "at_least": "不小于{low}的{number}",
        "at_most": "不大于{high}的{number}",
        "unit": "{number}（{unit}）",
        "text": "文字",
        "flag": "true或false",
        "repair": "刚才的回答不能用：{reasons}。请重新回答。",
        "bad_json": "JSON有误（{detail}）",
        "unreadable": "从“{near}”起看不懂",
        "cut_off": "没有写完",
        "inner_quotes": '引号不成对，话里的双引号要写成\\"',
        "key_twice": "“{name}”写了两次，内容不同",
        "two_objects": "写了不止一个对象",
        "too_deep": "嵌套太深",
        "too_long": "太长",
        "empty": "没有说话",
        "no_object": "要用JSON回答",
        "act_only": "轮到你（{me}）决定，不用说话。",
        "carried": "之前各段的小结：",
        "look_ups": "回答前可以先查：",
        "found": "查到：{found}。请回答。",
        "no_more": "无",
        "introduce": "在场的有：{names}。",
        "votes": "投票：{votes}。",
        "vote_item": "{voter}→{choice}",
        "nobody": "弃权",
        "missing_vote": "未投",
        "vote_won": "{winner}得{count}票。",
        "vote_again": "平票（{tied}），再投一次。",
        "vote_none": "没有结果。",
        "votes_of": "{count}/{cast}票",
        "by_agent": "平票由{name}定",
        "by_lot": "抽签决定",
        "queue_requested": "等候{name}（前面{ahead}人）",
        "queue_preempted": "{name}被更急的人占用，等候",
        "queue_reneged": "等不及{name}，离开队伍",
        "queue_balked": "看到{name}人太多，不排了",
        "by_nobody": "没有结果",
        "by_quorum": "投票人数不足",
        "by_revote": "平票，再投一次",
        "outside": "场外改动：{what}",
        "outside_say": "{name}的下一句由场外给出",
        "digest": "把上面的对话概括成几句，写给你自己接着用：谁说了什么要紧的话，定了什么。只写内容。",
        "reflect": "用一两句话概括上面的对话，只写内容，供之后的人参考。",
        "select": "这场对话里有：{roles}。",
        "select_prompt": "读完上面的对话，从{agentlist}中选出下一个发言的人。只写编号。",
        "select_multiple": "你写了几个。从{agentlist}中只选一个，只写编号。",
        "select_none": "没有看到谁被选中。从{agentlist}中选一个，只写编号。",
        "unknown": "没有“{name}”这个动作，可以做的有：{known}",
        "not_open": "你现在不能{name}",
        "no_fields": "{name}要写成对象，字段：{known}",
        "unknown_field": "{action}没有字段“{name}”，字段：{known}",
        "missing_field": "{action}缺少字段“{name}”",
        "due": "这次必须{name}",
        "breach": "这会违反规则“{name}”",
        "nothing": "无",
        "options": "可选：{options}",
    },
    "en": {
        "rules": "This is a conversation face to face. You are {me}: speak as 'I', a sentence or two.",
        "said": "So far:",
        "turn": "{name}: {text}",
        "now": "Now: ",
        "know": "Known: ",
        "know_item": "{name}={value}",
        "comma": ", ",
        "acts": "You can do: ",
        "must": " (required now)",
        "turn_of": "It is your turn, {me}, to speak to {others}. ",
        "turn_alone": "It is your turn to speak, {me}. ",
        "everyone": "everyone",
        "names": ", ",
        "called": "{name} ({label})",
        "needs": "{name}: needs {text}",
        "closed": "{name}: not open now",
        "cannot": "{name}: cannot be done now",
        "speak": "Answer with your words only, without a name.",
        "write": "Write it.",
        "rules_verbatim": "You are {me}.",
        "json": "Answer with JSON only: ",
        "items": "{low} to {high} of",
        "say": "your words",
        "not_now": "null if not now",
        "abstain": "null to abstain",
        "number": "number",
        "whole": "whole number",
        "range": "{number} from {low} to {high}",
        "at_least": "{number}, at least {low}",
        "at_most": "{number}, at most {high}",
        "unit": "{number} ({unit})",
        "text": "text",
        "flag": "true or false",
        "repair": "That answer cannot be used: {reasons}. Answer again.",
        "bad_json": "the JSON is broken ({detail})",
        "unreadable": "it cannot be understood from '{near}' on",
        "cut_off": "it ends too early",
        "inner_quotes": 'quotation marks are not in pairs; within a text write \\"',
        "key_twice": "the key '{name}' stands twice",
        "two_objects": "more than one object",
        "too_deep": "nested too deeply",
        "too_long": "too long",
        "empty": "nothing was said",
        "no_object": "answer with JSON",
        "act_only": "It is your turn to decide, {me}; no words are needed. ",
        "carried": "From earlier:",
        "look_ups": "First you may look up: ",
        "found": "Found: {found}. Now answer.",
        "no_more": "nothing",
        "introduce": "Here are: {names}.",
        "votes": "The vote: {votes}.",
        "vote_item": "{voter}→{choice}",
        "nobody": "nobody",
        "missing_vote": "no vote",
        "vote_won": "{winner} with {count}.",
        "vote_again": "A tie ({tied}); they vote again.",
        "vote_none": "No result.",
        "votes_of": "{count} of {cast}",
        "by_agent": "a tie that {name} decides",
        "by_lot": "by lot",
        "queue_requested": "waits for: {name} ({ahead} before)",
        "queue_preempted": "has to make way, and waits again for: {name}",
        "queue_reneged": "waited too long and leaves the queue for: {name}",
        "queue_balked": "sees the queue and does not join it: {name}",
        "by_nobody": "no result",
        "by_quorum": "too few votes",
        "by_revote": "a tie, to be voted on again",
        "outside": "Changed from outside: {what}",
        "outside_say": "What {name} says next was given from outside",
        "digest": "Sum up the conversation above in a few sentences, for yourself to go on with: who said what "
        "that matters, and what was settled. Only the content.",
        "reflect": "Sum up the conversation above in a sentence or two for those who come later; only the content.",
        "select": "In this conversation are: {roles}.",
        "select_prompt": "Read the conversation above, then choose who is next from {agentlist}. Only the id.",
        "select_multiple": "You named several. Choose only one from {agentlist}; write only the id.",
        "select_none": "Nobody was named. Choose one from {agentlist}; write only the id.",
        "unknown": "there is no action '{name}'; you can do: {known}",
        "not_open": "you cannot do {name} now",
        "no_fields": "{name} must be an object with the fields: {known}",
        "unknown_field": "{action} has no field '{name}'; its fields: {known}",
        "missing_field": "{action} lacks the field '{name}'",
        "due": "{name} is required now",
        "breach": "it would break the rule '{name}'",
        "nothing": "none",
        "options": "one of: {options}",
    },
}


_MISFITS = {
    "number": "要写{number}",
    "cents": "金额最多两位小数",
    "digits": "数字最多{most}位",
    "text": "要写文字",
    "long": "最多{most}个字",
    "options": "可选：{options}",
    "list": "要写列表",
    "few": "至少要有{n}项",
    "many": "最多只能有{n}项",
    "gap": "不能有空项",
    "flag": "要写true或false",
}


def misfit(language: str, error: Misfit, kind: Kind) -> str:
    """Why a value is not of a kind, in the language of a run."""
    if not language.startswith("zh"):
        return str(error)
    return filled(_MISFITS[error.reason], {"number": number(language, kind), **error.values})


def number(language: str, kind: Kind, *, has_unit: bool = False) -> str:
    """What numbers a kind takes, such as ``whole number from 0 to 200 (km)``."""
    words = phrase(language, "whole" if kind.is_whole else "number")
    low, high = (None if bound is None else show_number(bound) for bound in (kind.low, kind.high))
    if low is not None or high is not None:
        key = "at_most" if low is None else "at_least" if high is None else "range"
        words = phrase(language, key, number=words, low=low, high=high)
    return phrase(language, "unit", number=words, unit=kind.unit) if has_unit and kind.unit else words


def phrase(language: str, key: str, **values: object) -> str:
    """A phrase in a language, with its values filled in."""
    return filled(_PHRASES["zh" if language.startswith("zh") else "en"][key], values)


def filled(text: str, values: Mapping[str, object]) -> str:
    """A text with each ``{name}`` replaced by its value, once: braces within a value stay what they are."""
    return _MARK.sub(lambda mark: str(values.get(mark[1], mark[0])), text) if values else text
