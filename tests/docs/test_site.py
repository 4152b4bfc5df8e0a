"""The site is built without a warning, in both languages, and needs no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.tool import site

SOURCES = sorted(p.name for p in site.DOCS.glob("*.md") if not p.name.endswith(".zh.md"))


def test_every_page_is_in_both_trees_and_leads_to_its_like(built: Path) -> None:
    """Links and anchors were checked when it was built: what leads nowhere is a warning, and so an error."""
    for name in SOURCES:
        page = f"{name.removesuffix('.md')}.html"
        english, chinese = ((built / tree / page).read_text(encoding="utf-8") for tree in ("", "zh"))
        assert f'href="zh/{page}" hreflang="zh"' in english
        assert f'href="../{page}" hreflang="en"' in chinese
        assert '<html lang="zh"' in chinese


def test_every_page_is_in_the_navigation() -> None:
    """None can only be found by its address."""
    nav = str(site._settings("en")["nav"])
    assert [name for name in SOURCES if f"'{name}'" not in nav] == []


def test_no_page_loads_anything_from_elsewhere(built: Path) -> None:
    """Neither fonts nor scripts: of other hosts there are only links to be followed by hand."""
    loads = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=["']?((?:https?:)?//[^"' >]+)""")
    pages = sorted(built.rglob("*.html"))
    assert len(pages) > 2 * len(SOURCES)
    assert [(p.name, found) for p in pages for found in loads.findall(p.read_text(encoding="utf-8"))] == []


def test_a_link_that_leads_nowhere_fails_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the place of the link, and no traceback."""
    (tmp_path / "docs").mkdir()
    for group in site._settings("en")["nav"]:
        for name in [group] if isinstance(group, str) else next(iter(group.values())):
            (tmp_path / "docs" / name).write_text("# A page\n\n[on](index.md#nowhere)\n", encoding="utf-8")
    monkeypatch.setattr(site, "DOCS", tmp_path / "docs")
    assert site.build(tmp_path / "site") == 1
    told = capsys.readouterr().err
    assert "anchor does not exist" in told
    assert "index.md:3:15" in told
    assert "Traceback" not in told
