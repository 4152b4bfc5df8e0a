"""Answers that were paid for once: kept in SQLite by the whole request, for all processes that use the file.

The key is a hash of the endpoint, the model and everything that is sent but the key of the account, so a prompt
cannot be read from it. An answer is JSON; nothing in the file is ever run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, get_args

from sim.errors import DefinitionError

_LOG = logging.getLogger("sim.models")

Use = Literal["off", "read", "write", "refresh"]
"""Not at all; only what is there; that, and new answers are kept; all are asked for anew and kept."""

USES: tuple[Use, ...] = get_args(Use)

_TABLE = "CREATE TABLE IF NOT EXISTS answers (request TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"


class Cache:
    """The answers in a file."""

    def __init__(self, path: Path, use: Use = "write") -> None:
        self.path = path
        self.use = use
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._file()) as file:
                file.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None

    def find(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to the same request, if one is kept.

        Raises:
            DefinitionError: if the file is broken.
        """
        if self.use == "refresh":
            return None
        try:
            with closing(self._file()) as file:
                row = file.execute("SELECT answer FROM answers WHERE request = ?", (_digest(request),)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        try:
            found = json.loads(row[0]) if row else None
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def keep(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer in place of an earlier one; one that cannot be kept is used all the same."""
        if self.use == "read":
            return
        try:
            with closing(self._file()) as file:
                # Escaped, for an answer may hold half a surrogate pair, which is no UTF-8.
                file.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (_digest(request), json.dumps(answer)))
        except sqlite3.Error as error:
            _LOG.warning("the cache %s cannot keep an answer: %s", self.path, error)

    def _unusable(self, error: Exception) -> DefinitionError:
        return DefinitionError(f"cannot use the cache {self.path}: {error}; --cache off does without")

    def _file(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60, isolation_level=None)


def _digest(request: Mapping[str, Any]) -> str:
    text = json.dumps(request, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
