"""TinyTroupe's agents, as in ``*.agent.json``: ``{"type": "TinyPerson", "persona": {…}}``.

Source of the fields: the examples in ``examples/agents`` of microsoft/TinyTroupe. A persona there may hold whatever
its author likes; what is known is kept, and the rest is named. Nothing in it is a macro.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.world.imports.found import MAX_SHEET, Found, guessed_language, is_flat, shown

_KEYS = {
    "occupation": "background",
    "occupation_description": "background",
    "nationality": "background",
    "country_of_residence": "background",
    "residence": "background",
    "education": "background",
    "family": "background",
    "relationships": "background",
    "health": "background",
    "biography": "background",
    "other_facts": "background",
    "personality": "traits",
    "personality_traits": "traits",
    "beliefs": "traits",
    "preferences": "traits",
    "behaviors": "traits",
    "routines": "traits",
    "long_term_goals": "goals",
    "goals": "goals",
    "style": "style",
    "skills": "knowledge",
    "professional_interests": "knowledge",
}
_LABELS = {
    "zh": {"nationality": "国籍", "country_of_residence": "居住国", "residence": "住在"},
    "en": {"nationality": "Nationality", "country_of_residence": "Country of residence", "residence": "Residence"},
}
_MEMORY = "what an agent went through there, not who it is"
_WHY = {
    "episodic_memory": _MEMORY,
    "semantic_memory": _MEMORY,
    "memory": _MEMORY,
    "current_episode_event_count": _MEMORY,
    "current_datetime": _MEMORY,
    "current_location": _MEMORY,
    "current_attention": _MEMORY,
    "current_goals": _MEMORY,
    "current_emotions": _MEMORY,
    "accessible_agents": _MEMORY,
    "mental_faculties": "what an agent can do is for a world: its actions and tools",
}
_SEXES = {
    **dict.fromkeys(("male", "m", "man", "男"), "male"),
    **dict.fromkeys(("female", "f", "woman", "女"), "female"),
}


def is_tinytroupe(value: Mapping[str, Any]) -> bool:
    """Whether this is an agent of TinyTroupe."""
    is_likely = "spec" not in value and isinstance(value.get("persona"), Mapping)
    return value.get("type") == "TinyPerson" or is_likely


def read_tinytroupe(value: Mapping[str, Any], language: str | None, called: str = "") -> Found:
    """What a TinyTroupe agent's file says of it; arguments as for a card.

    Raises:
        ValueError: if it is no such file.
    """
    persona = value.get("persona")
    if not isinstance(persona, Mapping):
        raise ValueError("'persona' must be a mapping of keys to values")
    found = Found("TinyPerson")
    name = persona.get("name", "")
    if not isinstance(name, str):
        raise ValueError("'name' must be text")
    found.name = name if name.strip() else called
    if name.strip():
        found.kept["name"] = "name"
    _age(found, persona.get("age"))
    _sex(found, persona)
    texts = {field: _words(persona[field]) for field in _KEYS if persona.get(field) not in (None, "", [], {})}
    spoken = language or guessed_language("".join(texts.values())) or "en"
    for field, text in texts.items():
        label = _LABELS[spoken].get(field)
        colon, stop = ("：", "。") if spoken == "zh" else (": ", ".")
        found.keep(field, _KEYS[field], f"{label}{colon}{text}{stop}" if label else text)
    for field, given in persona.items():
        if field not in {"name", "age", "gender", "sex", *texts} and given not in (None, "", [], {}):
            found.leave(field, _WHY.get(field, "not a field that a persona has"))
    for field, given in value.items():
        if field not in {"type", "persona"} and given not in (None, "", [], {}):
            found.leave(f"{field} (outside persona)", _WHY.get(field, "not about who the agent is"))
    return found


def _age(found: Found, given: Any) -> None:
    text = str(given).strip() if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 150:
        found.age = int(text)
        found.kept["age"] = "age"
    elif given not in (None, ""):
        found.leave("age", f"'{shown(given)}' is no whole number of years up to 150")


def _sex(found: Found, persona: Mapping[str, Any]) -> None:
    for field in ("gender", "sex"):
        given = persona.get(field)
        if given in (None, "", [], {}):
            continue
        if not isinstance(given, str) or found.sex is not None or not shown(given).strip():
            found.leave(field, "must be text" if not isinstance(given, str) else "there is one already")
            continue
        found.sex = _SEXES.get(given.strip().casefold(), shown(given).strip())
        found.kept[field] = "sex"


def _words(value: Any) -> str:
    """A value as words: a text as it is, the items of a list a line each, parts with what they are called."""
    lines: list[str] = []
    size = 0
    for line in _lines(value, ""):
        lines.append(line)
        size += len(line)
        if size > MAX_SHEET:  # too long already, and labels could make much more of it
            break
    return "\n".join(lines)


def _lines(value: Any, label: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _lines(inside, " ".join(f"{label} {shown(key)}".replace("_", " ").split()))
    elif isinstance(value, list):
        flat = [str(item) for item in value if is_flat(item) and item != ""]
        yield from [f"{label}: {' '.join(flat)}"] if label and flat else flat
        for inside in value:
            if not is_flat(inside):
                yield from _lines(inside, label)
    elif is_flat(value) and value != "":
        yield f"{label}: {value}" if label else str(value)
