"""Code that an agent wrote, run by AutoGen's executors: in Docker if it has the image, else in a limited process.

The limited process has none of the user's environment, so no secret is inherited; time, memory, file size and
output are bounded, and it works in a folder of its own. It can still reach the network and read the user's files:
that is what a permission is asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autogen.coding import CodeBlock, DockerCommandLineCodeExecutor, MarkdownCodeExtractor

from sim.errors import DefinitionError, ModelError
from sim.models.model import Reply, Request
from sim.record.records import Usage
from sim.world.format import Executor as Limits

_BLANK = 2
"""Colours that a picture has at least, if it is not blank."""

_NO_CODE = {"zh": "没有代码块可以运行。", "en": "There is no code block to run."}


class Executor:
    """Answers with what came of running the code blocks of the last message that its agent heard.

    ``reports`` is the action that tells it, with whichever of the fields ``exit`` (the exit code; 124 after the
    time limit), ``picture`` (the newest PNG, a file name) and ``good`` (it opens and is not blank) the action has.
    """

    keeps_budget = True

    def __init__(self, limits: Limits, reports: str | None, folder: Path) -> None:
        self._limits = limits
        self._reports = reports
        self.folder = folder
        self._image = limits.image if limits.image and _has_image(limits.image) else None
        if self._image and find_spec("docker") is None:
            raise DefinitionError("to run code in Docker, install its client: pip install 'roleplay-sim[code]'")
        self.name = f"docker:{self._image}" if self._image else "local code"

    @property
    def description(self) -> Mapping[str, Any]:
        """What runs the code, and its limits."""
        return {"name": self.name, "seconds": self._limits.seconds, "memory_mb": self._limits.memory_mb}

    def answer(self, request: Request) -> Reply:
        """Run the code; an error in it is an answer like any other.

        Raises:
            ModelError: if the executor itself fails.
            DefinitionError: if a file that the world copies for it is not there.
        """
        started = time.perf_counter()
        self._bring_files(request)
        blocks = [b for b in MarkdownCodeExtractor().extract_code_blocks(request.heard) if b.language != "text"]
        before = _pictures(self.folder)
        if blocks:
            code, output = self._run(blocks)
        else:
            code, output = 1, _NO_CODE.get(request.language, _NO_CODE["en"])
        answer: dict[str, Any] = {"say": self._told(code, output)}
        action = request.world.actions.get(self._reports or "")
        if action is not None:
            picture = newest_png(self.folder, before)
            found = {
                "exit": code,
                "picture": picture.name if picture else "",
                "good": picture is not None and is_picture(picture),
            }
            answer[action.name] = {n: v for n, v in found.items() if n in action.fields}
        usage = Usage(prompt=0, completion=0, is_estimated=False)
        measured = {"latency_s": round(time.perf_counter() - started, 3), "folder": str(self.folder)}
        return Reply(json.dumps(answer, ensure_ascii=False), usage, Decimal(0), "USD", measured)

    def _told(self, code: int, output: str) -> str:
        kept = output.strip().replace(str(self.folder.resolve()), ".").replace(sys.prefix, "…")
        most = self._limits.output
        if len(kept) > most:
            kept = f"{kept[: most // 3]}\n… {len(kept) - most} characters left out …\n{kept[-(most - most // 3) :]}"
        return f"exit code: {code}\n{kept}".strip()

    def _bring_files(self, request: Request) -> None:
        """Copy the files that facts name into the work folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, fact in self._limits.files.items():
            given = request.situation.facts.get(fact)
            if not isinstance(given, str) or not given or ("/" not in given and "." not in given):
                continue
            source = Path(given).expanduser()
            if not source.is_file():
                raise DefinitionError(f"the fact '{fact}' names a file that is not there: {given}")
            shutil.copyfile(source, self.folder / Path(name).name)

    def _run(self, blocks: list[CodeBlock]) -> tuple[int, str]:
        given = json.dumps([[b.language or "python", b.code] for b in blocks])
        if self._image:
            return self._in_docker(blocks)
        command = [sys.executable, "-I", "-m", "sim.stage.adapter.sandbox"]
        limits = {"folder": str(self.folder.resolve()), **self._limits.model_dump(include={"seconds", "memory_mb"})}
        process = subprocess.Popen(
            [*command, json.dumps(limits)],
            cwd=self.folder,
            env=_environment(self.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            out, err = process.communicate(given, timeout=self._limits.seconds + 20)
        except subprocess.TimeoutExpired:
            return 124, "the time limit was reached"
        finally:
            _end(process)
        try:
            result = json.loads(out)
            return int(result["exit"]), str(result["output"])
        except (ValueError, KeyError, TypeError):
            return process.returncode or 1, err[-2000:] or "the code was stopped"

    def _in_docker(self, blocks: list[CodeBlock]) -> tuple[int, str]:
        options = {
            "mem_limit": f"{self._limits.memory_mb}m",
            "user": f"{os.getuid()}:{os.getgid()}",  # so that what it writes is the user's
            "environment": {"MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp", "HOME": "/tmp"},  # noqa: S108 - in there
        }
        try:
            with DockerCommandLineCodeExecutor(
                image=str(self._image),
                timeout=self._limits.seconds,
                work_dir=self.folder,
                container_create_kwargs=options,
            ) as docker:
                result = docker.execute_code_blocks(blocks)
        except Exception as error:  # noqa: BLE001 - the Docker client raises errors of many packages
            raise ModelError(f"Docker: {str(error)[:300]}") from None
        return result.exit_code, result.output


def _has_image(image: str) -> bool:
    """Whether there is a Docker that answers and has an image; none is fetched, for that may be gigabytes."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    command = [docker, "image", "inspect", "--", image]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _environment(folder: Path) -> dict[str, str]:
    """What the code may see of the environment: where programs are, and nothing of the user's."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    fonts = Path(tempfile.gettempdir()) / f"sim-matplotlib-{os.getuid()}"
    words = {"LANG": "C.UTF-8", "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(fonts)}
    return {"PATH": path, "HOME": str(folder.resolve()), **words}


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr, process.stdin):
        if stream is not None:
            stream.close()


def _pictures(folder: Path) -> dict[Path, tuple[int, int]]:
    """The PNGs in a folder, each with when it was written and its size."""
    found = [p for p in sorted(folder.glob("*.png")) if re.fullmatch(r"[\w.() -]+", p.name) and not p.is_symlink()]
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in found}


def newest_png(folder: Path, before: Mapping[Path, tuple[int, int]]) -> Path | None:
    """The PNG in a folder that was written last, of those that were not there before as they are now."""
    new = {p: mark for p, mark in _pictures(folder).items() if before.get(p) != mark}
    return max(new, key=lambda p: new[p], default=None)


def is_picture(path: Path) -> bool:
    """Whether a file opens as an image and is not of one colour."""
    try:
        from PIL import Image  # noqa: PLC0415 - only worlds that draw need it
    except ImportError:
        raise DefinitionError("to look at pictures, install Pillow: pip install 'roleplay-sim[code]'") from None
    try:
        with Image.open(path) as image:
            image.load()
            colours = image.convert("RGB").getcolors(maxcolors=256 * 256)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return colours is None or len(colours) >= _BLANK
