"""``sim check`` says which rules of a world hold in every run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Sim

READMES = ["README.md", "README.zh.md"]


def test_the_rules_of_a_world_are_told_with_their_verdicts(sim: Sim) -> None:
    """One by one, and how many."""
    done = sim("check", "number_chain")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:2] == [
        "number_chain: no problem, and its variants reflection",
        "number_chain: 5 of 5 rules proved for every run",
    ]
    assert [line.split("  ")[1].strip() for line in lines[2:]] == ["proved"] * 5
    assert lines[2].endswith("never: a wrong sum after the first desk")
    assert lines[6].endswith("at the end failed: a desk gave no result")


def test_the_same_as_json(sim: Sim) -> None:
    """Rules with outcome, verdict and reason; arrows that no run takes."""
    told = sim("check", "chart_desk", "--json").json
    assert [(r["outcome"], r["verdict"]) for r in told["rules"]] == [("saved", "not decided"), ("failed", "proved")]
    assert told["rules"][0]["why"] == "it does not follow from the other rules and conditions of the world"
    assert told["rules"][1] == {
        "rule": "there is no chart",
        "outcome": "failed",
        "verdict": "proved",
        "why": "",
    }
    assert told["never_taken"] == []


def test_a_variant_is_proved_by_its_name(sim: Sim) -> None:
    """Of a variant that there is; another is a wrong option."""
    assert (
        "number_chain (reflection): 5 of 5 rules proved"
        in sim("check", "number_chain", "--variant", "reflection").out
    )
    wrong = sim("check", "number_chain", "--variant", "reflexion")
    assert (wrong.code, "did you mean 'reflection'" in wrong.err) == (2, True)


def test_a_world_with_problems_is_not_proved(sim: Sim, folder: Path) -> None:
    """Its problems are told, and nothing else."""
    (folder / "world.yaml").write_text(
        "world: w\nroles: {a: chengzi}\nstates: {s: {}}\nstart: t\n", encoding="utf-8"
    )
    done = sim("check", folder / "world.yaml", "--json")
    assert (done.code, json.loads(done.out)["rules"], json.loads(done.out)["ok"]) == (1, [], False)


@pytest.mark.parametrize("name", READMES)
def test_the_rule_of_the_world_of_a_readme_is_proved(name: str, sim: Sim, folder: Path) -> None:
    """As it says."""
    text = (ROOT / name).read_text(encoding="utf-8")
    world = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    (folder / "world.yaml").write_text(world, encoding="utf-8")
    assert "1 of 1 rule proved" in sim("check", folder / "world.yaml").out


def test_the_world_format_shows_what_the_command_prints(sim: Sim) -> None:
    """Line by line, but for those left out."""
    text = (ROOT / "docs" / "world-format.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"<!-- output: sim check hospital_visit -->\n```\n(.*?)```", text, re.DOTALL)
    printed = iter(line.rstrip() for line in sim("check", "hospital_visit").out.splitlines())
    assert [line for line in shown.splitlines() if line.strip() != "…" and line.rstrip() not in printed] == []
