"""The documents say what the code does: their commands run, their worlds check, their links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sim
from sim.models import catalog
from sim.models.scripted import Scripted
from sim.stage.run import Run, settings_for
from sim.world import format as world_format
from sim.world import library
from sim.world.durations import Minutes
from sim.world.fields import ActionField, Fact, Part
from sim.world.phases import After, Context, State, Summary, Transition
from sim.world.rules import load_rules
from sim.world.stations import Arrivals, Hold, Hours, Refill, Resource, Rush, as_holds, as_resource
from tests.stage.test_episode import Ledger

ROOT = Path(__file__).resolve().parent.parent
READMES = ["README.md", "README.zh.md"]
MODELS = [
    *(value for value in vars(world_format).values() if isinstance(value, type) and issubclass(value, Part)),
    *(State, Transition, After, Context, Summary, Fact, ActionField),
    *(Minutes, Arrivals, Resource, Refill, Hours, Rush, Hold),
]
DOCUMENTS = [ROOT / name for name in READMES] + sorted((ROOT / "docs").glob("*.md")) + [ROOT / "CHANGELOG.md"]


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_a_readme_has_a_command_for_every_bundled_world(name: str) -> None:
    """The table is whole."""
    text = (ROOT / name).read_text(encoding="utf-8")
    worlds = [path.name for path in sorted((ROOT / "worlds").iterdir()) if (path / "world.yaml").is_file()]
    assert [world for world in worlds if f"`sim run {world}" not in text] == []


@pytest.mark.parametrize("name", READMES)
def test_the_world_of_a_readme_checks_and_is_played_to_its_end(name: str, tmp_path: Path) -> None:
    """The ten lines are a whole world."""
    (tmp_path / "world.yaml").write_text(blocks(name, "yaml")[0], encoding="utf-8")
    world = sim.load(tmp_path)
    records = Ledger()
    Run(world, settings_for(world), dict.fromkeys(world.agents, Scripted()), records).play()
    assert [r["outcome"] for r in records if r["type"] == "episode_ended"] == ["found"]
    assert [r for r in records if r["type"] == "warning"] == []


@pytest.mark.parametrize("name", READMES)
def test_the_models_of_a_readme_can_be_read(name: str, tmp_path: Path) -> None:
    """They are a ``models.yaml``."""
    [text] = [block for block in blocks(name, "yaml") if block.startswith("models:")]
    (tmp_path / "models.yaml").write_text(text, encoding="utf-8")
    assert set(catalog.load(tmp_path / "models.yaml").spec.models) == {"big", "small"}


def test_both_readmes_have_the_same_commands_code_and_figures() -> None:
    """The Chinese one is a translation, not another document."""
    for language, skipped in (("yaml", 0), ("python", 0), ("sh", 1)):  # the first run is in the reader's language
        first, second = (blocks(name, language)[skipped:] for name in READMES)
        strip = re.compile(r" *#.*")
        assert [strip.sub("", b) for b in first] == [strip.sub("", b) for b in second]
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    for command in ("python bench/tokens.py", "python bench/overhead.py"):
        pattern = rf"<!-- benchmark: {command} -->\n```\n(.*?)```"
        assert re.findall(pattern, english, re.DOTALL) == re.findall(pattern, chinese, re.DOTALL) != []


def test_the_token_table_of_the_readme_is_what_the_benchmark_prints() -> None:
    """Tokens are counted, not timed, so the figures are exact: the first row is counted again here."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "tokens.py"), "--rounds", "20"],
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[1] in text.splitlines()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    """Relative links only; each names a file that is there."""
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_into_a_document_name_a_heading_of_it(path: Path) -> None:
    """As code hosts and the site make an anchor of a heading: no punctuation, hyphens for spaces."""
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text(encoding="utf-8"))
    wrong = []
    for target, anchor in links:
        text = (path.parent / target if target else path).read_text(encoding="utf-8")
        heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        if anchor not in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}:
            wrong.append(f"{target}#{anchor}")
    assert wrong == []


def test_the_world_format_names_every_key_of_a_world() -> None:
    """The reference is whole, down to the keys of a ballot."""
    text = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("world-format.md", "code.md"))
    keys = {f.alias or n for model in MODELS for n, f in model.model_fields.items()}
    assert {"tie", "carryover", "personas", "one_of"} <= keys
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", text)) == []


def test_the_whole_game_of_the_world_format_checks_and_is_played(tmp_path: Path) -> None:
    """With any seed it comes to one of its ends, and no act of its lines is refused."""
    [game] = [block for block in blocks("docs/world-format.md", "yaml") if block.startswith("world:")]
    (tmp_path / "world.yaml").write_text(game, encoding="utf-8")
    assert library.check(tmp_path)[0] == []
    world = sim.load(tmp_path)
    for seed in range(5):
        records = Ledger()
        Run(world, settings_for(world, seed=seed), dict.fromkeys(world.agents, Scripted()), records).play()
        assert next(r["outcome"] for r in records if r["type"] == "episode_ended") in {"caught", "free"}
        assert [r for r in records if r["type"] in {"refusal", "warning"}] == []


def test_what_the_world_format_says_of_many_at_once_can_be_read() -> None:
    """Arrivals, resources and what is held of them, as they are written there; and every duration of the table."""
    [block] = [b for b in blocks("docs/world-format.md", "yaml") if b.startswith("arrivals:")]
    given = yaml.safe_load(block.replace(", …", ""))
    assert Arrivals.model_validate(given["arrivals"]).episodes == 24
    resources = {n: Resource.model_validate(as_resource(r)) for n, r in given["resources"].items()}
    held = [Hold.model_validate(h) for state in given["states"].values() for h in as_holds(state["holds"])]
    assert {hold.resource for hold in held} <= set(resources) == {"window", "consulting_room", "vaccine"}
    text = (ROOT / "docs" / "world-format.md").read_text(encoding="utf-8")
    names = "|".join(Minutes.model_fields)
    durations = re.findall(rf"^\| `((?:{names}): .*?)` \|", text, re.MULTILINE)
    read = [Minutes.model_validate(yaml.safe_load(f"{{{d}}}")) for d in durations]
    assert {n for d in read for n in d.model_fields_set} == set(Minutes.model_fields)


def test_the_functions_of_the_documents_load(tmp_path: Path) -> None:
    """They stand as they would in a ``rules.py``."""
    [code] = blocks("docs/code.md", "python")
    (tmp_path / "rules.py").write_text(code, encoding="utf-8")
    rules = load_rules(tmp_path / "rules.py")
    situation = {"turn": 3, "facts": {"season": "summer"}}
    assert rules["next_speaker"](situation, candidates=["a", "b"]) == "b"
    assert rules["forecast"](situation, days=2) == "sun"
    assert set(rules["bot"](situation)) == {"say", "exile"}


def test_bundled_files_are_plain_yaml() -> None:
    """Any YAML reader reads them."""
    for path in sorted([*ROOT.glob("worlds/*/*.yaml"), *ROOT.glob("personas/*.yaml")]):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path
