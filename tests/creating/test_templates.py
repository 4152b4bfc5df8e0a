"""Every template in every choice of languages: it checks, its rules are proved, it runs and passes its test."""

from __future__ import annotations

import functools
import itertools
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cases.play import Worlds
from sim.cases.reading import trials_of
from sim.cases.trying import Bench
from sim.creating.scaffold import Plan, create_world
from sim.creating.templates import find_template, list_templates
from sim.models.catalog import Entry
from sim.models.scripted import Scripted
from sim.proof.verdicts import prove
from sim.read.graph import to_dot
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.run import Run, settings_for
from sim.world.library import check, load
from sim.world.world import World
from tests.provider import KEY, Provider
from tests.stage.test_episode import Ledger

LANGUAGES = [("en",), ("zh",), ("en", "zh"), ("zh", "en")]
MATRIX = [(template, languages) for template in list_templates() for languages in LANGUAGES]
OWN_NAMES = {
    "procedure": {"roles": ("乘客", "安检员", "主管"), "phases": ("验票", "过包=主管", "搜身")},
    "meeting": {"roles": ("社长", "编辑", "美编"), "phases": ("选题",)},
    "hidden_roles": {"roles": ("赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯")},
    "chain": {"roles": ("新郎", "裁缝", "厨子"), "phases": ("量衣", "定席", "试衣=裁缝")},
    "discussion": {"roles": ("甲", "乙"), "phases": ("开头", "当中", "收尾")},
    "lesson": {"roles": ("面试官", "应聘者"), "phases": ("经历", "特长")},
}


@functools.cache
def written(template: str, languages: tuple[str, ...], *, is_own: bool = False) -> Path:
    """The folder of a world that was written once."""
    out = Path(tempfile.mkdtemp()) / "worlds"
    own = OWN_NAMES[template] if is_own else {}
    return create_world(Plan("新世界", template=template, languages=languages, out=out, **own)).folder


@functools.cache
def loaded(template: str, languages: tuple[str, ...]) -> World:
    """That world, read once."""
    return load(written(template, languages))


def test_there_is_a_template_for_each_shape_that_people_need() -> None:
    """Each told in a line in both languages."""
    assert list_templates() == ("chain", "discussion", "hidden_roles", "lesson", "meeting", "procedure")
    for name in list_templates():
        about = find_template(name).about
        assert set(about) == {"en", "zh"}
        assert not any("\n" in words or words.endswith((".", "。")) for words in about.values())


@pytest.mark.parametrize(("template", "languages"), MATRIX)
def test_a_written_world_checks_and_comes_to_a_sensible_end(template: str, languages: tuple[str, ...]) -> None:
    """With seeds 0 to 20 where both are spoken, with three else, and without a refusal."""
    assert check(written(template, languages))[0] == []
    world = loaded(template, languages)
    assert world.spec.languages == list(languages)
    for language in languages:
        ends = []
        for seed in range(21 if languages == ("en", "zh") else 3):
            records = Ledger()
            models = dict.fromkeys(world.agents, Scripted())
            Run(world, settings_for(world, seed=seed, language=language), models, records).play()
            assert [r for r in records if r["type"] in {"refusal", "warning"}] == []
            ends += [r["outcome"] for r in records if r["type"] == "episode_ended"]
        assert set(ends) <= set(find_template(template).ends)


@pytest.mark.parametrize("template", list_templates())
def test_all_ends_of_a_template_are_come_to_by_some_seed(template: str) -> None:
    """No template plays the same story each time, but for the chain, which has one good end."""
    world = loaded(template, ("en", "zh"))
    ends: set[str] = set()
    wanted = set(find_template(template).ends)
    for seed in range(60):
        if ends == wanted:
            break
        records = Ledger()
        Run(world, settings_for(world, seed=seed), dict.fromkeys(world.agents, Scripted()), records).play()
        ends |= {r["outcome"] for r in records if r["type"] == "episode_ended"}
    assert ends == wanted


@pytest.mark.parametrize("template", list_templates())
def test_a_model_that_does_what_must_be_done_comes_to_an_end(template: str, serve: Callable[..., Provider]) -> None:
    """Over HTTP, with a model that answers by the schema and does nothing that it may leave out."""
    provider = serve()
    world = loaded(template, ("zh", "en"))
    model = Endpoint("m", entry=Entry(url=provider.url), key=KEY)
    records = Ledger()
    Run(world, settings_for(world, seed=1), dict.fromkeys(world.agents, model), records).play()
    ends = [r["outcome"] for r in records if r["type"] == "episode_ended"]
    assert set(ends) <= set(find_template(template).ends)
    assert [r for r in records if r["type"] in {"refusal", "warning"}] == []


@pytest.mark.parametrize(
    ("template", "heard"),
    [
        ("procedure", {"documents": {"applicant", "clerk"}, "interview": {"applicant", "officer"}}),
        (
            "meeting",
            dict.fromkeys(["opinions", "opinions_floor", "replies", "closing"], "all") | {"voting": "self"},
        ),
        ("chain", {"menu": {"host", "cook"}, "room": {"host", "florist"}}),
        ("discussion", {"wishes": "all", "proposal": "all"}),
        ("lesson", {"rivers": "all"}),
        ("hidden_roles", {"den": "traitors", "night": "self"}),
    ],
)
def test_who_hears_what_is_what_the_shape_is_about(template: str, heard: dict[str, str | set[str]]) -> None:
    """All of a meeting; two of a chat; of the traitors' talk, the traitors."""
    world = loaded(template, ("en", "zh"))
    records = Ledger()
    Run(world, settings_for(world, seed=7), dict.fromkeys(world.agents, Scripted()), records).play()
    dealt = next(r for r in records if r["type"] == "episode_started")["facts"]
    traitors = {agent for agent in world.agents if dealt.get(f"card.{agent}") == "traitor"}
    turns = [r for r in records if r["type"] == "turn" and r["state"] in heard]
    assert {turn["state"] for turn in turns} == set(heard)
    for turn in turns:
        wanted = heard[turn["state"]]
        known = {"all": set(world.agents), "self": {turn["speaker"]}, "traitors": traitors}
        assert set(turn["heard_by"]) == (known[wanted] if isinstance(wanted, str) else wanted), turn["state"]
    assert template != "hidden_roles" or len(traitors) == 2


@pytest.mark.parametrize("is_own", [False, True], ids=["as it is", "own names"])
@pytest.mark.parametrize("template", list_templates())
def test_the_rules_of_a_written_world_are_proved(template: str, is_own: bool) -> None:
    """All of them, and no arrow is there that no run takes."""
    proofs = prove(load(written(template, ("zh", "en"), is_own=is_own)))
    assert len(proofs.verdicts) >= 2
    assert {verdict.verdict for verdict in proofs.verdicts} == {"proved"}
    assert proofs.never_taken == ()


@pytest.mark.parametrize(("template", "languages"), MATRIX)
def test_a_written_world_passes_its_test(template: str, languages: tuple[str, ...]) -> None:
    """Four seeds and a golden transcript in each language."""
    bench = Bench(Worlds())
    verdicts = [bench.attempt(trial) for trial in trials_of([written(template, languages) / "world.yaml"])]
    assert [failure for verdict in verdicts for failure in verdict.failures] == []
    assert len(verdicts) == 5 * len(languages)


@pytest.mark.parametrize("template", list_templates())
def test_a_world_with_chinese_roles_and_phases_runs_and_is_drawn(template: str) -> None:
    """Ids, files, states and labels are as they were typed."""
    folder = written(template, ("zh",), is_own=True)
    roles = OWN_NAMES[template]["roles"]
    assert sorted(path.stem for path in (folder / "personas").iterdir()) == sorted(roles)
    world = load(folder)
    if template != "hidden_roles":
        assert list(world.agents) == list(roles)
        phases = [name.partition("=")[0] for name in OWN_NAMES[template]["phases"]]
        assert [name for name in world.states if name in phases] == phases
        assert all(f'"{phase}' in to_dot(world, language="zh") for phase in phases)
    assert {world.personas[agent].name["*"] for agent in world.agents} == set(roles)


@pytest.mark.parametrize("template", list_templates())
def test_a_world_in_one_language_has_no_word_of_the_other(template: str) -> None:
    """In no text, comment or transcript; ids and keys are what they are."""
    english, chinese = written(template, ("en",)), written(template, ("zh",))
    for path in english.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace("新世界", "")
            assert re.findall("[\u4e00-\u9fff]+", text) == [], path
    for name in ("world.yaml", "lines.yaml"):
        text = (chinese / name).read_text(encoding="utf-8")
        spoken = re.findall(r'"([^"]*)"|# (.*)', text)
        english_words = [w for pair in spoken for w in pair if re.search(r"\b(the|you|and|is)\b [a-z]", w)]
        assert [w for w in english_words if "[" not in w] == []


@pytest.mark.parametrize(("template", "languages"), MATRIX)
def test_no_mark_of_a_template_is_left_in_a_file(template: str, languages: tuple[str, ...]) -> None:
    """And a newcomer finds help: a comment on every part of the world."""
    folder = written(template, languages)
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"<<|>>|<%|%>|# \[|\] .*\[zh\]|PHASE", text), path
            assert text.endswith("\n"), path
            assert not text.endswith("\n\n"), path
    assert (folder / "world.yaml").read_text(encoding="utf-8").count("#") >= 14


@pytest.mark.parametrize("template", list_templates())
def test_nobody_repeats_what_was_said_just_before(template: str) -> None:
    """In the golden transcripts, which a newcomer reads first."""
    for language in ("en", "zh"):
        text = (written(template, ("en", "zh")) / "tests" / "golden" / f"{language}.txt").read_text(
            encoding="utf-8"
        )
        said = re.findall(r"^\d\d:\d\d (?:\w+ ){0,2}?(\S.*)$", text, re.MULTILINE)
        assert len(said) >= 5
        assert [one for one, two in itertools.pairwise(said) if one[-30:] == two[-30:] and "→" not in one] == []
