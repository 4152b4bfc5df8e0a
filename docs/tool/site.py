"""Builds the site with Zensical, once for each language: ``page.md`` and ``page.zh.md`` are one page in two trees.

A page that has no Chinese text yet stands in the Chinese tree in English. What pages link to outside of ``docs/``
goes along as it is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from docs.tool.pages import ROOT

DOCS = ROOT / "docs"
TOOL = DOCS / "tool"
LANGUAGES = {"en": "English", "zh": "中文"}
PREFIXES = {"en": "../", "zh": "zh/"}
"""What leads from a page in the one language to its like in the other."""
LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")
OTHER = re.compile(r"\s\[(?:中文|English)\]\([\w.-]+\.md\)$|\[(?:中文|English)\]\([\w.-]+\.md\)$", re.MULTILINE)
"""What leads to a page in the other language; on the site, its head has that."""
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
BREAK = re.compile(
    r"(?<=[，。、；：？！（）“”《》…])\n *(?=[^\s|#<>*-])|(?<=[\u4e00-\u9fff])\n *(?=[\u4e00-\u9fff“《（])"
)
"""A line that goes on in the next, where Chinese has no space between."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def build(out: Path) -> int:
    """Build the site into a folder, which is emptied before; give the exit code, 1 if Zensical warns."""
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for language in LANGUAGES:
            place = Path(folder) / language
            place.mkdir()
            _sources(place, language)
            (place / "mkdocs.yml").write_text(yaml.safe_dump(_settings(language), allow_unicode=True), "utf-8")
            command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
            done = subprocess.run(
                command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
            )
            if done.returncode:
                sys.stderr.write(COLOUR.sub("", done.stdout).partition("Traceback")[0])
                return done.returncode
            shutil.copytree(place / "site", out / language if language != "en" else out, dirs_exist_ok=True)
    return 0


def _sources(place: Path, language: str) -> None:
    """Write the pages of a language as Zensical takes them, and what they link to."""
    docs = place / "docs"
    shutil.copytree(TOOL / "assets", docs / "assets")
    for path in DOCS.glob("*.md"):
        if path.name.endswith(".zh.md"):
            continue
        own = path.with_suffix(".zh.md")
        text = (own if language == "zh" and own.exists() else path).read_text(encoding="utf-8")
        (docs / path.name).write_text(_for_site(text, docs), encoding="utf-8")


def _for_site(text: str, docs: Path) -> str:
    """A page without what the site itself has, and with links as they are there."""

    def link(found: re.Match[str]) -> str:
        target = found[2]
        if target.startswith("../"):
            target = target.removeprefix("../")
            (docs / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / target, docs / target)
        elif target.endswith(".zh.md"):
            target = f"{target.removesuffix('.zh.md')}.md"
        return f"{found[1]}{target}{found[3]}"

    parts = FENCED.split(LINK.sub(link, OTHER.sub("", text)))
    return "".join(BREAK.sub("", part) if i % 2 == 0 else part for i, part in enumerate(parts))


def _settings(language: str) -> dict[str, Any]:
    """What Zensical is told of a language."""
    settings: dict[str, Any] = yaml.safe_load((TOOL / "zensical.yaml").read_text(encoding="utf-8"))
    groups = yaml.safe_load((TOOL / "navigation.yaml").read_text(encoding="utf-8"))
    other = next(each for each in LANGUAGES if each != language)
    settings["theme"] |= {"language": language, "custom_dir": str(TOOL / "theme")}
    settings["extra"]["alternate"] = True  # theme/partials/alternate.html stands in its place
    settings["extra"]["other"] = {"lang": other, "name": LANGUAGES[other], "prefix": PREFIXES[other]}
    settings["nav"] = [
        f"{group}.md" if isinstance(group, str) else {group[language]: [f"{page}.md" for page in group["pages"]]}
        for group in groups
    ]
    return settings
