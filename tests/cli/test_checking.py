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
        "number_chain: 2 of 2 ends reached; every run ends by its limit of 12 turns",
    ]
    assert lines[2:5] == [
        "  reached      done: in 8 turns and no fewer",
        "  reached      failed: in 2 turns and no fewer",
        "number_chain: 5 of 5 rules proved for every run",
    ]
    assert [line.split("  ")[1].strip() for line in lines[5:]] == ["proved"] * 5
    assert lines[5].endswith("never: a wrong sum after the first desk")
    assert lines[9].endswith("at the end failed: a desk gave no result")


def test_the_same_as_json(sim: Sim) -> None:
    """Ends and rules with verdicts and examples; arrows that no run takes, or none was seen to take."""
    told = sim("check", "company_meeting", "--json").json
    assert [r["verdict"] for r in told["rules"]] == ["proved", "not decided", "proved", "proved"]
    assert told["rules"][1]["why"] == "it reads what is not looked into"
    assert told["rules"][3] == {
        "rule": "there is a decision",
        "outcome": "decided",
        "verdict": "proved",
        "why": "",
        "example": None,
    }
    assert [(e["end"], e["is_reached"]) for e in told["ends"]] == [("decided", True), ("adjourned", True)]
    assert told["ends"][0]["example"]["turns"] == len(told["ends"][0]["example"]["acts"]["turns"])
    assert (told["breaks_off"], told["never_ends"], told["never_taken"]) == ([], None, [])
    assert ("chair", "adjourned") in {(a["state"], a["to"]) for a in told["not_taken"]}
    assert told["is_whole"] is False


SHOP = """
world: shop
roles: {guest: chengzi, clerk: cashier}
facts: {paid: {flag: false}, sold: {flag: false}}
actions:
  pay: {by: guest, when: not paid, sets: {paid: true}}
  sell: {by: clerk, when: not sold, sets: {sold: true}}
states:
  hall: {speakers: [guest, clerk], actions: [pay, sell], go: [{gone: sold and speaker == guest}]}
start: hall
ends: {gone: success}
never: {goods before payment: sold and not paid}
lines: {hall: {guest: [{say: Hello.}], clerk: [{say: Good day.}]}}
"""


def test_a_rule_that_a_run_breaks_is_refuted_and_the_run_can_be_played(sim: Sim, folder: Path) -> None:
    """The fewest turns that break it, in the terminal and as a file that fails where they do."""
    (folder / "world.yaml").write_text(SHOP, encoding="utf-8")
    done = sim("check", folder / "world.yaml", "--examples", folder / "examples")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    at = lines.index("shop: 0 of 1 rule proved for every run")
    assert lines[at + 1 : at + 4] == [
        "  refuted      never: goods before payment",
        "           1  guest",
        "           2  clerk: sell",
    ]
    path = folder / "examples" / "breaks-goods-before-payment.yaml"
    assert lines[at + 4 :] == [str(folder / "examples" / "end-gone.yaml"), str(path)]
    played = sim("run", folder / "world.yaml", "--acts", path)
    assert played.code == 2
    assert f"{path}:" in played.err
    assert "would break the rule 'goods before payment'" in played.err
    good = sim("run", folder / "world.yaml", "--acts", folder / "examples" / "end-gone.yaml", "--json")
    assert (good.code, good.json["outcome"]) == (0, "gone")
    told = sim("check", folder / "world.yaml", "--json")
    assert (told.code, told.json["rules"][0]["verdict"]) == (1, "refuted")
    assert told.json["rules"][0]["example"]["acts"]["turns"] == [
        {"speaker": "guest"},
        {"speaker": "clerk", "does": {"sell": {}}},
    ]


def test_examples_are_written_where_they_can_be(sim: Sim, folder: Path) -> None:
    """A file in the place of the folder is told in a line."""
    (folder / "taken").write_text("", encoding="utf-8")
    done = sim("check", "number_chain", "--examples", folder / "taken")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "cannot write" in done.err


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
