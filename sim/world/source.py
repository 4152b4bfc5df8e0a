"""YAML text to plain values, with the place of each value kept for messages.

Loading is safe and bounded: no tags, no anchors (an alias can grow a small file without limit), no
duplicate keys, at most ``MAX_BYTES`` bytes and ``MAX_DEPTH`` levels. Only ``true``, ``false``, ``null``
and numbers are anything but text: ``on``, ``off``, ``yes`` and ``no`` are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sim.errors import Problem
from sim.world.kinds import CONTROL
from sim.world.mending import mistake_in

MAX_BYTES = 400_000
MAX_DEPTH = 40
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

Key = str | int
KeyPath = tuple[Key, ...]

_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_TOP: Any = yaml.Mark("", 0, 0, 0, None, 0)


class _Loader(_BASE):  # type: ignore[misc, valid-type]
    """Resolves the plain scalars of YAML 1.2's core schema, and nothing else."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:0|[1-9][0-9]{0,17})?\.[0-9]{1,18}$", "-+0123456789."),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


@dataclass
class Source:
    """The value of one YAML file and the line and column at which each part of it stands.

    ``marks`` maps a key path, such as ``("states", "till", "go", 0)``, to ``(file, line, column)``,
    counted from 1. ``within`` is where the value stands in the file, if it is not the whole.
    """

    value: Any = None
    marks: dict[KeyPath, tuple[str, int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    name: str = ""
    within: KeyPath = ()

    def problem(self, path: KeyPath, code: str, message: str) -> Problem:
        """Make a problem at the innermost known place of ``path``."""
        at = path
        while at and at not in self.marks:
            at = at[:-1]
        file, line, column = self.marks.get(at, (self.name, 1, 1))
        where = ".".join(str(p) for p in (*self.within, *path) if p != "*")
        message = " ".join(message.splitlines())
        return Problem(file, line, column, code, f"{where}: {message}" if where else message)


def read_yaml(path: Path, shown: str | None = None) -> Source:
    """Read one YAML file; whatever is wrong with it is in ``problems`` of what is returned."""
    name = shown or str(path)
    source = Source(name=name)

    def refuse(code: str, message: str, line: int = 1, column: int = 1) -> Source:
        source.problems.append(Problem(name, line, column, code, message))
        return source

    try:
        if path.stat().st_size > MAX_BYTES:
            return refuse("too-large", f"the file is larger than {MAX_BYTES:,} bytes")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return refuse("unreadable", f"cannot read the file: {error.strerror or error}")
    except UnicodeDecodeError as error:
        line = bytes(error.object[: error.start]).count(b"\n") + 1
        return refuse(
            "not-utf8", f"not UTF-8 text (byte {error.start}): is this a YAML file, saved as UTF-8?", line
        )
    return _parse(text, source)


def read_text(text: str, name: str) -> Source:
    """Read YAML that is in no file yet; whatever is wrong with it is in ``problems`` of what is returned."""
    return _parse(text, Source(name=name))


def _parse(text: str, source: Source) -> Source:
    name = source.name
    loader: Any = None
    try:
        loader = _Loader(text)
        depth = 0
        for event in yaml.parse(text, Loader=_BASE):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                mark = event.start_mark or _TOP
                message = "anchors and aliases (& and *) are not used in these files"
                source.problems.append(Problem(name, mark.line + 1, mark.column + 1, "alias", message))
                return source
            tag = getattr(event, "tag", None)
            if tag:
                mark = event.start_mark or _TOP
                shown = tag.replace("tag:yaml.org,2002:", "!!")
                message = f"tags such as '{shown}' are not used in these files; put a text with '!' in quotes"
                source.problems.append(Problem(name, mark.line + 1, mark.column + 1, "tag", message))
                return source
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                mark = event.start_mark or _TOP
                source.problems.append(Problem(name, mark.line + 1, mark.column + 1, "too-deep", _TOO_DEEP))
                return source
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        line, column, message = mistake_in(text, error)
        if "nesting depth" in message:  # the C scanner looks ahead, and has a limit of its own
            source.problems.append(Problem(name, line, column, "too-deep", _TOO_DEEP))
        else:
            source.problems.append(Problem(name, line, column, "yaml", message))
        return source
    finally:
        if loader is not None:
            loader.dispose()
    if node is not None:
        source.value = _build(node, (), source)
    return source


def _build(node: yaml.Node, path: KeyPath, source: Source) -> Any:
    mark = node.start_mark
    place = (source.name, mark.line + 1, mark.column + 1)
    source.marks.setdefault(path, place)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if not isinstance(key_node, yaml.ScalarNode):
                source.problems.append(Problem(source.name, line, column, "key", "a key must be a single word"))
                continue
            key = str(key_node.value)
            if CONTROL.search(key):
                source.problems.append(
                    Problem(source.name, line, column, "control", "a key holds control characters")
                )
                continue
            here = (*path, key)
            if "：" in key and isinstance(value_node, yaml.ScalarNode) and not value_node.value:
                column += key.index("：")
                message = "'：' is a Chinese colon; write ':' and a blank"
                source.problems.append(Problem(source.name, line, column, "yaml", message))
                continue
            if key in mapping:
                first = source.marks[here][1]
                message = f"'{key}' stands twice in the same place (first on line {first})"
                source.problems.append(Problem(source.name, line, column, "duplicate-key", message))
                continue
            source.marks[here] = (source.name, line, column)
            mapping[key] = _build(value_node, here, source)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, i), source) for i, item in enumerate(node.value)]
    if CONTROL.search(node.value):
        source.problems.append(
            Problem(*place, "control", "holds control characters, which are not used in these files")
        )
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    value = str(node.value)
    match node.tag.rpartition(":")[2]:
        case "bool":
            return value == "true"
        case "null":
            return None
        case "int":
            return int(value)
        case "float":
            return float(value)
    return value


def merge(base: Source, patch: Any, at: KeyPath) -> Source:
    """Apply a JSON merge patch (RFC 7386) that stands at ``at`` in the same source.

    Mappings are merged key by key, ``null`` takes a key away, and anything else replaces. Places follow
    the values, so that an error in a patch is reported where the patch stands.
    """
    marks = dict(base.marks)
    value = _merged(base.value, patch, (), at, marks)
    return Source(value, marks, list(base.problems), base.name)


def _merged(base: Any, patch: Any, path: KeyPath, at: KeyPath, marks: dict[KeyPath, tuple[str, int, int]]) -> Any:
    if not isinstance(patch, dict):
        _forget(base, path, marks)
        for key in _paths(patch, at):
            if key in marks:
                marks[(*path, *key[len(at) :])] = marks[key]
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    if not isinstance(base, dict) and at in marks:
        _forget(base, path, marks)
        marks[path] = marks[at]
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
            continue
        source_at = (*at, key)
        if source_at in marks:
            marks.setdefault((*path, key), marks[source_at])
        result[key] = _merged(result.get(key), change, (*path, key), source_at, marks)
    return result


def _forget(value: Any, path: KeyPath, marks: dict[KeyPath, tuple[str, int, int]]) -> None:
    for key in _paths(value, path):
        marks.pop(key, None)


def _paths(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """The key paths of a value that stands at ``path``, and of all that is in it."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))
