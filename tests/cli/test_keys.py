"""A key is in no log, cache, state file, export, error or debug output, whatever a provider does with it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults import Fault
from tests.provider import KEY
from tests.role_play import answer

MODELS = """\
models:
  named:
    url: {url}
    key: env:SECRET_KEY
    limits: {{tokens: 1000000}}
    timeout: 2
    tries: 3
  literal:
    url: {url}
    key: {key}
    timeout: 2
"""


def traces_of(key: str) -> list[bytes]:
    """The key as it stands, and as it may be spelt: in JSON escapes, in URLs, in base64."""
    escaped = "".join(f"\\u{ord(c):04x}" for c in key)
    coded = base64.b64encode(f"user:{key}".encode()).decode()
    return [text.encode() for text in (key, escaped, coded, key[:12])]


def telling(request: dict[str, Any]) -> tuple[int, Any]:
    """An answer that repeats the key that it was asked with, plainly and in escapes."""
    body = answer(request)
    said = body["choices"][0]["message"]["content"]
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    try:
        given = json.loads(said)
        given["say"] = f"my key is {KEY}"
        said = json.dumps(given).replace(KEY, escaped)
    except ValueError:
        said = f"my key is {KEY}"
    body["choices"][0]["message"]["content"] = said
    return 200, body | {"id": f"id-{KEY}", "system_fingerprint": KEY}


def sim(folder: Path, *arguments: str, key: str = KEY) -> str:
    """Run the command as a user would, with everything that can be logged logged; what it printed."""
    code = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG); "
        f"sys.argv = {['sim', *arguments]!r}; from sim.cli import main; main()"
    )
    environment = {
        **os.environ,
        "SECRET_KEY": key,
        "OPENAI_API_KEY": key,
        "OPENAI_LOG": "debug",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


FAULTS: dict[str, Any] = {
    "it answers with the key": (),
    "it refuses the key and repeats it": lambda number, _: Fault.unauthorised() if number > 3 else None,
    "its errors repeat the key": lambda number, _: (
        Fault.error(500, f"bad key {KEY}", kind="x") if number > 3 else None
    ),
    "its body is the key": lambda number, _: Fault.body(KEY.encode(), "text/plain") if number > 3 else None,
    "its body is JSON of the key": lambda number, _: Fault.body(json.dumps(KEY).encode()) if number > 3 else None,
}


READERS = [
    ("models", "test", "named"),
    ("export", "run.jsonl", "-o", "run.md"),
    ("export", "run.jsonl", "-o", "run.csv"),
    ("show", "run.jsonl", "--turn", "2", "--prompt"),
    ("cost", "run.jsonl", "--json"),
]
FAILED = ("resume", "run.jsonl", "--cache", "write")


@pytest.mark.parametrize(
    "what", [pytest.param(w, marks=[pytest.mark.campaign] if i > 1 else []) for i, w in enumerate(FAULTS)]
)
def test_a_key_in_the_environment_is_written_nowhere(what: str, serve: Any, tmp_path: Path) -> None:
    """Neither in what is printed nor in any file that the commands make."""
    provider = serve(answer=telling, faults=FAULTS[what])
    (tmp_path / "models.yaml").write_text(MODELS.format(url=provider.url, key="unused"), encoding="utf-8")
    run = ("run", "hospital_visit", "--model", "named", "--cache", "write", "--max-tokens", "100000")
    printed = [sim(tmp_path, *run, "--out", "run.jsonl")]
    printed += [sim(tmp_path, *command) for command in (READERS if provider.refused == [] else [FAILED])]
    assert provider.requests
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers, _ in provider.requests)
    assert (tmp_path / "run.jsonl").stat().st_size > 1_000
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(files) >= 4
    for trace in traces_of(KEY):
        assert [p.name for p in files if trace in p.read_bytes()] == []
        assert [text for text in printed if trace.decode() in text] == []


def test_a_key_in_the_file_is_warned_of_and_written_nowhere_else(serve: Any, tmp_path: Path) -> None:
    """It works, and the warning does not repeat it."""
    provider = serve()
    (tmp_path / "models.yaml").write_text(MODELS.format(url=provider.url, key=KEY), encoding="utf-8")
    printed = sim(tmp_path, "run", "hospital_visit", "--model", "literal", "--out", "run.jsonl", key="")
    assert "models.yaml:8: the key of 'literal' stands in the file" in printed
    assert "discharged" in printed
    listed = sim(tmp_path, "models", key="")
    assert "in the file" in listed
    assert KEY not in printed + listed
    assert KEY.encode() not in (tmp_path / "run.jsonl").read_bytes()


def test_credentials_in_a_url_are_written_nowhere(serve: Any, tmp_path: Path) -> None:
    """Neither plainly nor in base64."""
    provider = serve(faults=lambda number, _: Fault.broken() if number > 3 else None)
    url = provider.url.replace("http://", f"http://user:{KEY}@")
    (tmp_path / "models.yaml").write_text(MODELS.format(url=url, key="none"), encoding="utf-8")
    printed = sim(tmp_path, "run", "hospital_visit", "--model", "named", "--out", "run.jsonl", key="other")
    printed += sim(tmp_path, "models") + sim(tmp_path, "models", "--json")
    for trace in traces_of(KEY):
        assert trace not in (tmp_path / "run.jsonl").read_bytes()
        assert trace.decode() not in printed
