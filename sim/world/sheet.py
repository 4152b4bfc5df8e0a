"""The character sheet: a persona as the words that open its agent's system prompt."""

from __future__ import annotations

from sim.errors import did_you_mean
from sim.world.format import Persona
from sim.world.kinds import label_of
from sim.world.templates import TemplateError, names_in, render

_PARTS = ("background", "traits", "goals", "style", "knowledge", "private")

_SHEET = {
    "zh": "你是{{ name }}{% if about %}（{{ about }}）{% endif %}。{{ parts | join('') }}",
    "en": "You are {{ name }}{% if about %} ({{ about }}){% endif %}. {{ parts | join(' ') }}",
}
_SEX = {"zh": {"male": "男", "female": "女"}, "en": {}}
_AGE = {"zh": "{}岁", "en": "{}"}


def sheet(persona: Persona, language: str) -> str:
    """Write the character sheet of a persona in a language."""
    own = label_of(persona.prompt, language)
    base = "zh" if language.startswith("zh") else "en"
    about = [_SEX[base].get(persona.sex, persona.sex)] if persona.sex else []
    about += [_AGE[base].format(persona.age)] if persona.age is not None else []
    words = {part: label_of(getattr(persona, part), language) for part in _PARTS}
    values: dict[str, object] = {
        "name": label_of(persona.name, language),
        "age": "" if persona.age is None else persona.age,
        "sex": persona.sex or "",
        "about": ("，" if base == "zh" else ", ").join(about),
        "parts": [w for w in words.values() if w],
        **words,
    }
    return render(own or _SHEET[base], values).strip()


def sheet_problems(persona: Persona) -> list[str]:
    """What is wrong with a persona's own prompt template."""
    known = {"name", "age", "sex", "about", "parts", *_PARTS}
    problems: list[str] = []
    for text in persona.prompt.values():
        try:
            problems += [f"unknown name '{n}'{did_you_mean(n, known)}" for n in sorted(names_in(text) - known)]
        except TemplateError as error:
            problems.append(str(error))
    return problems
