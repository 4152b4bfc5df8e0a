"""Texts of PNG files: read where they are sound, refused in one line where they are not."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from sim.errors import DefinitionError
from sim.world.imports import png
from tests.world.imports.making import chunk, international, packed, picture, text


def refused(data: bytes) -> str:
    with pytest.raises(DefinitionError) as caught:
        png.texts(data, "a.png")
    assert "\n" not in str(caught.value)
    return str(caught.value)


BODIES = {
    "tEXt": text(b"chara", b"abc"),
    "zTXt": packed(b"chara", b"abc"),
    "iTXt": international(b"chara", b"abc"),
    "iTXt, packed": international(b"chara", b"abc", is_packed=True),
    "a capital letter": text(b"Chara", b"abc"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_text_is_found_in_each_kind_of_chunk(body: bytes) -> None:
    """By its keyword in small letters, as programs look for it."""
    assert png.texts(picture(body), "a.png") == {"chara": b"abc"}


def test_other_texts_are_passed_over_and_of_several_the_first_counts() -> None:
    """Pictures carry much that is no character."""
    data = picture(text(b"Comment", b"x"), text(b"chara", b"1"), text(b"ccv3", b"2"), text(b"chara", b"3"))
    assert png.texts(data, "a.png") == {"chara": b"1", "ccv3": b"2"}


def test_a_picture_that_pillow_wrote_is_read() -> None:
    """The reader and a writer that is not ours agree on the format."""
    info = PngImagePlugin.PngInfo()
    info.add_text("chara", "plain")
    info.add_text("ccv3", "packed", zip=True)
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "navy").save(file, "PNG", pnginfo=info)
    assert png.texts(file.getvalue(), "a.png") == {"chara": b"plain", "ccv3": b"packed"}


def test_a_picture_that_is_cut_off_anywhere_is_refused() -> None:
    """At every byte, with a message that says that it is cut off."""
    whole = picture(text(b"chara", b"abc"))
    for length in range(8, len(whole)):
        assert refused(whole[:length]).startswith("a.png: the PNG is cut off"), length


def test_a_changed_bit_is_found_by_the_checksum() -> None:
    """The message names the chunk and where it begins."""
    whole = bytearray(picture(text(b"chara", b"abc")))
    whole[whole.index(b"abc")] ^= 1
    assert refused(bytes(whole)) == "a.png: the tEXt chunk at byte 33 is damaged: its checksum is wrong"


@pytest.mark.parametrize("length", [png.MAX_TEXT + 1, 20 * png.MAX_TEXT])
def test_a_text_that_unpacks_to_more_than_is_allowed_is_refused(length: int) -> None:
    """A small file cannot ask for much memory."""
    bomb = packed(b"chara", b"A" * length)
    assert len(bomb) < 200_000
    message = refused(picture(bomb))
    assert message == f"a.png: the zTXt chunk at byte 33 is larger than {png.MAX_TEXT:,} bytes"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (chunk(b"tEXt", b"chara"), "a.png: the tEXt chunk at byte 33 has no keyword"),
        (chunk(b"tEXt", b"\0abc"), "a.png: the tEXt chunk at byte 33 has no keyword"),
        (chunk(b"zTXt", b"chara\0\1abc"), "a.png: the zTXt chunk at byte 33 is packed in an unknown way"),
        (chunk(b"zTXt", b"chara\0\0abc"), "a.png: the zTXt chunk at byte 33 cannot be unpacked"),
        (
            chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"abc" * 99)[:-3]),
            "a.png: the zTXt chunk at byte 33 is cut off",
        ),
        (chunk(b"iTXt", b"chara\0\0"), "a.png: the iTXt chunk at byte 33 is not what the PNG format says"),
        (chunk(b"iTXt", b"chara\0\0\0en\0abc"), "a.png: the iTXt chunk at byte 33 is not what the PNG format says"),
        (chunk(b"IHDR", b""), "a.png: not a PNG chunk at byte 33"),
        (chunk(b"\x1b[2J", b""), "a.png: not a PNG chunk at byte 33"),
    ],
)
def test_a_chunk_that_is_not_as_the_format_says_is_refused(body: bytes, message: str) -> None:
    """Each with what is wrong with it, and where."""
    assert refused(picture(body)) == message


def said(data: bytes) -> str:
    """The error of a file for people; nothing where it can be read."""
    try:
        assert set(png.texts(data, "a.png")) <= {"chara", "ccv3"}
    except DefinitionError as error:
        return str(error)
    return ""


@given(st.binary(max_size=200), st.integers(8, 60))
def test_rubbish_after_the_signature_is_refused_or_read_and_never_more(rubbish: bytes, at: int) -> None:
    """Whatever the bytes are, there is a mapping or an error for people."""
    whole = picture(text(b"chara", b"abc"))
    assert said(png.SIGNATURE + rubbish).startswith("a.png: ")
    assert said(whole[:at] + rubbish + whole[at:])[:7] in {"", "a.png: "}


@given(st.sampled_from([b"tEXt", b"zTXt", b"iTXt"]), st.binary(max_size=60), st.sampled_from([b"", b"chara\0"]))
def test_rubbish_in_a_chunk_is_refused_or_read_and_never_more(kind: bytes, body: bytes, keyword: bytes) -> None:
    """Here the checksum is right, so the reader comes to what is inside."""
    where = f"a.png: the {kind.decode()} chunk at byte 33 "
    assert said(picture(chunk(kind, keyword + body)))[: len(where)] in {"", where}
