"""The page of a run in a real browser: the slider moves all of it together; nothing is fetched or complained of.

Needs Chromium and its driver; with SIM_REQUIRE_BROWSER set, as in CI, their absence is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

import sim
from sim.read.page.page import to_html
from sim.record.log import RunLog
from tests.read.forging import Says, notary, play

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1400,900"
)

pytestmark = pytest.mark.skipif(
    (BROWSER is None or DRIVER is None) and not os.environ.get("SIM_REQUIRE_BROWSER"),
    reason="needs chromium and chromedriver (apt-get install chromium chromium-driver)",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """One browser for all tests here."""
    assert BROWSER is not None, "SIM_REQUIRE_BROWSER is set, and there is no chromium"
    assert DRIVER is not None, "SIM_REQUIRE_BROWSER is set, and there is no chromedriver"
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a hospital visit."""
    folder = tmp_path_factory.mktemp("page")
    sim.run("hospital_visit", seed=7, language="en", out=folder / "visit.jsonl")
    page = folder / "visit.html"
    page.write_text(to_html(RunLog.open(folder / "visit.jsonl")), encoding="utf-8")
    return page


def _open(browser: webdriver.Chrome, page: Path, width: int = 1400, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme_is = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme_is)
    browser.get(page.as_uri())


def _move(browser: webdriver.Chrome, step: int) -> None:
    browser.execute_script(
        "const s = document.querySelector('#slider'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))",
        step,
    )


def _texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    return [e.text for e in browser.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()]


def _colours(browser: webdriver.Chrome) -> int:
    picture = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    return len(picture.getcolors(picture.width * picture.height) or [])


def test_the_slider_moves_conversation_map_facts_and_sums(browser: webdriver.Chrome, visit: Path) -> None:
    """At a turn the turn is lit, what comes after is faint, and map, facts and sums are as they were then."""
    _open(browser, visit)
    ends = {name: _texts(browser, name) for name in ("#map .place", "#sums .total", ".fact")}
    assert ends["#map .place"] == ["went home with the medicine"]
    _move(browser, 3)
    assert "That's less than the taxi" in _texts(browser, ".turn.now .words")[0]
    assert _texts(browser, "#where") == ["3 of 15 · 08:37 · Chengzi"]
    assert _texts(browser, "#map .place") == ["Consultation"]
    states = [n.get_attribute("data-state") for n in browser.find_elements(By.CSS_SELECTOR, ".node.now")]
    assert states == ["consulting"]
    taken = browser.find_elements(By.CSS_SELECTOR, ".edge.taken")
    assert [(e.get_attribute("data-from"), e.get_attribute("data-to")) for e in taken] == [
        ("reception", "consulting")
    ]
    changed = [t.split("\n") for t in _texts(browser, ".fact.changed")]
    assert changed == [["registration fee paid", "15 CNY"], ["registered", "yes"]]
    assert _texts(browser, "#sums .total") != ends["#sums .total"]
    assert "later" not in (browser.find_element(By.CSS_SELECTOR, ".turn.now").get_attribute("class") or "")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".turn.later")) == 12
    _move(browser, 15)
    assert ends == {name: _texts(browser, name) for name in ends}


def test_arrow_keys_and_a_click_move_it_too(browser: webdriver.Chrome, visit: Path) -> None:
    """From anywhere on the page, one turn at a time, and to both ends."""
    _open(browser, visit)
    for key, place in (
        (Keys.ARROW_LEFT, "14 of"),
        (Keys.HOME, "0 of"),
        (Keys.ARROW_RIGHT, "1 of"),
        (Keys.END, "15 of"),
    ):
        ActionChains(browser).send_keys(key).perform()
        assert _texts(browser, "#where")[0].startswith(place)
    browser.execute_script("document.querySelectorAll('.turn')[4].click()")
    assert _texts(browser, "#where")[0].startswith("5 of")


def test_the_switch_hides_what_a_role_did_not_hear_or_know(browser: webdriver.Chrome, visit: Path) -> None:
    """The cashier hears three turns, sees no map, and does not know where the patient goes; the page says so."""
    _open(browser, visit)
    assert "the patient goes to" in " ".join(_texts(browser, ".fact"))
    browser.execute_script(
        "const a = document.querySelector('#as'); a.value = arguments[0]; a.dispatchEvent(new Event('change'))", 3
    )
    assert len(_texts(browser, ".turn")) == 3
    assert _texts(browser, "#map") == []
    assert "the patient goes to" not in " ".join(_texts(browser, ".fact"))
    assert "--as cashier" in _texts(browser, "#hiding")[0]
    assert _texts(browser, "#where") == ["3 of 3 · 08:56 · Cashier"]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light")])
def test_a_page_is_no_blank_has_no_error_and_asks_for_nothing(
    width: int, scheme: str, browser: webdriver.Chrome, visit: Path
) -> None:
    """By day, by night and on a phone: something is drawn, nothing overflows, and one file alone was read."""
    _open(browser, visit, width, scheme)
    _move(browser, 8)
    assert _colours(browser) > 100
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for tab in browser.find_elements(By.CSS_SELECTOR, ".tabs button"):
        if tab.is_displayed():
            tab.click()
            assert _colours(browser) > 50
    assert browser.execute_script("return document.querySelectorAll('#tokens canvas').length") == 1
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


LONG = """
world: long_talk
languages: [en]
limits: {turns: 3000}
roles: {clerk: {persona: clerk}, guest: {persona: guest}}
facts: {n: {number: steps, label: steps}}
actions: {count: {by: [clerk, guest], due: n < turns, sets: {n: turns}}}
states:
  hall: {speakers: [clerk, guest], actions: [count], go: [{to: yard, after: {turns: 9}}]}
  yard:
    speakers: [guest, clerk]
    actions: [count]
    go: [{to: done, when: turns >= 2000}, {to: hall, after: {turns: 7}}]
start: hall
ends: {done: success}
lines:
  hall: {clerk: [{say: How are things?, do: {count: {}}}], guest: [{say: It rains., do: {count: {}}}]}
  yard: {guest: [{say: Here it is dry., do: {count: {}}}], clerk: [{say: Mind the step., do: {count: {}}}]}
"""
MOVES = """
const done = arguments[arguments.length - 1], slider = document.querySelector("#slider"), times = [];
for (let step = 0; step <= 2000; step += 50) {
  const start = performance.now();
  slider.value = step;
  slider.dispatchEvent(new Event("input"));
  document.body.offsetHeight;
  times.push(performance.now() - start);
}
done(times.sort((a, b) => a - b)[times.length >> 1]);
"""


def test_two_thousand_turns_stay_smooth(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """A move of the slider, layout included, takes less than a tenth of a second (10 ms on a quiet machine)."""
    (tmp_path / "personas").mkdir()
    (tmp_path / "world.yaml").write_text(LONG, encoding="utf-8")
    for name in ("clerk", "guest"):
        (tmp_path / "personas" / f"{name}.yaml").write_text(f"persona: {name}\nname: {name}\n", encoding="utf-8")
    sim.run(sim.load(tmp_path), seed=1, out=tmp_path / "run.jsonl")
    page = tmp_path / "run.html"
    page.write_text(to_html(RunLog.open(tmp_path / "run.jsonl")), encoding="utf-8")
    assert page.stat().st_size < 1_500_000
    _open(browser, page)
    assert browser.execute_async_script(MOVES) < 100
    assert _texts(browser, ".fact .value") == ["1999"]
    assert browser.get_log("browser") == []


def test_hostile_words_run_nothing_and_are_seen_as_they_were_said(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    """A script in words, facts and acts is text, wherever the page's own script puts it."""
    said = "</script><img src=x onerror='document.title=1'><script>document.title=1</script>"
    model = Says(lambda _: '{"say": "%s", "write": {"words": "%s"}}' % (said, said))  # noqa: UP031
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=model)
    page = tmp_path / "run.html"
    page.write_text(to_html(log), encoding="utf-8")
    _open(browser, page)
    _move(browser, 2)
    assert _texts(browser, ".turn.now .words") == [said]
    assert said in " ".join(_texts(browser, ".fact"))
    assert browser.title != "1"
    assert browser.find_elements(By.CSS_SELECTOR, "img") == []
    assert browser.get_log("browser") == []


def test_of_several_episodes_all_or_one_is_shown(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """The slider goes through the turns of one alone; map and facts are that episode's, and queues are drawn."""
    log = sim.run("hospital_visit", variant="day", seed=4, episodes=4, out=tmp_path / "day.jsonl")
    page = tmp_path / "day.html"
    page.write_text(to_html(log), encoding="utf-8")
    _open(browser, page)
    turns = {e: [r for r in log.records if r.type == "turn" and r.episode == e] for e in range(1, 5)}
    everything = browser.execute_script("return document.querySelector('#slider').max")
    assert int(everything) == sum(map(len, turns.values())) + 3
    chooses = "const s = document.querySelector('#episode'); s.value = '3'; s.dispatchEvent(new Event('change'))"
    browser.execute_script(chooses)
    assert browser.execute_script("return document.querySelector('#slider').max") == str(len(turns[3]))
    shown = {
        e.get_attribute("data-episode") for e in browser.find_elements(By.CSS_SELECTOR, ".piece:not([hidden])")
    }
    assert shown == {"3"}
    for number in (1, len(turns[3]) // 2, len(turns[3])):
        _move(browser, number)
        assert turns[3][number - 1].text in _texts(browser, ".turn.now .words")[0]
        assert _texts(browser, "#where")[0].endswith(f"#3 · {_texts(browser, '.turn.now .by b')[0]}")
    assert _texts(browser, "#map .place") == ["went home with the medicine"]
    assert len(_texts(browser, "#queues .legend")) == len({r.resource for r in log.records if r.type == "resource"})
    assert len(browser.find_elements(By.CSS_SELECTOR, "#gantt g")) == 4
    assert 'id="stats"' not in to_html(log, "cashier")
    canvas = "const c = document.querySelector('#waiting canvas'); return [c.width > 0, c.height > 0]"
    assert browser.execute_script(canvas) == [True, True]
    assert browser.get_log("browser") == []
