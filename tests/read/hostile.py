"""Logs without an end, made by hand: well-formed, hashed, and far longer than any run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def endless(log_path: Path, path: Path, count: int, kind: str) -> Path:
    """A log of so many records, begun with those of another one; see :func:`_records` for the kinds."""
    first, second, call, turn = (json.loads(line) for line in log_path.read_bytes().splitlines()[:4])
    assert [first["type"], second["type"], call["type"], turn["type"]] == [
        "header",
        "episode_started",
        "call",
        "turn",
    ]
    previous = ""
    with path.open("wb") as file:
        for number, record in zip(range(count), _records(first, second, call, turn, kind), strict=False):
            fields = {k: v for k, v in record.items() if k not in {"seq", "hash", "measured"}}
            body = json.dumps({"seq": number, **fields}, ensure_ascii=False, separators=(",", ":"))[:-1].encode()
            previous = hashlib.sha256(previous.encode() + body).hexdigest()
            file.write(body + f',"hash":"{previous}"}}\n'.encode())
    return path


def _records(header: Json, started: Json, call: Json, turn: Json, kind: str) -> Iterator[Json]:
    """A header, and for ever: turns with their calls, calls of no turn, episodes that begin, or warnings."""
    yield from (header, started)
    number = 0
    while True:
        number += 1
        match kind:
            case "turns":
                yield call | {"turn": number}
                yield turn | {"turn": number, "asked": number - 1, "acts": [], "changed": {}, "minutes": 0}
            case "calls":
                yield call | {"turn": 10**9 - number, "role": f"ghost{number}", "state": f"s{number}"}
            case "episodes":
                yield started | {"episode": number}
            case "warnings":
                yield {"type": "warning", "episode": 1, "turn": 1, "code": "x", "message": "\x1b[2J<b>" * 9}
