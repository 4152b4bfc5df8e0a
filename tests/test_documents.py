"""The documents say what the code does: their commands run, their worlds check, their links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sim
from sim.models.scripted import Scripted
from sim.stage.run import Run, settings_for
from sim.world.format import Action, State, WorldFile
from tests.stage.test_episode import Ledger

ROOT = Path(__file__).resolve().parent.parent
READMES = ["README.md", "README.zh.md"]
DOCUMENTS = [ROOT / name for name in READMES] + sorted((ROOT / "docs").glob("*.md")) + [ROOT / "CHANGELOG.md"]


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_the_transcript_of_a_readme_is_what_its_command_prints(name: str, tmp_path: Path) -> None:
    """Line by line and in order, but for those left out."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.search(r"<!-- output: (sim run [^\n]*) -->\n```\n(.*?)```", text, re.DOTALL)
    assert found is not None
    code = "from sim.cli import main; main()"
    arguments = shlex.split(found.group(1))[1:]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
    )
    printed = iter(line.rstrip() for line in done.stdout.splitlines())
    shown = [line.rstrip() for line in found.group(2).splitlines() if line.strip() not in {"", "…"}]
    assert [line for line in shown if line not in printed] == []


@pytest.mark.parametrize("name", READMES)
def test_the_world_of_a_readme_checks_and_is_played_to_its_end(name: str, tmp_path: Path) -> None:
    """The ten lines are a whole world."""
    (tmp_path / "world.yaml").write_text(blocks(name, "yaml")[0], encoding="utf-8")
    world = sim.load(tmp_path)
    records = Ledger()
    Run(world, settings_for(world), dict.fromkeys(world.roles, Scripted()), records).play()
    assert [r["outcome"] for r in records if r["type"] == "episode_ended"] == ["found"]
    assert [r for r in records if r["type"] == "warning"] == []


def test_both_readmes_have_the_same_commands_code_and_figures() -> None:
    """The Chinese one is a translation, not another document."""
    for language in ("yaml", "python"):
        first, second = (blocks(name, language) for name in READMES)
        strip = re.compile(r" *#.*")
        assert [strip.sub("", b) for b in first] == [strip.sub("", b) for b in second]
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    for command in ("python bench/tokens.py", "python bench/overhead.py"):
        pattern = rf"<!-- output: {command} -->\n```\n(.*?)```"
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


def test_the_world_format_names_every_key_of_a_world() -> None:
    """The reference is whole."""
    text = (ROOT / "docs" / "world-format.md").read_text(encoding="utf-8")
    keys = [f.alias or n for model in (WorldFile, Action, State) for n, f in model.model_fields.items()]
    assert [key for key in keys if not re.search(rf"\b{key}\b", text)] == []


def test_bundled_files_are_plain_yaml() -> None:
    """Any YAML reader reads them."""
    for path in sorted([*ROOT.glob("worlds/*/*.yaml"), *ROOT.glob("personas/*.yaml")]):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path
