"""The Python functions that a world brings along in its ``rules.py``: trusted code, loaded only with consent."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, Problem

Functions = Mapping[str, Callable[..., Any]]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file of rules, by which a log names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_rules(path: Path, text: bytes | None = None) -> Functions:
    """The public functions of a file of rules, or of the ``text`` that it had, if that is given.

    Raises:
        DefinitionError: if it cannot be loaded.
    """
    module = types.ModuleType(f"sim_rules_{path.parent.name}")
    module.__file__ = str(path)
    try:
        given = path.read_bytes() if text is None else text
        code = compile(given.decode("utf-8"), str(path), "exec", dont_inherit=True)
        sys.modules[module.__name__] = module  # dataclasses look their module up
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, module.__dict__)  # noqa: S102 - the world's own code, which its user asked to run
    except SyntaxError as error:
        problem = Problem(str(path), error.lineno or 1, error.offset or 1, "rules", str(error.msg))
        raise DefinitionError.of([problem]) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a user's code may fail in any way, and sys.exit() is one
        line = next((t.tb_lineno for t in _frames(error) if t.tb_frame.f_code.co_filename == str(path)), 1)
        problem = Problem(str(path), line, 1, "rules", f"{type(error).__name__}: {error}")
        raise DefinitionError.of([problem]) from None
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType)
        and not name.startswith("_")
        and value.__module__ == module.__name__
    }


def _frames(error: BaseException) -> list[types.TracebackType]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames[::-1]
