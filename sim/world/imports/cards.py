"""Character cards, as SillyTavern and others write them: versions 1, 2 and 3.

Source of the fields: the specifications of V1 and V2 (malfoyslastname/character-card-spec-v2) and of V3
(kwaroran/character-card-spec-v3). V3 says at one place that personality and others are no longer part of a card,
and lists them at another; programs write them, so they are read. ``{{char}}`` and ``{{user}}`` become words;
all other macros stay as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sim.world.imports.found import MAX_SHEET, Found, guessed_language, is_flat, shown

_KEYS = {"description": "background", "personality": "traits", "mes_example": "style"}
_USER = {"zh": "对方", "en": "the other person"}
_MACRO = re.compile(r"\{\{\s{0,9}(char|user)\s{0,9}\}\}", re.IGNORECASE)
_WORLD = "a world sets the scene, with its opening and what its states tell"
_SPEAKS = "who speaks first, and what is said, is for a world and its model"
_PROMPT = "prompts come from the world; a card's text is never used as one"
_ABOUT = "about the card, not the character"
_WHY = {
    "scenario": _WORLD,
    "first_mes": _SPEAKS,
    "alternate_greetings": _SPEAKS,
    "group_only_greetings": _SPEAKS,
    "system_prompt": _PROMPT,
    "post_history_instructions": _PROMPT,
    "creator_notes": _ABOUT,
    "creator_notes_multilingual": _ABOUT,
    "tags": _ABOUT,
    "source": _ABOUT,
    "creation_date": _ABOUT,
    "modification_date": _ABOUT,
    "assets": "a persona has no pictures, sounds or files",
    "avatar": "a persona has no pictures, sounds or files",
    "chat": "a conversation, not the character",
    "extensions": "for one program, which alone knows what it means",
}
_CREDITS = {"creator": "by {}", "character_version": "version {}"}


def is_card(value: Mapping[str, Any]) -> bool:
    """Whether this is a character card of any version."""
    return "spec" in value or ("name" in value and bool({"description", "personality", "first_mes"} & set(value)))


def read_card(value: Mapping[str, Any], language: str | None, called: str = "") -> Found:
    """What a card says of its character.

    Args:
        value: the JSON object.
        language: that of the word for ``{{user}}``; where None, that of the card's texts, else English.
        called: the name of one whose card has none.

    Raises:
        ValueError: if it is no card of version 1, 2 or 3.
    """
    spec = value.get("spec")
    if "spec" in value and spec not in ("chara_card_v2", "chara_card_v3"):
        raise ValueError(f"unknown card '{shown(spec)}' in 'spec'; known: chara_card_v2, chara_card_v3")
    data = value.get("data") if spec else value
    if not isinstance(data, Mapping):
        raise ValueError("'data' must be a mapping of keys to values")
    found = Found(str(spec or "chara_card_v1"))
    name = data.get("name", "")
    if not isinstance(name, str):
        raise ValueError("'name' must be text")
    found.name = name if name.strip() else called
    if name.strip():
        found.kept["name"] = "name"
    texts = {f: v for f in _KEYS if isinstance(v := data.get(f), str)}
    spoken = language or guessed_language("".join(t[:MAX_SHEET] for t in texts.values())) or "en"
    nickname = data.get("nickname")
    has_nickname = isinstance(nickname, str) and bool(nickname.strip())
    words = {"char": nickname if has_nickname else found.name, "user": _USER[spoken]}
    words = {mark: shown(word.strip(), 100) for mark, word in words.items() if isinstance(word, str)}
    for field, text in texts.items():
        if len(text) > MAX_SHEET:
            found.keep(field, _KEYS[field], text)
            continue
        found.keep(field, _KEYS[field], _MACRO.sub(lambda m: words[m[1].lower()] or m[0], text))
    if has_nickname:
        found.leave("nickname", "stands where {{char}} stood, and nowhere else")
    _rest(found, data, {"name", "nickname", *texts})
    if spec:
        _outside(found, value, data)
    return found


def _rest(found: Found, data: Mapping[str, Any], done: set[str]) -> None:
    """Say why the other fields are not kept; what is empty is not missed."""
    credit = []
    for field, value in data.items():
        if field in done or value in (None, "", [], {}):
            continue
        if field in _CREDITS and is_flat(value):
            credit.append(_CREDITS[field].format(shown(value)))
            found.kept[field] = "a comment"
        elif field in _KEYS:
            found.leave(field, f"must be text, not {_kind(value)}")
        elif field == "character_book":
            found.leave(field, f"a lorebook{_entries(value)}: a persona has no texts that come up by keyword")
        elif field == "extensions" and isinstance(value, Mapping):
            for each, inside in value.items():
                _extension(found, f"extensions.{shown(each)}", inside)
        else:
            found.leave(field, _WHY.get(field, "not a field that a persona has"))
    found.credit = ", ".join(credit)


def _extension(found: Found, name: str, value: Any) -> None:
    if value in (None, "", [], {}):
        return
    if name == "extensions.regex_scripts":
        found.leave(name, "scripts that change what is said: nothing in a persona is run")
    else:
        found.leave(name, _WHY["extensions"])


def _entries(book: Any) -> str:
    entries = book.get("entries") if isinstance(book, Mapping) else None
    if not isinstance(entries, list | dict):
        return ""
    return f" of {len(entries)} {'entry' if len(entries) == 1 else 'entries'}"


def _outside(found: Found, value: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """What stands beside ``data``; copies of what is in it, which many programs write, are no loss."""
    for field, given in value.items():
        if field in {"spec", "spec_version", "data"} or given in (None, "", [], {}):
            continue
        if data.get(field) != given:
            found.leave(f"{field} (outside data)", "a card of this version has its fields in data")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else "a number"
