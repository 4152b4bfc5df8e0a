"""``python -m docs.tool write|check|build [PAGE…]``: the pages as the code prints them, and the site."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
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
    wrong = 0
    for path in [Path(name).resolve() for name in names] or list(dict.fromkeys([*pages(), *reference.pages()])):
        try:
            wrong += _compare(path, write=what == "write")
        except PageError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return int(wrong > 0 and what == "check")


def made(path: Path) -> str:
    """The text of a page as it should be."""
    language = reference.pages().get(path)
    return reference.text(language) if language else played(path)


def _compare(path: Path, *, write: bool) -> bool:
    """Whether a page differs from what it should be; it is written, or the difference is shown."""
    old, new = path.read_text(encoding="utf-8") if path.exists() else "", made(path)
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
