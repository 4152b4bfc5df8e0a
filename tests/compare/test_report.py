"""The page of a comparison, and its pictures, also in a real browser, narrow and wide.

Needs Chromium and its driver; with SIM_REQUIRE_BROWSER set, as in CI, their absence is a failure.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import planted
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from sim.compare.comparison import Comparison, compare
from sim.compare.figures import draw, svgs
from sim.compare.reading import read
from sim.compare.report import to_html
from sim.compare.rows import open_folder
from sim.compare.words import Words

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
HOSTILE = "<script>alert(1)</script>"


def compared(folder: Path, rows: list[dict[str, Any]]) -> Comparison:
    return compare(read([open_folder(planted.write(folder, rows))]))


def hostile(seeds: int) -> list[dict[str, Any]]:
    """Rows whose names would be markup, if they were not escaped."""
    rows = json.loads(json.dumps(list(planted.planted(seeds))).replace("better", HOSTILE))
    for row in rows:
        row["facts"] = {"<b>fee</b>": row["turns"]}
    return rows


def test_the_figures_are_svg_with_real_text(tmp_path: Path) -> None:
    """Each is an element of its own, in which the names can be found and read aloud."""
    made = compared(tmp_path / "r", list(planted.planted(30)))
    figures = dict(svgs(made, Words("zh")))
    assert list(figures) == [
        "占比及其 95 % 区间", "各种子的取值：箱为中间一半，点为均值及其 95 % 区间", "与 plain 的占比差异（百分点）",
        "与 plain 的差异（占其均值的 %）",
    ]  # fmt: skip
    for svg in figures.values():
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert ">结局“won”</text>" in figures["占比及其 95 % 区间"]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_figures_are_drawn_into_one_file(tmp_path: Path, ending: str) -> None:
    """The same bytes each time."""
    made = compared(tmp_path / "r", list(planted.duels(5, {"a": 0.4, "b": -0.4})))
    paths = [tmp_path / f"{n}.{ending}" for n in range(2)]
    for path in paths:
        draw(made, Words("en"), path, ending)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if ending == "png":
        assert Image.open(paths[0]).width > 800
    else:
        assert "Strength where models meet" in paths[0].read_text(encoding="utf-8")


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(tmp_path: Path) -> None:
    """No script, no address; names are text."""
    page = to_html(compared(tmp_path / "r", hostile(20)), Words("en"), tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>fee" not in page
    addresses = set(re.findall(r'(?:src|href)="([^"#][^"]*)"', page))
    assert addresses == set()
    assert "default-src 'none'" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', page))
    assert {one or other for one, other in used} <= set(ids)


def test_a_run_opens_from_a_page_or_is_told_how_to_export_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links lead from the report to the pages that are there."""
    monkeypatch.chdir(tmp_path)
    made = compared(Path("results/r"), list(planted.planted(2)))
    Path("results/r/runs").mkdir()
    Path("results/r/runs/000003.html").write_text("a page", encoding="utf-8")
    page = to_html(made, Words("en"), Path("results"))
    assert '<a href="r/runs/000003.html">open</a>' in page
    assert "<code>sim export results/r/runs/000001.jsonl -o results/r/runs/000001.html</code>" in page
    assert page.count("<code>") == 5


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """One browser for all tests here."""
    if (BROWSER is None or DRIVER is None) and not os.environ.get("SIM_REQUIRE_BROWSER"):
        pytest.skip("needs chromium and chromedriver (apt-get install chromium chromium-driver)")
    assert BROWSER is not None, "SIM_REQUIRE_BROWSER is set, and there is no chromium"
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield chrome
    chrome.quit()


@pytest.mark.parametrize(("width", "language"), [(390, "zh"), (1300, "en")])
def test_a_page_fits_its_window_and_nothing_is_complained_of(
    browser: webdriver.Chrome, tmp_path: Path, width: int, language: str
) -> None:
    """Wide tables scroll by themselves; what would be markup is not; the runs open."""
    page = tmp_path / "report.html"
    made = compared(tmp_path / "r", hostile(20))
    page.write_text(to_html(made, Words(language), tmp_path), encoding="utf-8")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.find_element(By.TAG_NAME, "h1").text == (
        "比较：planted" if language == "zh" else "Comparison: planted"
    )
    svg_texts = [e.text for e in browser.find_elements(By.CSS_SELECTOR, "figure svg text")]
    assert HOSTILE in {text.strip() for text in svg_texts}
    details = browser.find_elements(By.TAG_NAME, "details")
    assert len(details) == 3
    details[0].find_element(By.TAG_NAME, "summary").click()
    assert details[0].find_element(By.TAG_NAME, "code").is_displayed()
