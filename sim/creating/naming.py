"""What a user names: worlds, roles and phases, in any script, as ids and as words."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sim.creating.templates import Part, Range, Template
from sim.errors import DefinitionError, did_you_mean
from sim.world.imports.found import MAX_NAME, cleaned, identifier
from sim.world.kinds import one_line
from sim.world.vocabulary import FUNCTIONS, RESERVED

_TEMPLATE_WORDS = {"none", "None", "True", "False", "is"}
"""What Jinja reads as something else than a name."""


def plain_text(text: str, option: str) -> str:
    """A name or title as it may stand in a world's texts.

    Raises:
        DefinitionError: if it is empty, too long, of several lines, or could be read as a template.
    """
    words = " ".join(unicodedata.normalize("NFC", text).split())
    shown = f"{option} '{one_line(words)[:60]}'"
    if not words:
        raise DefinitionError(f"{option}: a name is needed, and this is empty")
    if len(words) > MAX_NAME:
        raise DefinitionError(f"{shown}: at most {MAX_NAME} characters")
    if cleaned(words)[1] or one_line(words) != words:
        raise DefinitionError(f"{shown}: holds control characters")
    if set(words) & set("{}"):
        raise DefinitionError(f"{shown}: braces stand for names in a world's texts; leave them out")
    return words


def as_id(text: str, option: str) -> str:
    """The id that is made of a name: letters of any script, digits and ``_``.

    Raises:
        DefinitionError: if nothing can be made of it, or it means something in the language of worlds.
    """
    made = identifier(unicodedata.normalize("NFKC", text).replace("-", "_"))
    has_letter = any(c.isalpha() for c in text)
    if not has_letter or not made.isidentifier():
        raise DefinitionError(f"{option} '{one_line(text)[:60]}': a name has letters in it, of any script")
    if made in RESERVED or made in FUNCTIONS or made in _TEMPLATE_WORDS:
        raise DefinitionError(f"{option} '{made}': this word means something in a world; take another name")
    return made


def _named(text: str, option: str) -> Part:
    given, equals, called = text.partition("=")
    words = plain_text(called if equals else given, option)
    name = words[0].upper() + words[1:].replace("_", " ") if words.isascii() else words
    return Part(as_id(plain_text(given, option), option), {"en": name, "zh": name})


def named_roles(template: Template, given: Sequence[str]) -> tuple[Part, ...]:
    """The roles: those of the template, or those that are given as ``ID`` or ``ID=NAME``.

    Raises:
        DefinitionError: if one cannot be used, or there are too few or too many.
    """
    if not given:
        return template.roles
    roles = tuple(_named(text, "--role") for text in given)
    _check_number(template, roles, template.role_range, "--role")
    empty = {"en": "", "zh": ""}
    return tuple(replace(role, part=empty, background=empty) for role in roles)


def named_phases(template: Template, given: Sequence[str], roles: Sequence[Part]) -> tuple[Part, ...]:
    """The phases: those of the template, or those that are given as ``NAME`` or ``NAME=ROLE``.

    Where each phase is one role's, those without a role go in turn to all roles but the first, and first
    to those that have none.

    Raises:
        DefinitionError: if one cannot be used, there are too few or too many, or a role would have nothing to do.
    """
    has_owners = any(phase.by for phase in template.phases)
    if not given:
        if not has_owners or all(role.is_default for role in roles):
            return template.phases
        return tuple(_with(role) for role in roles[1:])
    if template.phase_range.most == 0:
        raise DefinitionError(f"--phase: the template '{template.name}' has phases of its own")
    others = [role.id for role in roles[1:]]
    phases = [_phase(template, text, others) for text in given]
    if has_owners:
        free = [other for other in others if other not in {phase.by for phase in phases}]
        turn = itertools.cycle([*free, *(other for other in others if other not in free)])
        phases = [phase if phase.by else replace(phase, by=next(turn)) for phase in phases]
    _check_number(template, phases, template.phase_range, "--phase")
    idle = [other for other in others if has_owners and other not in {phase.by for phase in phases}]
    if idle:
        raise DefinitionError(f"no phase is for '{idle[0]}'; give one more --phase, or NAME={idle[0]}")
    return tuple(phases)


def _phase(template: Template, text: str, others: Sequence[str]) -> Part:
    """A phase as it is named, with its role if that is named too."""
    name, equals, owner = text.partition("=")
    if not equals:
        return _named(name, "--phase")
    if not any(phase.by for phase in template.phases):
        raise DefinitionError(f"--phase '{one_line(text)}': a phase of '{template.name}' is nobody's own")
    by = as_id(owner, "--phase")
    if by not in others:
        raise DefinitionError(f"--phase '{one_line(text)}': no such role{did_you_mean(by, others)}")
    return replace(_named(name, "--phase"), by=by)


def _with(role: Part) -> Part:
    """The phase of a role, where the user names roles and no phases."""
    return Part(f"with_{role.id}", {"en": f"With {role.name['en']}", "zh": f"找{role.name['zh']}"}, by=role.id)


def _check_number(template: Template, parts: Sequence[Part], allowed: Range, option: str) -> None:
    if not allowed.least <= len(parts) <= allowed.most:
        wanted = str(allowed.least) if allowed.least == allowed.most else f"{allowed.least} to {allowed.most}"
        there = f"{len(parts)} {'is' if len(parts) == 1 else 'are'} given"
        raise DefinitionError(f"{option}: '{template.name}' takes {wanted}, and {there} ({allowed.what['en']})")


def check_names(template: Template, parts: Iterable[Part], own: Mapping[str, str]) -> None:
    """Hold the ids of roles and phases against each other and against those of the template.

    Args:
        template: whose names they are.
        parts: the roles and phases.
        own: the names that the template itself uses, and what for.

    Raises:
        DefinitionError: naming the first that is taken.
    """
    seen: set[str] = set()
    called: set[tuple[bool, str]] = set()
    for part in parts:
        if part.id in own:
            raise DefinitionError(f"'{part.id}' is what '{template.name}' calls {own[part.id]}; take another name")
        if part.id.casefold() in seen:  # a file for each, on any system
            raise DefinitionError(f"'{part.id}' is named twice; roles and phases need names of their own")
        seen.add(part.id.casefold())
        for words in set(part.name.values()):
            if (part.is_role, words.casefold()) in called:
                raise DefinitionError(f"two are called '{words}'; nobody could tell them apart")
            called.add((part.is_role, words.casefold()))
