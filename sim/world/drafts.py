"""Writing a persona as a commented sheet: checked before it is written, and never over a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sim.errors import DefinitionError
from sim.world.format import Persona
from sim.world.kinds import one_line
from sim.world.people import persona_problems
from sim.world.source import read_text
from sim.world.validation import validate

_WORDS = {
    "en": {
        "persona": "the file's name, by which worlds name the persona",
        "name": "what others call them",
        "age": "in years",
        "sex": "male, female, or a word of your own",
        "background": "who they are, and what brought them here",
        "traits": "what they are like",
        "goals": "what they want",
        "style": "how they speak",
        "knowledge": "what they know",
        "private": "what they know and do not tell of themselves",
    },
    "zh": {
        "persona": "就是文件名，世界里用它来指这个人",
        "name": "别人怎么称呼",
        "age": "年龄（岁）",
        "sex": "male（男）、female（女），或者自己写",
        "background": "是谁，为什么在这里",
        "traits": "性格",
        "goals": "想要什么",
        "style": "怎么说话",
        "knowledge": "知道什么",
        "private": "知道但不主动说的",
    },
}
_PLAIN = re.compile(r"[-+.~]?[\d.]*|true|false|null|[-+.\d]+")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; what a reader might take for a number or a flag in quotes."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if _PLAIN.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def draft(persona: Mapping[str, Any], language: str | None, head: Iterable[str] = ()) -> str:
    """The sheet of a persona as commented YAML: reading it gives the same values.

    Args:
        persona: the keys and values of the sheet, ``persona`` and ``name`` among them.
        language: that of the comments, ``zh`` or ``en``; English if None.
        head: lines of a comment at the top.

    Raises:
        DefinitionError: if it is no persona that a world could use, with every problem.
    """
    text = _written(persona, language, head, _yaml)
    if (
        read_text(text, "").value != persona
    ):  # a text that YAML's blocks cannot hold, as one that begins with spaces
        text = _written(persona, language, head, _quoted)
    name = f"{persona['persona']}.yaml"
    source = read_text(text, name)
    checked = validate(source, Persona)
    problems = list(source.problems)
    if checked is not None:
        problems += persona_problems(checked, str(persona["persona"]), source)
    if problems:
        raise DefinitionError.of(problems)
    return text


def write_draft(path: Path, text: str) -> None:
    """Write a sheet to a file that is not there yet; its folder is made.

    Raises:
        DefinitionError: if the file is there already, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DefinitionError(f"cannot make the folder {path.parent}: {error.strerror}") from None
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise DefinitionError(f"{path} is there already") from None
    except OSError as error:
        raise DefinitionError(f"cannot write {path}: {error.strerror}") from None


def _written(persona: Mapping[str, Any], language: str | None, head: Iterable[str], entry: Any) -> str:
    lines = [f"# {one_line(line)}" for line in head]
    for key, word in _WORDS["zh" if language == "zh" else "en"].items():
        given = persona.get(key)
        if key not in persona:
            example = f"{{{language}: …}}" if language and key not in {"age", "sex"} else "…"
            lines.append(f"# {key}: {example}   # {word}")
            continue
        lines += [f"# {word}", entry(key, given)]
    return "\n".join(lines) + "\n"


def _yaml(key: str, value: Any) -> str:
    text: str = yaml.dump(
        {key: value}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=False, width=100_000
    )
    return text.rstrip("\n")


def _quoted(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join([f"{key}:", *(f"  {k}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())])
    return f"{key}: {json.dumps(value, ensure_ascii=False)}"
