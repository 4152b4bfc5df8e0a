"""Files from elsewhere, told apart and bounded; hostile ones end in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.errors import DefinitionError
from sim.world.drafts import draft
from sim.world.format import Persona
from sim.world.imports import file as file_module
from sim.world.imports import png
from sim.world.imports.file import import_persona
from sim.world.source import read_text
from sim.world.validation import validate
from tests.world.imports.making import MIRA, TESS, WEI, encoded, packed, picture, text, v2, v3, written

CARDS = [MIRA, WEI, v2(MIRA), v3(WEI), TESS]


def saved(folder: Path, data: bytes, name: str = "a.json") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(DefinitionError) as caught:
        import_persona(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}/", "")


@pytest.mark.parametrize("card", CARDS, ids=["V1", "V1 in Chinese", "V2", "V3 in Chinese", "TinyTroupe"])
def test_what_is_imported_is_a_sound_sheet_with_the_very_texts(card: dict[str, Any], tmp_path: Path) -> None:
    """Written and read again, with nothing changed on the way."""
    done = import_persona(written(tmp_path, card))
    source = read_text(draft(done.persona, done.language, ["From a.json"]), "a.yaml")
    assert (source.value, source.problems) == (done.persona, [])
    persona = validate(source, Persona)
    assert persona is not None
    data = card.get("data", card.get("persona", card))
    assert persona.name == {done.language: data["name"]}
    if "personality" in data and isinstance(data["personality"], str):
        assert persona.traits == {done.language: data["personality"]}


def test_the_id_is_made_of_the_name_and_the_language_guessed(tmp_path: Path) -> None:
    """Unless they are given."""
    path = written(tmp_path, WEI)
    done = import_persona(path)
    assert (done.persona["persona"], done.language, done.is_guessed) == ("魏三娘", "zh", True)
    done = import_persona(path, as_id="wei", language="en")
    assert (done.persona["persona"], done.language, done.is_guessed) == ("wei", "en", False)
    assert done.persona["name"] == {"en": "魏三娘"}


def test_texts_in_another_language_are_for_all(tmp_path: Path) -> None:
    """They are given no key that they are not."""
    done = import_persona(written(tmp_path, {"name": "ミオ", "description": "ひとりで灯台を守っている。"}))
    assert (done.language, done.persona["background"]) == (None, "ひとりで灯台を守っている。")


def test_of_a_picture_version_3_is_taken_before_version_2(tmp_path: Path) -> None:
    """As its specification says; alone, either is taken, also packed."""
    old, new = encoded(v2({**MIRA, "name": "Old"})), encoded(v3({**MIRA, "name": "New"}))
    both = picture(text(b"chara", old), text(b"ccv3", new))
    assert import_persona(saved(tmp_path, both)).persona["persona"] == "new"
    assert import_persona(saved(tmp_path, picture(text(b"chara", old)))).persona["persona"] == "old"
    assert import_persona(saved(tmp_path, picture(packed(b"ccv3", new)))).persona["persona"] == "new"


def test_a_character_without_a_name_needs_one(tmp_path: Path) -> None:
    """The id that is given names it, in its texts too."""
    path = written(tmp_path, {**MIRA, "name": " \x1b"})
    assert refused(path) == "card.json: the character has no name; give it an id with --name"
    path = written(tmp_path, {**MIRA, "name": ""})
    persona = import_persona(path, as_id="mira").persona
    assert (persona["name"], persona["background"]["en"][:11]) == ({"en": "mira"}, "mira keeps ")


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "a.json:1:1: not JSON: Expecting value"),
    "half of it": (b'{"name": "Mi', "a.json:1:10: not JSON: Unterminated string starting at"),
    "a list": (b"[]", "a.json: must be a mapping of keys to values"),
    "something else": (b'{"a": 1}', "a.json: neither a character card (V1, V2, V3) nor an agent of TinyTroupe"),
    "not a number": (b'{"name": NaN}', "a.json: not JSON: 'NaN' is no number"),
    "no end": (b'{"name": -Infinity}', "a.json: not JSON: '-Infinity' is no number"),
    "many digits": (b'{"name": ' + b"9" * 5000 + b"}", "a.json: a number in it has too many digits"),
    "not UTF-8": (b'{"name": "\xff"}', "a.json: not UTF-8 text (byte 10)"),
    "nested": (b'{"a":' * 61 + b"1" + b"}" * 61, "a.json: nested deeper than 60 levels"),
    "nested deep": (b"[" * 200_000 + b"]" * 200_000, "a.json: nested deeper than 60 levels"),
    "a long name": (
        json.dumps({**MIRA, "name": "x" * 101}).encode(),
        "a.json: the name has 101 characters; a persona's has at most 100",
    ),
    "a name that is none": (json.dumps({**MIRA, "name": 3}).encode(), "a.json: 'name' must be text"),
    "much JSON": (b" " * (png.MAX_TEXT + 1), f"a.json: the JSON is larger than {png.MAX_TEXT:,} bytes"),
    "a zip": (b"PK\x03\x04", "a.json: only JSON and PNG are read; of a CHARX file, unpack card.json"),
    "a photograph": (b"\xff\xd8\xff\xe0", "a.json: only JSON and PNG are read; of a CHARX file, unpack card.json"),
    "a picture": (picture(), "a.json: the picture carries no character (no text 'ccv3' or 'chara')"),
    "rubbish in a picture": (
        picture(text(b"chara", b"!\x1b[2J")),
        "a.json: the text 'chara' of the picture is not base64",
    ),
    "half a word in a picture": (
        picture(text(b"ccv3", b"YWJj" + b"Y")),
        "a.json: the text 'ccv3' of the picture is not base64",
    ),
    "no JSON in a picture": (
        picture(text(b"ccv3", b"YWJj")),
        "a.json, 'ccv3':1:1: not JSON: Expecting value",
    ),
}


@pytest.mark.parametrize(("data", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(data: bytes, message: str, tmp_path: Path) -> None:
    """With what is wrong, and where."""
    assert refused(saved(tmp_path, data)) == message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, nothing at all, and a path that cannot be one."""
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder") == "folder: not a file"
    assert refused(tmp_path / "none.json") == "none.json: there is no such file"


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is on bytes, whatever they are."""
    monkeypatch.setattr(file_module, "MAX_FILE", 1000)
    assert refused(saved(tmp_path, picture() + b"\0" * 1000)) == "a.json: larger than 1,000 bytes"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=9), inside, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*MIRA, *TESS["persona"], "creator", "nickname", "character_book", "extensions", "spec"])


@given(st.sampled_from([v2, v3, dict, lambda p: {"type": "TinyPerson", "persona": p}]), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_fields_of_any_type_make_a_sound_sheet_or_an_error_for_people(
    tmp_path: Path, wrap: Any, data: st.DataObject
) -> None:
    """Whatever stands in a card, what is written is checked, and is read as what was meant."""
    fields = data.draw(st.dictionaries(FIELDS, JSON | st.text(), max_size=6))
    path = written(tmp_path, wrap({"name": "Mira", "description": "", **fields}))
    try:
        done = import_persona(path)
    except DefinitionError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    source = read_text(draft(done.persona, done.language), "a.yaml")
    assert (source.value, source.problems) == (done.persona, [])


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    """Nothing that is not made for it is taken for a character."""
    assert refused(saved(tmp_path, data)).startswith("a.json")
