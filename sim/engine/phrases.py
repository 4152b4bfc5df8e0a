"""The fixed words of a prompt, in Chinese and in English; other languages are given the English ones."""

from __future__ import annotations

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
        "speak": "直接说出你的话，不要加名字。",
        "json": "只输出JSON：",
        "items": "{low}到{high}项",
        "say": "你说的话",
        "not_now": "不做就写null",
        "number": "数字",
        "text": "文字",
        "flag": "true或false",
        "repair": "刚才的回答不能用：{reasons}。请重新回答。",
        "bad_json": "JSON有误（{detail}）",
        "empty": "没有说话",
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
        "speak": "Answer with your words only, without a name.",
        "json": "Answer with JSON only: ",
        "items": "{low} to {high} of",
        "say": "your words",
        "not_now": "null if not now",
        "number": "number",
        "text": "text",
        "flag": "true or false",
        "repair": "That answer cannot be used: {reasons}. Answer again.",
        "bad_json": "the JSON is broken ({detail})",
        "empty": "nothing was said",
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


def phrase(language: str, key: str, **values: object) -> str:
    """A phrase in a language, with its values filled in."""
    text = _PHRASES["zh" if language.startswith("zh") else "en"][key]
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
