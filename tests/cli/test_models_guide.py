"""docs/models.md says what the code does: its commands run at a local provider; keys and numbers are the code's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import yaml

from docs.tool.shown import matches
from sim.engine.room import MARGIN, ROOM_FOR_ACTS
from sim.models import catalog
from sim.models.cache import USES
from sim.models.limits import MARGIN_S
from sim.models.retries import LONGEST_WAIT_S, PATIENCE_S, TRIES
from sim.stage.adapter.wire import FEW, SOME
from sim.world.fields import Budget
from tests.cli.running import ROOT, Sim
from tests.provider import Provider

DOCS = ROOT / "docs"
GUIDES = ["models.md", "models.zh.md"]
PARTS = [catalog.LimitsEntry, catalog.PriceEntry, catalog.Sampling, catalog.Supports, Budget]
TABLE = re.compile(r"^\| `(\w+)` \| (.+) \| ([^|]*)\|$", re.MULTILINE)


def guide(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", guide(name), re.DOTALL)


def commands(name: str) -> list[tuple[str, int]]:
    """The commands, and how each says that it exits."""
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    return [
        (line.partition(" #")[0].strip(), 3 if re.search(r"#.*(exits|退出码) 3", line) else 0) for line in lines
    ]


@pytest.mark.parametrize("name", GUIDES)
def test_the_guide_has_a_line_for_every_key_of_a_model(name: str) -> None:
    """In the order of the model, and with the keys of its parts."""
    rows = [key for key, *_ in TABLE.findall(guide(name)) if key not in USES]
    assert rows == list(catalog.Entry.model_fields)
    keys = {key for part in PARTS for key in part.model_fields}
    assert {"cached", "extra", "json_mode", "requests", "cost"} <= keys
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", guide(name))) == []
    assert [use for use in USES if f"| `{use}` |" not in guide(name)] == []
    assert [
        api for api in get_args(catalog.Entry.model_fields["api"].annotation) if f"`{api}`" not in guide(name)
    ] == []


@pytest.mark.parametrize("name", GUIDES)
def test_the_defaults_in_the_table_are_those_of_the_code(name: str) -> None:
    """Those that are numbers, or a word."""
    said = {key: rest.strip(" `") for key, _, rest in TABLE.findall(guide(name))}
    fields = catalog.Entry.model_fields
    assert (said["api"], float(said["timeout"]), int(said["tries"])) == tuple(
        fields[key].default for key in ("api", "timeout", "tries")
    )


def test_the_numbers_of_the_guide_are_those_of_the_code() -> None:
    """In words or figures."""
    assert (MARGIN, MARGIN_S, FEW, SOME, TRIES, LONGEST_WAIT_S, PATIENCE_S) == (0.25, 1.0, 3, 5, 8, 60.0, 300.0)
    english, chinese = (" ".join(guide(name).split()) for name in GUIDES)
    assert ROOM_FOR_ACTS == 200
    for words in (
        "a quarter more",
        "given up at the third",
        "more than 300 seconds",
        "at most 60, times",
        "200 more for acts",
    ):
        assert words in english
    for words in ("再加四分之一", "第三次就放弃", "300 秒以上", "最多 60 秒", "再为动作加 200"):
        assert words in chinese


def test_both_guides_have_the_same_blocks_and_tables() -> None:
    """One is a translation of the other."""
    strip = re.compile(r" *#.*")
    printed = re.compile(r"<!-- (with a provider: .*?) -->\n```\n(.*?)```", re.DOTALL)
    assert printed.findall(guide(GUIDES[0])) == printed.findall(guide(GUIDES[1])) != []
    for language in ("yaml", "sh"):
        first, second = ([strip.sub("", b) for b in blocks(name, language)] for name in GUIDES)
        assert first == second != []
    shapes = [[line.count("|") for line in guide(name).splitlines() if line.startswith("|")] for name in GUIDES]
    heads = [guide(name).count("\n## ") for name in GUIDES]
    assert (shapes[0], heads[0]) == (shapes[1], heads[1])


@pytest.mark.parametrize("name", GUIDES)
def test_the_models_of_the_guide_can_be_read(name: str, tmp_path: Path) -> None:
    """Each block that is a file of models, and those for other endpoints as those that are written by --init."""
    files = [block for block in blocks(name, "yaml") if block.startswith("models:")]
    assert len(files) == 2
    example = yaml.safe_load(catalog.EXAMPLE)["models"]
    for text in files:
        path = tmp_path / "models.yaml"
        path.write_text(text, encoding="utf-8")
        found = catalog.load(path).spec.models
        for key in {"azure-gpt", "claude", "gemini"} & found.keys():
            assert found[key] == catalog.Entry(
                **{k: str(v) if k == "version" else v for k, v in example[key].items()}
            )


def test_the_commands_of_the_guide_run(
    folder: Path, sim: Sim, serve: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after another, as a newcomer would, each with the exit code that stands beside it."""
    for kind in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(folder.parent / kind.lower()))
    provider = serve()
    text = re.sub(r"url: http\S+", f"url: {provider.url}", blocks("models.md", "yaml")[0])
    text = text.replace("    model: gpt-4o\n", f"    model: gpt-4o\n    url: {provider.url}\n")
    text = text.replace("tokens: 30000}", "tokens: 3000000}")  # else its commands would wait for minutes
    printed: dict[str, str] = {}
    for command, code in commands("models.md"):
        if "--init" not in command:
            (folder / "models.yaml").write_text(text, encoding="utf-8")
        words = [provider.url if word.startswith("http") else word for word in shlex.split(command)[1:]]
        if words != ["resume"]:  # there is nothing yet to go on with
            done = sim(*words)
            assert (command, done.code, done.err if done.code == 2 else "") == (command, code, "")
            printed[command] = done.out + done.err
    assert len(printed) > 12
    shown = re.findall(r"<!-- with a provider: (sim [^\n]*) -->\n```\n(.*?)```", guide("models.md"), re.DOTALL)
    assert len(shown) == 3
    assert [command for command, block in shown if not matches(block, printed[command])] == []
