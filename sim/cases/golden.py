"""Golden transcripts: what a run printed when somebody last read it and found it good."""

from __future__ import annotations

import difflib
import itertools

from sim.cases.judging import Failure
from sim.cases.reading import Trial, shown
from sim.errors import DefinitionError
from sim.read.screen import plain_text
from sim.record.log import RunLog

MOST_LINES = 20
"""Lines of a difference that are shown."""


def compare(trial: Trial, log: RunLog, *, update: bool = False) -> list[Failure]:
    """Hold the transcript of a run against its golden file, or write that file anew.

    Raises:
        DefinitionError: if it cannot be read or written.
    """
    path = trial.golden
    if path is None:
        return []
    text, name = plain_text(log), shown(path)
    try:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
            return []
        if not path.is_file():
            return [Failure(trial.place("golden"), f"there is no {name} yet; --update-golden writes it")]
        golden = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise DefinitionError(f"{trial.place('golden')}: {name}: {why}") from None
    if golden == text:
        return []
    lines = difflib.unified_diff(golden.splitlines(), text.splitlines(), name, "this run", n=1, lineterm="")
    different = list(itertools.islice(lines, MOST_LINES + 1))
    cut = [*different[:MOST_LINES], "…"] if len(different) > MOST_LINES else different
    return [Failure(trial.place("golden"), "\n".join(["the transcript is another one", *cut]))]
