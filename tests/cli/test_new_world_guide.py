"""The guide to new worlds: its commands run, the list is what is printed, both languages have the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sim.creating.templates import list_templates
from sim.models.provider_names import provider_name
from tests.cli.running import Sim

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = ["new-world.md", "new-world.zh.md"]


def text_of(guide: str) -> str:
    return (DOCS / guide).read_text(encoding="utf-8")


def commands(guide: str) -> list[list[str]]:
    """The commands of its blocks, without their comments."""
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text_of(guide), re.DOTALL)).replace("\\\n", "").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_commands_of_the_guide_run(sim: Sim, folder: Path, guide: str) -> None:
    """In a folder of one's own; the files that it names are written."""
    assert len(commands(guide)) == 5
    for command in commands(guide):
        assert sim(*command).code == 0, command
    assert {path.name for path in (folder / "worlds").iterdir()} == {"visa_counter", "airport", "签证大厅"}
    [files] = re.findall(r"```\n(worlds/.*?)```", text_of(guide), re.DOTALL)
    assert all((folder / line.split()[0]).exists() for line in files.splitlines())


def test_the_templates_are_those_that_are_listed(sim: Sim) -> None:
    """Word for word in English, and by name in Chinese."""
    [listed] = re.findall(r"<!-- output: sim new world --list -->\n```\n(.*?)```", text_of(GUIDES[0]), re.DOTALL)
    assert listed == sim("new", "world", "--list").out
    for guide in GUIDES:
        assert tuple(sorted(re.findall(r"^\| `(\w+)` \|", text_of(guide), re.MULTILINE))) == list_templates()


@pytest.mark.parametrize("guide", GUIDES)
def test_what_the_guide_says_of_names_and_files_is_so(sim: Sim, folder: Path, guide: str) -> None:
    """The first lines of a file, and a name at a provider."""
    assert sim("new", "world", "w").code == 0
    [comments] = re.findall(r"```yaml\n(.*?)```", text_of(guide), re.DOTALL)
    assert (folder / "worlds" / "w" / "world.yaml").read_text(encoding="utf-8").startswith(comments)
    assert f"`{provider_name('签证官')}`" in text_of(guide)


def test_both_languages_have_the_same_commands() -> None:
    """One is a translation of the other."""
    assert commands(GUIDES[0]) == commands(GUIDES[1])
