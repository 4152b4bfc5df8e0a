"""``python -m docs.tool write|check|build [PAGE…]``: the pages as the code prints them, and the site."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from docs.tool import reference
from docs.tool.pages import ROOT, PageError, pages, played
from docs.tool.site import build


def main(words: Sequence[str]) -> int:
    """Do what the command line says; 1 if a page is not what the code prints, 2 if it cannot be told."""
    what, *names = words or [""]
    if what not in {"write", "check", "build"}:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if what == "build":
        return build(ROOT / "site")
    paths = [Path(name).resolve() for name in names] or list(dict.fromkeys([*pages(), *reference.pages()]))
    wrong, failed = 0, False
    for path, text in zip(paths, _all_made(paths), strict=True):
        if isinstance(text, PageError):
            failed = True
            sys.stderr.write(f"{text}\n")
        else:
            wrong += _compare(path, text, write=what == "write")
    return 2 if failed else int(wrong > 0 and what == "check")


def _all_made(paths: Sequence[Path]) -> Iterator[str | PageError]:
    """The texts of pages, or why there is none; several at a time, each in a process of its own."""
    if len(paths) == 1:
        yield _tried(paths[0])
        return
    with ProcessPoolExecutor() as pool:
        yield from pool.map(_tried, paths)


def _tried(path: Path) -> str | PageError:
    try:
        return made(path)
    except PageError as error:
        return error


def made(path: Path) -> str:
    """The text of a page as it should be."""
    language = reference.pages().get(path)
    return reference.text(language) if language else played(path)


def _compare(path: Path, new: str, *, write: bool) -> bool:
    """Whether a page differs from what it should be; it is written, or the difference is shown."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old == new:
        return False
    name = str(path.relative_to(ROOT))
    if write:
        path.write_text(new, encoding="utf-8")
        sys.stdout.write(f"{name}: written\n")
    else:
        lines = (old.splitlines(keepends=True), new.splitlines(keepends=True))
        sys.stdout.writelines(difflib.unified_diff(*lines, f"{name} as it is", f"{name} as the code prints it"))
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
