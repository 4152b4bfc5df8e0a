"""Pages with commands in them, and what those print.

A comment before a fenced block says what the block is:

- ``run``: its commands (``sh``) or its code (``python``) are run, in order; ``run, exits 1`` where the last command
  ends so
- ``output: COMMAND``: what the command printed when it was run last, or prints now; ``output: python`` for code;
  ``output: COMMAND, as in PAGE`` is copied from that page, where it takes long
- ``file: PATH``: a file that is written; ``add to: PATH``: top-level keys that are put into a YAML file

Everything else is for readers alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from docs.tool.session import Session, session
from docs.tool.shown import renewed

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^<!-- (?P<mark>[^\n]*?) -->\n(?P<fence>```+)(?P<language>\w*)\n(?P<body>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
_RUN = re.compile(r"run(?:, exits (?P<code>\d+))?$")


class PageError(Exception):
    """A page that cannot be made: its place, and why."""


def pages() -> list[Path]:
    """All pages that may have marked blocks, in a fixed order."""
    return [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def commands_of(block: str) -> list[str]:
    """The commands of a block, without comments; a line that ends in a backslash goes on."""
    lines = block.replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s+)#.*", "", line).strip())]


def played(path: Path) -> str:
    """The text of a page as it should be: with the outputs as they are printed now.

    Raises:
        PageError: if something in it fails, or what it shows is not there any more.
    """
    text = path.read_text(encoding="utf-8")
    if BLOCK.search(text) is None:
        return text
    with session() as reader:
        visit = _Visit(path, text, reader)
        return BLOCK.sub(visit.block, text)


class _Visit:
    """One reading of a page."""

    def __init__(self, path: Path, text: str, reader: Session) -> None:
        self._path, self._text, self._reader = path, text, reader
        self._printed: dict[str, str] = {}

    def block(self, found: re.Match[str]) -> str:
        """Do what a block says, and give it back as it should be."""
        mark, body = found["mark"], found["body"]
        what, _, argument = mark.partition(": ")
        does: dict[str, Callable[[str, str], None]] = {"file": self._reader.write, "add to": self._reader.add}
        try:
            if run := _RUN.match(mark):
                self._run(found["language"], body, int(run["code"] or 0))
            elif what in does:
                does[what](argument, body)
            elif what == "output":
                shown = renewed(body, self._output(argument))
                start, end = (found.span("body")[i] - found.start() for i in (0, 1))
                return f"{found.group(0)[:start]}{shown}{found.group(0)[end:]}"
        except (ValueError, OSError) as error:
            raise self._error(found, str(error)) from error
        except PageError as error:
            raise self._error(found, str(error)) from None
        return found.group(0)

    def _run(self, language: str, body: str, code: int) -> None:
        if language == "python":
            self._printed["python"] = self._reader.execute(body, self._path.name)
            return
        commands = commands_of(body)
        for i, command in enumerate(commands, 1):
            self._command(command, code if i == len(commands) else 0)

    def _command(self, command: str, code: int) -> str:
        done = self._reader.run(command)
        if done.code != code:
            raise PageError(f"'{command}' exits {done.code}, not {code}:\n{done.text}")
        self._printed[command] = done.text
        return done.text

    def _output(self, command: str) -> str:
        command, _, page = command.partition(", as in ")
        if page:
            text = (self._path.parent / page).read_text(encoding="utf-8")
            found = next((b for b in BLOCK.finditer(text) if b["mark"] == f"output: {command}"), None)
            if found is None:
                raise PageError(f"{page} has no output of {command}")
            return found["body"]
        return self._printed[command] if command in self._printed else self._command(command, 0)

    def _error(self, found: re.Match[str], why: str) -> PageError:
        line = self._text.count("\n", 0, found.start()) + 1
        return PageError(f"{self._path.relative_to(ROOT)}:{line}: {why}")
