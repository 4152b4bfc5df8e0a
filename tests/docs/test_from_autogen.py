"""The plain AutoGen scripts of the page run as they stand there, at a local server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from autogen.io.base import IOStream
from server import REPLY, CountingServer

from docs.tool.pages import BLOCK, ROOT

PAGES = ["from-autogen.md", "from-autogen.zh.md"]


class Quiet:
    """Shows nothing of AutoGen's events."""

    def print(self, *args: object, **kwargs: object) -> None:
        """Show nothing."""

    def send(self, message: object) -> None:
        """Show nothing."""

    def input(self, *args: object, **kwargs: object) -> str:
        """Ask nobody."""
        return ""


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """Counts what it is sent."""
    started = CountingServer()
    yield started
    started.close()


def played(page: str, name: str, server: CountingServer, edit: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """The names that a script leaves, after the beginning that all have; with one text in place of another."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = {b["mark"].removeprefix("with a provider: "): b["body"] for b in BLOCK.finditer(text)}
    code = re.sub(r"http://127\.0\.0\.1:8080/v1", server.url, blocks["head"]) + blocks[name]
    assert edit[0] in code
    code = code.replace(*edit, 1)
    names: dict[str, Any] = {}
    with IOStream.set_default(Quiet()):
        exec(compile(code, name, "exec"), names)
    return names


def speakers(names: dict[str, Any]) -> list[str]:
    return [message["name"] for message in names["chat"].messages]


@pytest.mark.parametrize("page", PAGES)
def test_the_visit_asks_a_model_for_every_speaker(page: str, server: CountingServer) -> None:
    """Eleven answers and as many questions who speaks; the chat's cost is of two agents alone."""
    names = played(page, "visit", server)
    assert len(names["chat"].messages) == 12
    assert server.count.calls == 2 * 11


@pytest.mark.parametrize("page", PAGES)
def test_the_meeting_goes_back_to_its_manager(page: str, server: CountingServer) -> None:
    """The first head is named in the opening, the others come in turn where the model names nobody."""
    assert speakers(played(page, "meeting", server)) == [
        "GM", "Sales", "GM", "Research", "GM", "HR", "GM", "Sales",
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_teams_speak_to_each_other_through_their_leaders(page: str, server: CountingServer) -> None:
    """As the graph says that is given to AutoGen."""
    said = speakers(played(page, "teams", server))
    assert len(said) == 20
    pairs = {(a, b) for a, b in pairwise(said) if a[0] != b[0]}
    assert pairs <= {(a, b) for a in ("A0", "B0", "C0") for b in ("A0", "B0", "C0")}


@pytest.mark.parametrize("page", PAGES)
def test_the_chain_carries_the_summary_of_a_chat_over(page: str, server: CountingServer) -> None:
    """Whatever was said: nothing checks it."""
    results = played(page, "chain", server)["results"]
    assert [result.summary for result in results] == [REPLY, REPLY]
    assert f"Context: \n{REPLY}" in results[1].chat_history[0]["content"]


@pytest.mark.parametrize("page", PAGES)
def test_autogen_lets_a_function_break_the_transitions_that_stand_beside_it(
    page: str, server: CountingServer
) -> None:
    """As the page says: what the function returns, speaks."""
    names = played(
        page, "meeting", server, ("        return gm\n", "        return heads[len(chat.messages) % 3]\n")
    )
    assert speakers(names)[:4] == ["GM", "Sales", "HR", "Sales"]
