"""The texts that a PNG file carries, read chunk by chunk, with every length and checksum checked.

Source of the rules: Portable Network Graphics (PNG) Specification, sections 5 (chunks) and 11.3.3 (text). The
picture itself is not decoded.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sim.errors import DefinitionError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 8_000_000
"""The most bytes that one text may have, as it stands or unpacked."""

MAX_CHUNKS = 100_000


def texts(data: bytes, name: str) -> dict[str, bytes]:
    """The texts of a PNG file (tEXt, zTXt and iTXt chunks) by keyword in small letters; of several, the first.

    Args:
        data: the whole file.
        name: what the file is called in messages.

    Raises:
        DefinitionError: if the file is cut off or damaged, or a text is too long.
    """
    found: dict[str, bytes] = {}
    for kind, body, at in _chunks(data, name):
        if kind not in {b"tEXt", b"zTXt", b"iTXt"}:
            continue
        where = f"{name}: the {kind.decode()} chunk at byte {at}"
        keyword, nul, rest = body.partition(b"\0")
        if not nul or not 1 <= len(keyword) <= 79:
            raise DefinitionError(f"{where} has no keyword")
        key = keyword.decode("latin-1").lower()
        if key in found or key not in {"chara", "ccv3"}:
            continue
        text = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}[kind](rest, where)
        if len(text) > MAX_TEXT:
            raise DefinitionError(f"{where} is larger than {MAX_TEXT:,} bytes")
        found[key] = text
    return found


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes, int]]:
    """The chunks of a file, each with its kind, its content and where it begins."""
    at = len(SIGNATURE)
    for number in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise DefinitionError(f"{name}: the PNG is cut off at byte {len(data)}")
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if not kind.isalpha() or (number == 0) != (kind == b"IHDR"):
            raise DefinitionError(f"{name}: not a PNG chunk at byte {at}")
        end = at + 8 + length
        if end + 4 > len(data):
            raise DefinitionError(f"{name}: the PNG is cut off in the {kind.decode()} chunk at byte {at}")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise DefinitionError(
                f"{name}: the {kind.decode()} chunk at byte {at} is damaged: its checksum is wrong"
            )
        if kind == b"IEND":
            return
        yield kind, data[at + 8 : end], at
        at = end + 4
    raise DefinitionError(f"{name}: the PNG has more than {MAX_CHUNKS:,} chunks")


def _plain(rest: bytes, _: str) -> bytes:
    return rest


def _packed(rest: bytes, where: str) -> bytes:
    if rest[:1] != b"\0":
        raise DefinitionError(f"{where} is packed in an unknown way")
    return _unpacked(rest[1:], where)


def _international(rest: bytes, where: str) -> bytes:
    flags, language, text = rest[:2], rest[2:].partition(b"\0"), b""
    translated = language[2].partition(b"\0")
    if len(flags) < 2 or not language[1] or not translated[1] or flags[0] > 1 or flags[1] != 0:
        raise DefinitionError(f"{where} is not what the PNG format says")
    text = translated[2]
    return _unpacked(text, where) if flags[0] else text


def _unpacked(packed: bytes, where: str) -> bytes:
    """What was packed with zlib, as far as it is not larger than a text may be."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_TEXT + 1)
    except zlib.error:
        raise DefinitionError(f"{where} cannot be unpacked") from None
    if len(text) <= MAX_TEXT and not unpacker.eof:
        raise DefinitionError(f"{where} is cut off")
    return text
