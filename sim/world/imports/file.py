"""Reading a file from elsewhere: bounded, as JSON or as the text of a picture, and told apart by what it says."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sim.errors import DefinitionError
from sim.world.imports import png
from sim.world.imports.cards import is_card, read_card
from sim.world.imports.found import MAX_NAME, Found, Left, cleaned, guessed_language, identifier
from sim.world.imports.tinytroupe import is_tinytroupe, read_tinytroupe

MAX_FILE = 32_000_000
"""The most bytes of a file; the JSON in it may have ``png.MAX_TEXT``."""

MAX_DEPTH = 60


@dataclass(frozen=True)
class Imported:
    """A persona made of a file from elsewhere.

    ``persona`` is what stands in its sheet, ``form`` what the file is called by its makers; ``kept`` says of each
    field of the file which key it went to; ``left`` are those that were not kept, or not as they stand.
    ``language`` is the key of its texts (None: for all languages), and ``is_guessed`` whether nobody said so;
    ``credit`` is who made it, as the file says.
    """

    persona: dict[str, Any]
    form: str
    kept: dict[str, str]
    left: tuple[Left, ...]
    language: str | None
    is_guessed: bool
    credit: str


def import_persona(path: Path, *, as_id: str | None = None, language: str | None = None) -> Imported:
    """Read a character card (V1, V2 or V3, as JSON or in a PNG) or an agent of TinyTroupe.

    Args:
        path: the file.
        as_id: the id of the persona; made of its name if left out. Names one that has no name, too.
        language: ``zh`` or ``en``; guessed from the letters of its texts if left out.

    Raises:
        DefinitionError: if it cannot be read as one of these.
    """
    name = str(path)
    value = _document(_bytes(path), name)
    try:
        if is_tinytroupe(value):
            found = read_tinytroupe(value, language, as_id or "")
        elif is_card(value):
            found = read_card(value, language, as_id or "")
        else:
            raise DefinitionError(f"{name}: neither a character card (V1, V2, V3) nor an agent of TinyTroupe")
    except ValueError as error:
        raise DefinitionError(f"{name}: {error}") from None
    called = " ".join(cleaned(found.name)[0].split())
    if not called:
        raise DefinitionError(f"{name}: the character has no name; give it an id with --name")
    if len(called) > MAX_NAME:
        raise DefinitionError(
            f"{name}: the name has {len(called):,} characters; a persona's has at most {MAX_NAME}"
        )
    spoken = language or guessed_language("\n".join(found.texts.values()) or called)
    persona = _sheet(found, identifier(as_id or called.casefold()), called, spoken)
    return Imported(persona, found.form, found.kept, tuple(found.left), spoken, language is None, found.credit)


def _sheet(found: Found, as_id: str, called: str, language: str | None) -> dict[str, Any]:
    """What stands in the sheet; texts have the language as key, where there is one."""
    persona: dict[str, Any] = {"persona": as_id, "name": {language: called} if language else called}
    if found.age is not None:
        persona["age"] = found.age
    if found.sex is not None:
        persona["sex"] = found.sex
    return persona | {key: {language: text} if language else text for key, text in found.texts.items()}


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise DefinitionError(f"{path}: {'not a file' if path.exists() else 'there is no such file'}")
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise DefinitionError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_FILE:
        raise DefinitionError(f"{path}: larger than {MAX_FILE:,} bytes")
    return data


def _document(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object of a file, or of the picture that carries it."""
    if data.startswith(png.SIGNATURE):
        texts = png.texts(data, name)
        keyword = next((k for k in ("ccv3", "chara") if k in texts), None)
        if keyword is None:
            raise DefinitionError(f"{name}: the picture carries no character (no text 'ccv3' or 'chara')")
        try:
            return _json(base64.b64decode(b"".join(texts[keyword].split()), validate=True), f"{name}, '{keyword}'")
        except binascii.Error:
            raise DefinitionError(f"{name}: the text '{keyword}' of the picture is not base64") from None
    if data.startswith((b"PK\x03\x04", b"\xff\xd8\xff", b"RIFF", b"GIF8")):
        raise DefinitionError(f"{name}: only JSON and PNG are read; of a CHARX file, unpack card.json")
    return _json(data, name)


def _json(data: bytes, name: str) -> dict[str, Any]:
    if len(data) > png.MAX_TEXT:
        raise DefinitionError(f"{name}: the JSON is larger than {png.MAX_TEXT:,} bytes")

    def no_number(word: str) -> NoReturn:
        raise DefinitionError(f"{name}: not JSON: '{word}' is no number")

    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=no_number)
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{name}: not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise DefinitionError(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except ValueError:
        raise DefinitionError(f"{name}: a number in it has too many digits") from None
    except RecursionError:
        raise DefinitionError(f"{name}: nested deeper than {MAX_DEPTH} levels") from None
    if not isinstance(value, dict):
        raise DefinitionError(f"{name}: must be a mapping of keys to values")
    _check_depth(value, name)
    return value


def _check_depth(value: Any, name: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inside
            for outer in level
            for inside in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inside, dict | list)
        ]
        if not level:
            return
    raise DefinitionError(f"{name}: nested deeper than {MAX_DEPTH} levels")
