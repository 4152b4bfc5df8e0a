"""The site in a real browser, opened as files: search finds Chinese words, and nothing is fetched from elsewhere.

Needs Chromium and its driver; with SIM_REQUIRE_BROWSER set, as in CI, their absence is a failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.read.test_page_in_browser import BROWSER, DRIVER, FLAGS, pytestmark

__all__ = ["pytestmark"]


RESULTS = """
return [...document.querySelectorAll("*")].filter((each) => each.shadowRoot)
  .flatMap((each) => [...each.shadowRoot.querySelectorAll("a")]).map((link) => link.textContent);
"""
"""The links that the search shows, which stands in a tree of its own."""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """One browser, which keeps what it fetched and complained of."""
    assert BROWSER is not None
    assert DRIVER is not None
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield chrome
    chrome.quit()


def fetched(browser: webdriver.Chrome) -> set[str]:
    """The addresses that were asked for, but for files and what pages hold themselves."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert any(url.startswith("file:") for url in urls)
    return {url for url in urls if not url.startswith(("file:", "data:", "blob:"))}


@pytest.mark.parametrize(
    ("start", "word", "found"),
    [("index.html", "triage", "triage"), ("zh/index.html", "排队", "时间、排队，还有同时进行的许多场对话")],
)
def test_a_search_finds_what_is_in_the_pages_of_its_language(
    built: Path, browser: webdriver.Chrome, start: str, word: str, found: str
) -> None:
    """Without a server and without the network."""
    browser.get((built / start).as_uri())
    browser.find_element(By.CSS_SELECTOR, ".md-search__button").click()
    ActionChains(browser).pause(0.5).send_keys(word).perform()
    WebDriverWait(browser, 10).until(
        lambda b: any(found in text for text in b.execute_script(RESULTS)), f"'{found}' is not found"
    )
    assert fetched(browser) == set()
    assert browser.get_log("browser") == []


def test_a_page_leads_to_itself_in_the_other_language_and_back(built: Path, browser: webdriver.Chrome) -> None:
    """The reader stays where they were."""
    browser.get((built / "first-world.html").as_uri())
    browser.find_element(By.CSS_SELECTOR, "a[hreflang=zh]").click()
    assert browser.current_url == (built / "zh" / "first-world.html").as_uri()
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("你的第一个世界")
    browser.find_element(By.CSS_SELECTOR, "a[hreflang=en]").click()
    assert browser.current_url == (built / "first-world.html").as_uri()
    assert fetched(browser) == set()
