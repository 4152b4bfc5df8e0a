"""The functions that a world brings along: whatever they do, it ends in a clear word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.stage.casting import models_for
from sim.world.rules import load_rules
from tests.building import ending, played, world_of


def loaded(folder: Path, code: str) -> Any:
    """The functions of a file of rules."""
    path = folder / "rules.py"
    path.write_text(code, encoding="utf-8")
    return load_rules(path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nsys.exit(0)\n", "rules.py:2:1: SystemExit: 0"),
        ("x = 1\nraise GeneratorExit('gone')\n", "rules.py:2:1: GeneratorExit: gone"),
        ("1 / 0\n", "rules.py:1:1: ZeroDivisionError: division by zero"),
    ],
)
def test_rules_that_end_or_fail_are_told_with_their_line(tmp_path: Path, code: str, message: str) -> None:
    """An exit with 0 would look like success."""
    with pytest.raises(DefinitionError) as caught:
        loaded(tmp_path, code)
    assert message in str(caught.value)


def test_rules_are_ordinary_python(tmp_path: Path) -> None:
    """Dataclasses work, and annotations are what they are."""
    code = "from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int = 1\ndef f(s):\n    return A().n\n"
    assert loaded(tmp_path, code)["f"]({}) == 1
    assert loaded(tmp_path, "def f(s: int):\n    return 1\n")["f"].__annotations__ == {"s": int}


def test_what_rules_print_is_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to standard error, for the output may be a document."""
    loaded(tmp_path, "print('loading')\n")
    assert capsys.readouterr() == ("", "loading\n")


BOT = {
    "world": "bots",
    "roles": {"a": {"persona": "ann", "kind": "rule", "function": "bot"}},
    "states": {"hall": {"speakers": "a", "go": [{"to": "over", "after": {"turns": 1}}]}},
    "start": "hall",
    "ends": ["over"],
}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import sys; sys.exit(0)", "bot failed: SystemExit: 0"),
        ("d = {}; d['say'] = d; return d", "bot failed: ValueError"),
        ("return {(1, 2): 3}", "bot failed: TypeError"),
        ("return 5", "bot must give words or a mapping"),
    ],
)
def test_a_function_that_ends_or_gives_nonsense_is_named(body: str, message: str, tmp_path: Path) -> None:
    """No traceback, and no run that looks whole."""
    made = world_of(BOT, f"def bot(situation):\n    {body}\n")
    bot = models_for(made, {})["a"]
    with pytest.raises(DefinitionError) as caught:
        played(made, lambda r: bot.answer(r).text)
    assert message in str(caught.value)


def test_a_function_may_print(capsys: pytest.CaptureFixture[str]) -> None:
    """And the run goes on."""
    made = world_of(BOT, "def bot(situation):\n    print('thinking')\n    return 'Hello.'\n")
    bot = models_for(made, {})["a"]
    assert ending(played(made, lambda r: bot.answer(r).text)) == ("over", None)
    assert "thinking" not in capsys.readouterr().out
