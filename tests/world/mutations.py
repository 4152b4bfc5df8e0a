"""Worlds with something wrong in them: the bundled ones, changed by a seed in their tree, lines or bytes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from sim.world.source import read_yaml

WORLDS = Path(__file__).resolve().parents[2] / "worlds"
NAMES = sorted(path.parent.name for path in WORLDS.glob("*/world.yaml"))
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 2.5, 10**17, "", " ", "x", "all", "self", "true", "1/0", "a and", "{{ x",
    "{% if %}", "9" * 600, "，", "注意：", [], {}, [None], [[1]], {"a b": 1}, {"*": "x"}, {"is": "x"}, {"to": "x"},
    {"en": None}, {"pick": []}, {"of": {}}, {"a": {"b": {"c": {}}}},
)  # fmt: skip
SIGNS = (
    "：", "，", "\t", "\x00", "\x1b", "\ufeff", "{", "}", "[", "]", "'", '"', "&a ", "*a ", "!x ", "- ", "# ", "|",
)  # fmt: skip

Node = tuple[Any, Any]
"""A mapping or a list, and the key or index of one of its values."""


def mutate(seed: int, folder: Path) -> str:
    """Write a bundled world into a folder with one to three changes; what was changed, in words."""
    draw = random.Random(seed)
    name = draw.choice(NAMES)
    shutil.copytree(WORLDS / name, folder, dirs_exist_ok=True)
    files = sorted(folder.glob("*.yaml"))
    path = folder / "world.yaml" if draw.random() < 0.8 else draw.choice(files)
    how = draw.choice((_tree, _tree, _tree, _lines, _bytes))
    done = [how(draw, path) for _ in range(draw.choice((1, 1, 2, 3)))]
    return f"{name}/{path.name}: {', '.join(done)}"


def _nodes(value: Any) -> Iterator[Node]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _nodes(inner)


def _tree(draw: random.Random, path: Path) -> str:
    """Change one node of the tree, if it still is one."""
    value = read_yaml(path).value
    nodes = list(_nodes(value))
    if not nodes:
        return "nothing"
    change = draw.choice((_delete, _duplicate, _swap, _rename, _retype, _retype, _misspell, _wrap))
    done = change(draw, nodes)
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=1000), encoding="utf-8")
    return done


def _delete(draw: random.Random, nodes: list[Node]) -> str:
    holder, key = draw.choice(nodes)
    del holder[key]
    return f"{key} deleted"


def _duplicate(draw: random.Random, nodes: list[Node]) -> str:
    holder, key = draw.choice(nodes)
    if isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        holder[f"{key}_2"] = holder[key]
    return f"{key} twice"


def _swap(draw: random.Random, nodes: list[Node]) -> str:
    (one, key), (other, second) = draw.choice(nodes), draw.choice(nodes)
    if id(one) in _inside(other[second]) or id(other) in _inside(one[key]):
        return "nothing"
    one[key], other[second] = other[second], one[key]
    return f"{key} and {second} swapped"


def _inside(value: Any) -> set[int]:
    """The identities of a value and of all mappings and lists in it."""
    return {id(value)} | {id(holder[key]) for holder, key in _nodes(value)}


def _rename(draw: random.Random, nodes: list[Node]) -> str:
    keyed = [(h, k) for h, k in nodes if isinstance(h, dict)]
    holder, key = draw.choice(keyed)
    new = draw.choice(keyed)[1]
    items = [(new if k == key else k, v) for k, v in holder.items()]
    holder.clear()
    holder.update(items)
    return f"{key} called {new}"


def _retype(draw: random.Random, nodes: list[Node]) -> str:
    holder, key = draw.choice(nodes)
    holder[key] = draw.choice(JUNK)
    return f"{key} is {str(holder[key])[:20]!r}"


def _misspell(draw: random.Random, nodes: list[Node]) -> str:
    texts = [(h, k) for h, k in nodes if isinstance(h[k], str) and h[k]]
    if not texts:
        return "nothing"
    holder, key = draw.choice(texts)
    at = draw.randrange(len(holder[key]))
    holder[key] = holder[key][:at] + draw.choice(("", "x", *SIGNS)) + holder[key][at + 1 :]
    return f"{key} misspelt"


def _wrap(draw: random.Random, nodes: list[Node]) -> str:
    holder, key = draw.choice(nodes)
    value = holder[key]
    holder[key] = draw.choice(([value], {"x": value}, {"en": value}, [value, value]))
    return f"{key} wrapped"


def _lines(draw: random.Random, path: Path) -> str:
    """Change one line of the text."""
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    at = draw.randrange(len(lines))
    changes: tuple[Callable[[str], list[str]], ...] = (
        lambda _: [],
        lambda line: [line, line],
        lambda line: ["  " + line],
        lambda line: ["\t" + line],
        lambda line: [line[2:]],
        lambda line: [line.replace(":", "：", 1)],
        lambda line: [line.replace(",", "，")],
        lambda line: [line.replace('"', "", 1)],
        lambda line: [line[: len(line) // 2]],
    )
    number = draw.randrange(len(changes))
    lines[at : at + 1] = changes[number](lines[at])
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
    return f"line {at + 1} changed ({number})"


def _bytes(draw: random.Random, path: Path) -> str:
    """Change, cut or add a few bytes."""
    data = bytearray(path.read_bytes())
    at = draw.randrange(len(data) + 1)
    given = draw.choice((draw.randbytes(3), draw.choice(SIGNS).encode(), b"\xff\xfe", b"\r", b""))
    data[at : at + draw.choice((0, 1, 20))] = given
    if draw.random() < 0.1:
        data = bytearray(bytes(data).decode("utf-8", errors="replace").encode(draw.choice(("utf-16", "gb18030"))))
    path.write_bytes(bytes(data))
    return f"bytes at {at} changed"
