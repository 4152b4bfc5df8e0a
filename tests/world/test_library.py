"""Finding and loading worlds: what a sound one is, and that a broken one is told all that is wrong with it."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import DefinitionError, SimError
from sim.world.folders import find_world
from sim.world.library import check, load, revive
from sim.world.source import read_yaml

BAD = Path(__file__).parent / "bad"
EXPECTED: dict[str, list[str]] = yaml.safe_load((BAD / "expected.yaml").read_text(encoding="utf-8"))

SMALL = """\
world: shop
roles: {buyer: chengzi, seller: cashier}
facts:
  paid: {money: CNY}
actions:
  pay:
    by: buyer
    fields: {amount: {of: paid}}
    sets: {paid: act.amount}
states:
  counter:
    speakers: [buyer, seller]
    actions: pay
    go:
      - sold: paid > 0
start: counter
ends: [sold]
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder, as a user's first command does."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write_world(tmp_path: Path) -> Callable[..., Path]:
    """Write the small world, with pieces replaced, into a folder of its own."""

    def write(*replaced: tuple[str, str], name: str = "shop", folder: str = "worlds") -> Path:
        text = SMALL
        for old, new in replaced:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / folder / name / "world.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def expected(name: str) -> list[str]:
    """The problems of a file of the corpus; the bundled personas, which become more, are filled in."""
    names = sorted(p.stem for p in (Path(__file__).parents[2] / "personas").glob("*.yaml"))
    known = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return sorted(problem.replace("{personas}", known) for problem in EXPECTED[name])


def said(path: Path) -> list[str]:
    """All problems of a world and its variants, ``LINE: message``."""
    problems = sorted(check(path)[0], key=lambda p: (p.line, p.message))
    return [f"{p.line}: {p.message}" for p in problems]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_world_is_told_what_is_wrong_with_it(name: str) -> None:
    """Each file of the corpus, all of its problems, word for word and at its line."""
    assert expected(name) == sorted(said(BAD / name))


def test_every_broken_world_has_its_messages() -> None:
    """The corpus and the list of messages name the same files."""
    assert sorted(p.name for p in BAD.glob("*.yaml") if p.name != "expected.yaml") == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"unknown_variant_key.yaml", "variant_not_a_mapping.yaml"}))
def test_a_broken_world_is_not_loaded(name: str) -> None:
    """The error holds every problem, each on a line of its own with the file in front."""
    with pytest.raises(DefinitionError) as error:
        load(BAD / name)
    lines = str(error.value).splitlines()
    assert len(EXPECTED[name]) == len(error.value.problems)
    assert [True] * len(lines) == [line.startswith(f"{BAD / name}:") for line in lines]


def test_the_bundled_world_loads_by_its_name_from_an_empty_folder() -> None:
    """Nothing has to be copied first."""
    found = load("hospital_visit")
    assert (found.name, found.variant) == ("hospital_visit", None)
    assert found.agents == ("patient", "registrar", "doctor", "cashier", "pharmacist")
    assert tuple(found.spec.ends) == ("discharged", "gave_up")


def test_the_bundled_world_has_no_problems_in_any_variant() -> None:
    """The example must be sound."""
    problems, found = check("hospital_visit")
    assert (problems, found and found.name) == ([], "hospital_visit")


def test_the_triage_variant_has_a_nurse() -> None:
    """And all that the plain world has, which is unchanged by it."""
    plain, triage = load("hospital_visit"), load("hospital_visit", variant="triage")
    assert (*plain.agents, "nurse") == triage.agents
    assert {"triage"} == set(triage.states) - set(plain.states)
    assert triage.variant == "triage"
    assert plain.digest != triage.digest
    assert plain.digest == load("hospital_visit").digest


@pytest.mark.parametrize(
    ("variant", "end"),
    [
        ("triag", "no variant 'triag'; did you mean 'triage'? known: day, day_triage, triage, two_doctors"),
        ("x", "no variant 'x'; known: day, day_triage, triage, two_doctors"),
    ],
)
def test_an_unknown_variant_is_named_with_the_one_that_was_meant(variant: str, end: str) -> None:
    """The file is named as well."""
    with pytest.raises(DefinitionError) as error:
        load("hospital_visit", variant=variant)
    assert f"{find_world('hospital_visit')}: {end}" == str(error.value)


def test_a_variant_of_a_world_without_any_is_unknown(write_world: Any) -> None:
    """And there is no other to suggest."""
    path = write_world()
    with pytest.raises(DefinitionError) as error:
        load(path, variant="rush")
    assert f"{path}: no variant 'rush': it has none" == str(error.value)


@pytest.mark.parametrize("variant", [None, "triage"])
def test_a_world_is_revived_from_what_a_log_holds(variant: str | None) -> None:
    """Through JSON text and back it is the same world, to the digest, with the same cast."""
    made = load("hospital_visit", variant=variant)
    again = revive(json.loads(json.dumps(made.resolved)), variant)
    assert (made.digest, made.cast, made.variant) == (again.digest, again.cast, again.variant)
    assert made.personas == again.personas
    assert made.resolved == again.resolved


def test_a_revived_world_with_another_word_in_it_has_another_digest() -> None:
    """The digest is of everything, the personas and the lines too."""
    made = load("hospital_visit")
    digests = {made.digest}
    for path in (
        ("world", "title", "en"),
        ("personas", "cashier", "name", "en"),
        ("world", "lines", "till", "cashier"),
    ):
        resolved = copy.deepcopy(dict(made.resolved))
        inner = resolved
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = [] if path[-1] == "cashier" else "Changed"
        digests.add(revive(resolved).digest)
    assert len(digests) == 4


@pytest.mark.parametrize(
    "resolved", [{}, {"world": {}}, {"world": 3, "personas": {}}, {"world": {}, "personas": {}}]
)
def test_what_is_no_world_is_not_revived(resolved: dict[str, Any]) -> None:
    """A changed log is an error that says so."""
    with pytest.raises(DefinitionError):
        revive(resolved)


def test_a_revived_world_without_one_of_its_personas_is_refused() -> None:
    """A log that lost a part of the cast is not played with half of it."""
    resolved = copy.deepcopy(dict(load("hospital_visit").resolved))
    del resolved["personas"]["cashier"]
    with pytest.raises(DefinitionError):
        revive(resolved)


def test_a_world_needs_no_lines(write_world: Any) -> None:
    """They are for the scripted model alone."""
    assert load(write_world()).lines == {}


def test_the_lines_may_stand_in_a_file_of_their_own(write_world: Any) -> None:
    """Problems in them are reported in that file, at their line."""
    path = write_world()
    lines = path.parent / "lines.yaml"
    lines.write_text("counter:\n  buyer:\n    - say: {en: Hi.}\n", encoding="utf-8")
    assert [(key, circle.agents) for key, circle, _ in load(path).lines["counter"]] == [("buyer", {"buyer"})]
    lines.write_text("counter:\n  buyer:\n    - say: {en: 'Hi, {{ sller }}.'}\n", encoding="utf-8")
    problems, _ = check(path)
    assert [(str(lines), 3, "lines.counter.buyer.0.say.en.0")] == [
        (p.file, p.line, p.message.partition(":")[0]) for p in problems
    ]


def test_lines_in_both_places_are_refused(write_world: Any) -> None:
    """Neither is silently left out."""
    path = write_world(("start: counter", "lines: {counter: {buyer: [{say: {en: Hi.}}]}}\nstart: counter"))
    (path.parent / "lines.yaml").write_text("counter: {}\n", encoding="utf-8")
    assert [p.message for p in check(path)[0]] == ["lines: the lines stand both in world.yaml and in lines.yaml"]


def test_broken_lines_are_reported_in_their_file(write_world: Any) -> None:
    """YAML that cannot be read is no lack of lines."""
    path = write_world()
    (path.parent / "lines.yaml").write_text("counter: [\n", encoding="utf-8")
    assert [(str(path.parent / "lines.yaml"), "yaml")] == [(p.file, p.code) for p in check(path)[0]]


def test_check_collects_the_problems_of_all_variants(write_world: Any) -> None:
    """Each once, where it stands, and what is wrong in the plain world not again for each variant."""
    path = write_world(
        (
            "ends: [sold]\n",
            "ends: [sold]\ntitle: {fr: Le magasin}\nvariants:\n  rush:\n    limits: {turn: 3}\n"
            "  slow:\n    roles: {guard: nobody_known}\n  fine:\n    limits: {turns: 9}\n",
        )
    )
    problems, found = check(path)
    assert found is None
    assert sorted((p.line, p.message.partition(":")[0]) for p in problems) == [
        (18, "title"),
        (18, "title.fr"),
        (21, "limits.turn"),
        (23, "roles.guard"),
    ]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("  paid: {money: CNY}\n  open: {flag: no}\n", "5: facts.open.flag: must be true or false; 'no' is a word"),
        ("  paid: {money: CNY}\n  open: {flag: 1}\n", "5: facts.open.flag: must be true or false"),
        ("  paid: {money: 3}\n", "4: facts.paid.money: must be text: its currency, such as CNY"),
        (
            "  paid: {money: CNY}\n  note: {text: '60'}\n",
            "5: facts.note.text: must be a whole number; take away the quotes",
        ),
        (
            "  paid: {money: CNY}\n  age: {number: y, whole: yes}\n",
            "5: facts.age.whole: must be true or false; 'yes' is a word",
        ),
        (
            "  paid: {money: CNY}\nlimits: {turns: '60'}\n",
            "5: limits.turns: must be a whole number; take away the quotes",
        ),
        ("  paid: {money: CNY}\nlimits: {turns: 60.5}\n", "5: limits.turns: must be a whole number"),
        ("  paid: {money: CNY}\nlimits: {turns: true}\n", "5: limits.turns: must be a whole number"),
        (
            "  paid: {money: CNY}\nlimits: {minutes: '60'}\n",
            "5: limits.minutes: must be a number; take away the quotes",
        ),
    ],
)
def test_a_value_of_another_type_is_not_taken_for_what_it_looks_like(
    write_world: Any, new: str, message: str
) -> None:
    """What YAML reads as a word is no truth value and no number, and neither is either of the other."""
    assert [message] == said(write_world(("  paid: {money: CNY}\n", new)))


def test_a_variant_may_take_away_and_replace(write_world: Any) -> None:
    """Null takes a key away, a list is replaced as a whole."""
    path = write_world(
        (
            "ends: [sold]\n",
            "ends: [sold, left]\nlimits: {turns: 5}\nvariants:\n  bare:\n    limits: null\n    ends: [sold]\n",
        )
    )
    bare = load(path, variant="bare")
    assert (bare.spec.limits.turns, list(bare.spec.ends)) == (100, ["sold"])
    assert load(path).spec.limits.turns == 5


def test_the_same_files_give_the_same_digest_wherever_they_stand(write_world: Any, tmp_path: Path) -> None:
    """The digest is of what is written, not of where; comments are no part of it."""
    path = write_world()
    copied = tmp_path / "elsewhere"
    shutil.copytree(path.parent, copied)
    (copied / "world.yaml").write_text("# a remark\n" + SMALL, encoding="utf-8")
    assert load(path).digest == load(copied).digest


@pytest.mark.parametrize("role", ["buyer", "nurse", "guest", "seller"])
def test_a_role_of_any_length_can_be_told_something(write_world: Any, role: str) -> None:
    """A role with the length of a language's code is not taken for a language."""
    path = write_world(
        (
            "{buyer: chengzi, seller: cashier}",
            f"{{buyer: chengzi, {role}: cashier}}" if role != "buyer" else "{buyer: chengzi, clerk: cashier}",
        ),
        ("[buyer, seller]", f"[buyer, {role if role != 'buyer' else 'clerk'}]"),
        ("    actions: pay\n", f"    actions: pay\n    tell:\n      {role}: Be kind.\n"),
    )
    assert said(path) == []
    told = load(path).states["counter"].tell
    assert [({role}, frozenset(), {"*": "Be kind."})] == [(c.agents, c.groups, text) for c, text in told]


def test_a_world_in_chinese_names_is_a_world(write_world: Any) -> None:
    """Facts, choices and columns may have any letters in their names."""
    path = write_world(
        ("  paid: {money: CNY}\n", "  paid: {money: CNY}\n  心情: {choice: [好, 坏], start: 好}\n"),
        ("- sold: paid > 0", "- sold: paid > 0 and 心情 == 好"),
    )
    assert load(path).facts["心情"].start == "好"


@pytest.mark.parametrize("column", ["cells", "_items", "__class__", "the price"])
def test_a_column_of_any_name_is_taken_or_refused(write_world: Any, column: str) -> None:
    """But never brings the reader down."""
    path = write_world(("facts:\n", f"tables: {{goods: {{apple: {{{column}: 3}}}}}}\nfacts:\n"))
    assert all(":" in line for line in said(path))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ends: [sold]", "ends: [[1]]"),
        ("ends: [sold]", "ends: [{sold: success}]"),
        ("ends: [sold]\n", "ends: [sold]\nvariants: {a: }\n"),
        ("ends: [sold]\n", "ends: [sold]\nvariants: {a: [x]}\n"),
        ("ends: [sold]\n", "ends: [sold]\nvariants: 3\n"),
        ("roles: {buyer: chengzi, seller: cashier}", "roles: [buyer, seller]"),
        ("    go:\n      - sold: paid > 0\n", "    go: sold\n"),
        ("    by: buyer\n", "    by: buyer\n    fallback: {a: [1]}\n"),
        ("    by: buyer\n", "    by: buyer\n    fallback: 3\n"),
        ("    by: buyer\n", "    by: buyer\n    needs: {that: [1]}\n"),
        ("    by: buyer\n", "    by: []\n"),
        ("  paid: {money: CNY}\n", "  paid: {money: CNY}\n  mood: {choice: []}\n"),
        ("    actions: pay\n", "    actions: pay\n    turn: {lognormal: {mean: 1}}\n"),
    ],
)
def test_what_has_the_wrong_shape_is_refused_in_our_own_words(write_world: Any, old: str, new: str) -> None:
    """A problem at a line, never a crash, nothing of the libraries underneath, and never silence."""
    lines = said(write_world((old, new)))
    assert lines
    for line in lines:
        assert not [w for w in ("Input should", "Value should", "function-", "dict[", "literal[") if w in line], (
            line
        )


VALUE = {
    **yaml.safe_load(SMALL),
    "derived": {"rich": "paid > 3"},
    "tables": {"goods": {"apple": {"price": 3}}},
    "title": {"en": "Shop"},
    "languages": ["en"],
    "limits": {"turns": 5},
    "clock": {"start": "08:00"},
    "never": {"x": "paid > 100"},
    "at_end": {"sold": {"y": "rich"}},
    "lines": {"counter": {"seller": [{"when": True, "chance": 0.5, "say": {"en": ["Hi"]}}]}},
    "variants": {"rush": {"limits": {"turns": 2}}},
}
JUNK = [
    None,
    True,
    3,
    -1,
    2.5,
    10**17,
    "",
    "x",
    "{{ x",
    "1/0",
    "all",
    "9" * 600,
    [],
    {},
    ["x", None],
    [[1]],
    {"a b": 1},
]
JUNK += [
    {"a": {}},
    {"en": None},
    {"*": "x"},
    {"is": "paid"},
    {"pick": {}},
    {"table": "goods"},
    {"lognormal": {"mean": 1}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The key paths of all parts of a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


PLACES = list(places(VALUE))[1:]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(JUNK))
def test_a_world_with_any_part_replaced_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], junk: Any
) -> None:
    """There is no value that brings the reader down, and what it takes can be revived."""
    value: Any = copy.deepcopy(VALUE)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    path = tmp_path_factory.mktemp("any") / "world.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    assert read_yaml(path).value is not None
    try:
        problems, found = check(path)
    except SimError as error:
        problems, found = [error], None  # type: ignore[list-item]
    assert (found is None) == any(getattr(p, "severity", "error") == "error" for p in problems)
    if found is not None:
        assert found.digest == revive(found.resolved).digest


def test_the_words_of_a_need_may_only_speak_of_the_fields_of_its_act(write_world: Any) -> None:
    """A misspelt field would end the run at the moment when the act is refused."""
    path = write_world(
        (
            "    by: buyer\n",
            "    by: buyer\n    needs:\n      - {that: act.amount > 5, why: 'Not {{ act.amont }}.'}\n",
        )
    )
    assert [(p.line, "amont" in p.message) for p in check(path)[0]] == [(9, True)]
