"""Writing a world: what is refused, what is never written over, and that any names give a world that works."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.cases.play import Worlds
from sim.cases.reading import trials_of
from sim.cases.trying import Bench
from sim.creating.naming import as_id
from sim.creating.scaffold import LANGUAGES, Plan, create_world
from sim.creating.templates import find_template, list_templates
from sim.errors import DefinitionError
from sim.schemas.files import schema_texts
from sim.world.library import check
from tests.cli.running import files


def refusal(folder: Path, name: str = "w", **options: object) -> str:
    """What is said to a plan that cannot be carried out; nothing is written then."""
    before = files(folder)
    with pytest.raises(DefinitionError) as caught:
        create_world(Plan(name, out=folder / "worlds", **options))  # type: ignore[arg-type]
    assert files(folder) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"template": "meting"},
            "no template 'meting'; did you mean 'meeting'? known: chain, discussion, hidden_roles, lesson, "
            "meeting, procedure",
        ),
        ({"languages": ("fr",)}, "--lang: no words in 'fr'; known: en, zh"),
        ({"languages": ("en", "en")}, "--lang: name en, zh, or both, each once: --lang en,zh"),
        ({"languages": ()}, "--lang: name en, zh, or both, each once: --lang en,zh"),
        ({"name": "   "}, "NAME: a name is needed, and this is empty"),
        ({"name": "…!"}, "NAME '…!': a name has letters in it, of any script"),
        ({"name": "a\x07b"}, "NAME 'ab': holds control characters"),
        ({"name": "x" * 101}, f"NAME '{'x' * 60}': at most 100 characters"),
        (
            {"title": "{{ patient }}"},
            "--title '{{ patient }}': braces stand for names in a world's texts; leave them out",
        ),
        (
            {"roles": ("me", "you")},
            "--role 'me': this word means something in a world; take another name",
        ),
        (
            {"roles": ("guest",)},
            "--role: 'procedure' takes 2 to 9, and 1 is given (the first comes and goes from station to station, "
            "the others stand behind these in turn)",
        ),
        (
            {"template": "lesson", "roles": ("a", "b", "c")},
            "--role: 'lesson' takes 2, and 3 are given (two: who asks and marks, then who answers)",
        ),
        ({"roles": ("guest", "stamps")}, "'stamps' is what 'procedure' calls a fact; take another name"),
        ({"roles": ("guest", "given_up")}, "'given_up' is what 'procedure' calls an end; take another name"),
        (
            {"roles": ("guest", "Clerk", "clerk")},
            "'clerk' is named twice; roles and phases need names of their own",
        ),
        ({"roles": ("guest", "a=Bob", "b=bob")}, "two are called 'Bob'; nobody could tell them apart"),
        (
            {"roles": ("guest", "clerk"), "phases": ("check=clark",)},
            "--phase 'check=clark': no such role; did you mean 'clerk'? known: clerk",
        ),
        (
            {"roles": ("guest", "clerk", "guard"), "phases": ("check=clerk",)},
            "no phase is for 'guard'; give one more --phase, or NAME=guard",
        ),
        (
            {"template": "hidden_roles", "phases": ("night",)},
            "--phase: the template 'hidden_roles' has phases of its own",
        ),
        (
            {"template": "lesson", "phases": ("maths=student",)},
            "--phase 'maths=student': a phase of 'lesson' is nobody's own",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(tmp_path: Path, options: dict[str, object], message: str) -> None:
    """Nothing is written then."""
    assert refusal(tmp_path, **options) == message  # type: ignore[arg-type]


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    """It is named, and so is what would do; nothing else is written either."""
    for name in ("world.yaml", "personas/clerk.yaml", "tests/golden/en.txt", "README.zh.md"):
        path = tmp_path / "worlds" / "w" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", encoding="utf-8")
        told = refusal(tmp_path)
        assert told == f"{path} is there already, and nothing was written; take another name, or --out FOLDER"
        path.unlink()
    assert create_world(Plan("w", out=tmp_path / "worlds")).world == "w"
    assert "is there already" in refusal(tmp_path)


def test_other_files_in_the_folder_are_let_be(tmp_path: Path) -> None:
    """And so are schemas that are there, whatever they say."""
    note = tmp_path / "worlds" / "w" / "notes.txt"
    note.parent.mkdir(parents=True)
    note.write_text("mine", encoding="utf-8")
    (tmp_path / ".schemas").mkdir()
    (tmp_path / ".schemas" / "world.json").write_text("{}", encoding="utf-8")
    made = create_world(Plan("w", out=tmp_path / "worlds"))
    assert note.read_text(encoding="utf-8") == "mine"
    assert (tmp_path / ".schemas" / "world.json").read_text(encoding="utf-8") == "{}"
    assert tmp_path / ".schemas" / "world.json" not in made.files
    assert {path.name for path in (tmp_path / ".schemas").iterdir()} == set(schema_texts())


@pytest.mark.parametrize(
    ("out", "schemas"), [("worlds", ".schemas"), ("mine", "mine/.schemas"), ("a/worlds", "a/.schemas")]
)
def test_the_first_lines_name_schemas_that_are_there(tmp_path: Path, out: str, schemas: str) -> None:
    """For the language servers of YAML, and for the editors of JetBrains."""
    made = create_world(Plan("w", out=tmp_path / out))
    named = set()
    for path in made.files:
        if path.suffix == ".yaml":
            first, second = path.read_text(encoding="utf-8").splitlines()[:2]
            place = first.removeprefix("# yaml-language-server: $schema=")
            assert second == f"# $schema: {place}"
            named.add((path.parent / place).resolve())
    folder = (tmp_path / schemas).resolve()
    assert named == {folder / f"{kind}.json" for kind in ("world", "lines", "persona", "cases")}
    assert all(path.is_file() for path in named)


def test_names_are_as_they_were_typed_and_ids_are_made_of_them(tmp_path: Path) -> None:
    """A name of several words is one id; after = stands what people read."""
    plan = Plan(
        "Visa Counter", roles=("traveller=The traveller", "visa officer"), phases=("Hand in-papers",),
        out=tmp_path / "worlds",
    )  # fmt: skip
    made = create_world(plan)
    assert made.world == "visa_counter"
    _, world = check(made.folder)
    assert world is not None
    assert world.agents == ("traveller", "visa_officer")
    assert [world.personas[a].name["*"] for a in world.agents] == ["The traveller", "Visa officer"]
    assert [*world.states] == ["hand_in_papers"]
    assert world.spec.title == {"*": "Visa Counter"}


NAME = st.one_of(
    st.text(alphabet="签证官申请人保安甲乙丙丁戊己庚辛", min_size=1, max_size=8),
    st.from_regex(r"[A-Za-z][A-Za-z0-9 _'?!&:#,-]{0,14}", fullmatch=True),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12),
    st.sampled_from(
        ["true", "null", "yes", "on", "xn__a", "NULL", "1st", "O'Brien", "a: b", "- x", "e1", "ёлка", "𠮷"]
    ),
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_whatever_is_named_gives_a_world_that_checks_and_passes_its_test(data: st.DataObject) -> None:
    """Or a line that says what is wrong with the names; never anything else."""
    shape = find_template(data.draw(st.sampled_from(list_templates())))
    languages = tuple(data.draw(st.permutations(LANGUAGES)))[: data.draw(st.integers(1, 2))]
    few = min(shape.role_range.most, shape.role_range.least + 2)
    roles = data.draw(st.just([]) | st.lists(NAME, min_size=shape.role_range.least, max_size=few, unique=True))
    most = min(3, shape.phase_range.most)
    phases = data.draw(st.just([]) | st.lists(NAME, min_size=min(1, most), max_size=most, unique=True))
    title = data.draw(st.just("") | NAME)
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            data.draw(NAME), shape.name, languages, tuple(roles), tuple(phases), title, Path(folder) / "worlds"
        )
        try:
            made = create_world(plan)
        except DefinitionError as error:
            message = str(error)
        else:
            message = ""
        if message:
            assert not any(words in message for words in ("\n", "cannot take these names", "does not run"))
            assert not (Path(folder) / "worlds").exists()
            return
        assert check(made.folder)[0] == []
        bench = Bench(Worlds())
        for trial in trials_of([made.folder / "world.yaml"]):
            assert bench.attempt(trial).failures == ()


@pytest.mark.parametrize("word", ["turns", "state", "act", "sum", "none", "True", "is", "nobody"])
def test_words_of_the_language_are_no_names(word: str) -> None:
    """They would be read as something else."""
    with pytest.raises(DefinitionError, match="means something in a world"):
        as_id(word, "--role")
