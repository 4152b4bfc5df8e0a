"""The Chinese of pages, pictures and templates has the words of the glossary in docs/world-format.zh.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "world-format.zh.md"
OTHER_WORDS = {
    "回合": "轮（turn）、圈（round）", "词元": "token", "场次": "场（episode）", "说话人": "发言人",
    "行动文件": "动作文件（acts file）", "导出值": "推导值（derived value）",
    "招式": "台词（line、move）", "库存": "存货（stock）",
}  # fmt: skip
"""Words that might as well stand for a thing of the glossary, and so would be taken for another."""

WRITTEN = [
    *sorted((ROOT / "docs").glob("*.zh.md")),
    ROOT / "README.zh.md",
    ROOT / "docs" / "tool" / "words.yaml",
    *(
        ROOT / "sim" / path
        for path in ("read/page/words.py", "read/export.py", "read/plots.py", "engine/phrases.py")
    ),
    *sorted((ROOT / "sim" / "creating" / "templates").rglob("*.j2")),
]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_thing_has_one_word_in_chinese(path: Path) -> None:
    """Of a word that is not the glossary's, a reader cannot know whether it is another thing."""
    text = path.read_text(encoding="utf-8")
    assert [f"{word}: {right}" for word, right in OTHER_WORDS.items() if word in text] == []


def test_the_glossaries_name_the_same_things() -> None:
    """Each Chinese word has its English one beside it, in the order of the English page."""
    english = (ROOT / "docs" / "world-format.md").read_text(encoding="utf-8").split("## Glossary\n")[1]
    chinese = GLOSSARY.read_text(encoding="utf-8").split("## 术语\n")[1]
    terms = [re.split(", ", row) for row in re.findall(r"^\| ([a-z][^|]*) \|", english, re.MULTILINE)[1:]]
    beside = [re.findall(r"[a-z][a-z -]*", row) for row in re.findall(r"^\| ([^|]+) \|", chinese, re.MULTILINE)[1:]]
    assert len(terms) > 20
    assert beside == terms
