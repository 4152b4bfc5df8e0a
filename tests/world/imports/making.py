"""Cards and pictures made up for the tests."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

MIRA: dict[str, Any] = {
    "name": "Mira Vale",
    "description": "{{char}} keeps the light on Gull Rock. {{user}} rows out to her.\n\nShe has a wooden leg.",
    "personality": "Dry, patient: 'never in a hurry'.",
    "scenario": "A storm is coming.",
    "first_mes": "Who is there?",
    "mes_example": "<START>\n{{USER}}: Hello?\n{{ Char }}: Mind the step.",
}
"""A card of version 1."""

WEI: dict[str, Any] = {
    "name": "魏三娘",
    "description": "{{char}}在渡口开茶馆，{{user}}常来喝茶。",
    "personality": "爽快，嘴上不饶人。",
    "scenario": "",
    "first_mes": "",
    "mes_example": "",
}

TESS: dict[str, Any] = {
    "type": "TinyPerson",
    "persona": {
        "name": "Tess Arlo",
        "age": 41,
        "gender": "Female",
        "nationality": "Irish",
        "occupation": {"title": "Beekeeper", "description": "You keep forty hives."},
        "style": "Short sentences. Says {{char}} when she means herself.",
        "personality": {"traits": ["You are calm.", "You hum."], "big_five": {"openness": "High."}},
        "long_term_goals": ["To win the honey fair.", "To rest."],
        "skills": ["You can read a swarm."],
        "shoe_size": 39,
    },
    "mental_faculties": [{"type": "RecallFaculty"}],
}


def v2(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A card of version 2 with these fields."""
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": data, **more}


def v3(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A card of version 3 with these fields."""
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": data, **more}


def written(folder: Path, value: Any, name: str = "card.json") -> Path:
    """A JSON file of a value."""
    path = folder / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def encoded(value: Any) -> bytes:
    """A value as the text of a picture has it: JSON as base64."""
    return base64.b64encode(json.dumps(value).encode())


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(*texts: bytes) -> bytes:
    """A PNG of one pixel with these chunks after its first."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(texts) + pixel + chunk(b"IEND", b"")


def text(keyword: bytes, body: bytes) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + body)


def packed(keyword: bytes, body: bytes) -> bytes:
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(body))


def international(keyword: bytes, body: bytes, *, is_packed: bool = False) -> bytes:
    flags = b"\1\0" if is_packed else b"\0\0"
    return chunk(b"iTXt", keyword + b"\0" + flags + b"en\0word\0" + (zlib.compress(body) if is_packed else body))
