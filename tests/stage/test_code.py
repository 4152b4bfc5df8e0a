"""Code that an agent wrote is run after a permission, in a process that takes no more than it may."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sim
from sim import cli
from sim.engine.machine import begin
from sim.errors import DefinitionError
from sim.models.model import Request
from sim.read.verify import verify
from sim.stage.adapter.code import Executor, is_picture, newest_png
from sim.stage.casting import models_for
from sim.world.format import Executor as Limits
from sim.world.world import World
from tests.building import Player, ending, of, spoken, started, world_of

SAVE = """
from PIL import Image
image = Image.new("RGB", (8, 8))
{draw}
image.save("{name}.png")
print("saved")
"""


def world(**executor: Any) -> World:
    """One writes code and the desk runs it, until there is a good picture."""
    return world_of(
        {
            "world": "code",
            "languages": ["en", "zh"],
            "roles": {"writer": "ann", "desk": {"persona": "bob", "kind": "executor", "reports": "ran"}},
            "facts": {
                "exit_code": {"number": ""},
                "picture": {"text": 100},
                "good": {"flag": False},
                "data": {"text": 200},
            },
            "actions": {
                "ran": {
                    "by": "desk",
                    "due": True,
                    "fields": {"exit": {"of": "exit_code"}, "picture": {"of": "picture"}, "good": {"of": "good"}},
                    "sets": {"exit_code": "act.exit", "picture": "act.picture", "good": "act.good"},
                }
            },
            "executor": {"seconds": 20, "memory_mb": 2048, "files": {"data.csv": "data"}, **executor},
            "states": {
                "work": {
                    "speakers": ["writer", "desk"],
                    "verbatim": True,
                    "actions": "ran",
                    "go": [{"drawn": "good and exit_code == 0"}, {"to": "failed", "after": {"rounds": 3}}],
                }
            },
            "start": "work",
            "ends": ["drawn", "failed"],
            "limits": {"utterance": 6000},
        }
    )


MADE = world()


def block(code: str, language: str = "python") -> str:
    """A message with a block of code."""
    return f"Here it is:\n```{language}\n{code.strip()}\n```\nThat should do."


def run(
    folder: Path, heard: str, facts: dict[str, Any] | None = None, language: str = "en", **limits: Any
) -> dict[str, Any]:
    """What the executor answers to what it heard."""
    made = MADE
    situation = begin(made, 1, facts or {})
    prompt = started(made).prompt("writer")
    request = Request(prompt, made, situation, "desk", 0, language, situation.streams, heard=heard)
    given = {"files": {"data.csv": "data"}, **limits}
    answer = Executor(Limits(**given), "ran", folder / "work").answer(request).text
    return json.loads(answer)  # type: ignore[no-any-return]


# To start a limited process takes two seconds, for it imports AutoGen; so a few runs are looked at from all sides.

LOOK = """
import json, os, sys
print("sum", 2 + 3)
print("in", os.getcwd() == os.path.realpath("."), sorted(os.listdir(".")))
print(open("data.csv").read().strip())
print("environment", json.dumps(dict(os.environ)))
print("parent", repr(open(f"/proc/{os.getppid()}/environ").read()))
"""


def test_code_is_run_in_a_folder_of_its_own_and_inherits_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fact names is copied there; neither the code nor its parent has a key in its environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-5ecret")
    monkeypatch.setenv("SOME_TOKEN", "t0ken")
    (tmp_path / "mine.csv").write_text("Date,A\n2015-01-31,7\n", encoding="utf-8")
    found = run(tmp_path, block(LOOK) + block("echo two", "sh"), {"data": str(tmp_path / "mine.csv")}, output=9000)
    lines = found["say"].splitlines()
    assert lines[:2] == ["exit code: 0", "sum 5"]
    assert "in True" in lines[2]
    assert "data.csv" in lines[2]
    assert "2015-01-31,7" in lines
    seen = json.loads(next(x for x in lines if x.startswith("environment")).removeprefix("environment "))
    assert set(seen) <= {
        "PATH", "HOME", "MPLCONFIGDIR", "LANG", "MPLBACKEND", "LC_CTYPE", "PWD", "SHLVL", "_", "OLDPWD"
    }  # fmt: skip
    assert os.environ["HOME"] not in seen.values()
    assert not any(secret in found["say"] for secret in ("5ecret", "t0ken", str(tmp_path)))
    assert lines[-1] == "two"
    assert found["ran"] == {"exit": 0, "picture": "", "good": False}


def test_an_error_is_an_answer_with_its_traceback(tmp_path: Path) -> None:
    """So the one who wrote the code can put it right; the blocks after it are not run."""
    found = run(tmp_path, block("print('first')") + block("raise ValueError('oh no')") + block("print('third')"))
    assert found["ran"]["exit"] == 1
    assert ["first" in found["say"], "ValueError: oh no" in found["say"], "third" in found["say"]] == [
        True,
        True,
        False,
    ]
    assert str(tmp_path) not in found["say"]


@pytest.mark.parametrize("heard", ["", "I have no code.", "`print(1)`"])
def test_a_message_without_code_is_told_so(tmp_path: Path, heard: str) -> None:
    """In the language of the run; nothing is started."""
    assert run(tmp_path, heard)["say"] == "exit code: 1\nThere is no code block to run."
    assert run(tmp_path, heard, language="zh")["say"] == "exit code: 1\n没有代码块可以运行。"


def test_code_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """With all that it started."""
    code = "import subprocess, time\nsubprocess.Popen(['sleep', '77.125'])\nprint('go', flush=True)\ntime.sleep(60)"
    found = run(tmp_path, block(code), seconds=1)
    assert found["ran"]["exit"] == 124
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 77.125" not in listed


def test_code_that_takes_too_much_memory_fails_by_itself(tmp_path: Path) -> None:
    """It is told what happened like any other error."""
    found = run(tmp_path, block("held = bytearray(900 * 1024 * 1024)\nprint(len(held))"), memory_mb=600)
    assert found["ran"]["exit"] not in (0, 124)
    assert "MemoryError" in found["say"] or "memory" in found["say"]


def test_long_output_is_cut_in_the_middle(tmp_path: Path) -> None:
    """The end is where the error stands, so most of what is kept is the end; a flood fills no memory."""
    found = run(tmp_path, block("print('a' * 50)\nprint('b' * 3_000_000)\nprint('the end')"), output=300)
    assert len(found["say"]) < 400
    assert found["say"].startswith("exit code: 0\n")
    assert "characters left out" in found["say"]
    assert found["say"].endswith("b\nthe end")


@pytest.mark.parametrize(
    ("kind", "good"), [("good", True), ("blank", False), ("no image", False), ("empty", False), ("missing", None)]
)
def test_a_picture_counts_only_if_it_opens_and_shows_something(
    tmp_path: Path, kind: str, good: bool | None
) -> None:
    """One of a single colour does not, whatever it is called; links and odd names are passed over."""
    image = pytest.importorskip("PIL.Image").new("RGB", (8, 8))
    path = tmp_path / "chart.png"
    if kind == "good":
        image.putpixel((1, 1), (255, 0, 0))
    if kind in {"good", "blank"}:
        image.save(path)
    elif kind != "missing":
        path.write_text("no picture" if kind == "no image" else "", encoding="utf-8")
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    (tmp_path / "a;b.png").write_text("x", encoding="utf-8")
    found = newest_png(tmp_path, {})
    assert found == (None if good is None else path)
    assert good is None or is_picture(path) is good


def test_the_newest_picture_counts(tmp_path: Path) -> None:
    """Of several that were made in one try."""
    for age, name in ((30, "old"), (10, "new"), (20, "middle")):
        path = tmp_path / f"{name}.png"
        path.write_bytes(b"x")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    newest = newest_png(tmp_path, {})
    assert newest is not None
    assert newest.name == "new.png"


def test_a_picture_from_before_does_not_count(tmp_path: Path) -> None:
    """Else code that draws nothing would be praised for the picture of another try."""
    image = pytest.importorskip("PIL.Image").new("RGB", (8, 8))
    image.putpixel((1, 1), (255, 0, 0))
    (tmp_path / "work").mkdir()
    image.save(tmp_path / "work" / "old.png")
    assert run(tmp_path, "")["ran"] == {"exit": 1, "picture": "", "good": False}


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    """The user's slip stops the run; a fact that is empty or no path is no file."""
    missing = str(tmp_path / "missing.csv")
    with pytest.raises(DefinitionError, match=r"the fact 'data' names a file that is not there: .*missing\.csv"):
        run(tmp_path, "", {"data": missing})
    for word in ("", "network"):
        assert run(tmp_path, "", {"data": word})["ran"]["exit"] == 1


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ("image inspect -- drawing", "docker:drawing"),
        ("image inspect -- another", "local code"),
        (None, "local code"),
    ],
)
def test_docker_is_used_where_it_has_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: str | None, name: str
) -> None:
    """No image is fetched; with no Docker, or one without the image, the code runs here, and the log says which."""
    if answers is not None:
        docker = tmp_path / "docker"
        docker.write_text(f'#!/bin/sh\n[ "$*" = "{answers}" ]\n', encoding="utf-8")
        docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep if answers is not None else None)
    monkeypatch.setattr("sim.stage.adapter.code.find_spec", lambda name: object())  # as if the client were there
    assert Executor(Limits(image="drawing"), "ran", tmp_path / "work").description["name"] == name


def test_docker_without_its_client_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Falling back to this machine would be less safe than what the user set up."""
    monkeypatch.setattr("sim.stage.adapter.code._has_image", lambda image: True)
    monkeypatch.setattr("sim.stage.adapter.code.find_spec", lambda name: None)
    with pytest.raises(DefinitionError, match=r"install its client: pip install 'roleplay-sim\[code\]'"):
        Executor(Limits(image="drawing"), "ran", tmp_path / "work")


def test_without_permission_a_world_that_runs_code_is_refused() -> None:
    """With the option that allows it; nothing is started."""
    with pytest.raises(DefinitionError, match="runs code that 'desk' is given; allow it with --allow-exec"):
        models_for(MADE, {})
    with pytest.raises(DefinitionError, match="allow it with --allow-exec"):
        sim.run(MADE)
    assert models_for(MADE, {"desk": Player(lambda r: "I run nothing.")})["desk"].name == "player"


def test_a_world_draws_corrects_and_draws_again(tmp_path: Path) -> None:
    """A whole run: an error, then a blank picture, then a good one; the log verifies without running code."""
    pytest.importorskip("PIL")
    blank, good = (SAVE.format(draw=d, name="chart") for d in ("", "image.putpixel((1, 1), (255, 0, 0))"))
    tries = ["import sys\nsys.exit(3)", blank, good]
    writer = Player(lambda r: block(tries[r.turn // 2]))
    log = sim.run(MADE, models={"writer": writer}, allow_exec=tmp_path / "work", out=tmp_path / "log.jsonl")
    assert (spoken(log), ending(log)) == (["writer", "desk"] * 3, ("drawn", None))
    told = [t.acts[0].fields for t in of(log, "turn") if t.speaker == "desk"]
    assert told == [
        {"exit": 3, "picture": "", "good": False},
        {"exit": 0, "picture": "chart.png", "good": False},
        {"exit": 0, "picture": "chart.png", "good": True},
    ]
    assert "Bob: exit code: 3" in writer.asked[1].prompt.messages[1]["content"]
    (tmp_path / "work" / "chart.png").unlink()
    assert verify(log).reason == ""
    assert not (tmp_path / "work" / "chart.png").exists()


def test_the_command_line_asks_for_the_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sim run` refuses with exit code 2 before anything is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sim", "run", "chart_desk", "--out", "log.jsonl"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert (left.value.code, "--allow-exec" in capsys.readouterr().err) == (2, True)
    assert list(tmp_path.iterdir()) == []
