"""The page of a run: all of it is there, nothing is fetched, and words are words and never markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import sim
from sim.errors import DefinitionError, RunLogError
from sim.read.page import page
from sim.read.page.page import to_html
from sim.read.page.pieces import initials, members
from sim.read.page.words import words
from sim.read.transcript import Transcript
from sim.record.log import RunLog
from sim.record.records import Turn
from sim.world.world import World
from tests.cli.running import process
from tests.read.forging import Says, first, forge, notary, play, records_of

VOID = {"meta", "input", "br", "link", "img", "hr"}
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=http://evil/x.png onerror=alert(1)>",
    "\"><svg onload=alert(1)> ' {{ 7 * 7 }} {% raw %}",
    "<!-- <![CDATA[ ]]> --> &lt;b&gt; &amp;",
    "\x1b[31mred\x07\u202eturned\u2028line",
)


class Page(HTMLParser):
    """A page as a browser would take it apart; an element that is not closed, or closed twice, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.styles: list[str] = []
        self.texts: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        self.elements.append((tag, given))
        if tag == "p" and given.get("class") == "words":
            self.said.append("")
        if tag not in VOID:
            self.open.append(tag if given.get("class") != "words" else "p.words")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().partition(".")[0] == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts.append((self.elements[-1][1], data))
        elif inside == "style":
            self.styles.append(data)
        else:
            self.texts.append(data)
        if inside == "p.words":
            self.said[-1] += data

    @property
    def data(self) -> dict[str, object]:
        """What the script is given."""
        return json.loads(next(text for given, text in self.scripts if given.get("id") == "data"))  # type: ignore[no-any-return]

    @property
    def all(self) -> str:
        """Everything that the file tells, in its markup and in its data."""
        return "\n".join([*self.texts, json.dumps(self.data, ensure_ascii=False)])


def _policy(read: Page) -> str:
    return next(a["content"] for _, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> RunLog:
    """A game of werewolf, with private talk, silent votes and cards that only their owners know."""
    path = tmp_path_factory.mktemp("game") / "game.jsonl"
    sim.run("werewolf", seed=7, language="en", out=path)
    return RunLog.open(path)


def test_everything_that_was_said_is_on_the_page(log_path: Path) -> None:
    """Each turn with its words, in the order of the run, and each scene as a heading."""
    log = RunLog.open(log_path)
    read = Page(to_html(log))
    entries = list(Transcript(log.header).entries(log.records))
    assert [e.text for e in entries if e.kind == "turn" and e.text] == read.said
    assert sum(e.kind == "state" for e in entries) == sum(tag == "h2" for tag, _ in read.elements)
    assert "取药离院 [discharged]" in "".join(read.texts)
    assert ("html", {"lang": "zh-CN"}) in read.elements


def test_a_page_loads_nothing_and_its_policy_names_its_own_parts(log_path: Path) -> None:
    """No attribute leads anywhere, and the hashes in the policy are those of the scripts and styles."""
    read = Page(to_html(RunLog.open(log_path)))
    leading = [(t, k, v) for t, a in read.elements for k, v in a.items() if k in {"src", "href", "action", "style"}]
    assert {v for _, _, v in leading} <= {"#lock"}
    policy = _policy(read)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for text in [*read.styles, *(s for a, s in read.scripts if "type" not in a)]:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert not [s for s in read.styles if "url(" in s or "@import" in s]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markup_in_words_acts_and_facts_is_shown_and_not_obeyed(hostile: str, tmp_path: Path) -> None:
    """The page has the elements that it has for harmless words, and shows the characters that were said."""
    made = []
    for name, words_said in (("harmless", "hello"), ("hostile", hostile)):
        model = Says(lambda _, said=words_said: json.dumps({"say": said, "write": {"words": said}}))
        made.append(play(notary(tmp_path / name), tmp_path / f"{name}.jsonl", model=model))
    harmless, read = (Page(to_html(log)) for log in made)
    assert [t for t, _ in harmless.elements] == [t for t, _ in read.elements]
    assert [e.text for e in Transcript(made[1].header).entries(made[1].records) if e.kind == "turn"] == read.said
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", to_html(made[1]))


def test_half_a_character_and_a_huge_text_are_shown_as_far_as_they_can_be(log_path: Path, tmp_path: Path) -> None:
    """A lone surrogate does not keep the file from being written, and a text of megabytes is cut."""
    records = records_of(log_path)
    records[first(records, "turn")]["text"] = "x" * 3_000_000
    path = tmp_path / "odd.jsonl"
    log = forge(records, path)
    assert len(to_html(log)) < 400_000
    text = path.read_text(encoding="utf-8").replace("x" * 3_000_000, "\\ud83d!")
    path.write_text(text, encoding="utf-8")
    to_html(RunLog.open(path)).encode("utf-8")


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("episode_started", "facts", {"fee": {"a": [1]}}),
        ("episode_started", "facts", {f"f{n}": n for n in range(20_000)}),
        ("episode_started", "facts", {"fee.nobody": "x", "": [[["y"]]]}),
        ("turn", "changed", {"fee": ["a", None, True]}),
        ("turn", "speaker", "</script>"),
        ("turn", "heard_by", ["nobody", "<b>"]),
        ("turn", "time", 1e300),
        ("transition", "to", "nowhere<\x1b[2J\u202e"),
        ("call", "role", '"><script>'),
        ("header", "resolved", {"world": {}, "personas": {}}),
        ("header", "language", '"><script>alert(1)</script>'),
        ("header", "models", {"a": {"name": ["<b>"]}}),
    ],
)
def test_a_forged_log_is_shown_harmlessly_or_refused(
    kind: str, field: str, value: object, log_path: Path, tmp_path: Path
) -> None:
    """Well-formed nonsense gives a page whose only scripts are our own, or one clear error."""
    records = records_of(log_path)
    records[first(records, kind)][field] = value
    log = forge(records, tmp_path / "forged.jsonl")
    try:
        text = to_html(log)
    except RunLogError:
        return
    assert [t for t, _ in Page(text).elements].count("script") == 3
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", text)


def test_a_run_of_too_many_turns_is_refused(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that no browser would open is not made."""
    monkeypatch.setattr(page, "MOST_STEPS", 3)
    with pytest.raises(RunLogError, match="a page shows up to 3"):
        to_html(RunLog.open(log_path))


def test_a_page_for_one_player_holds_nothing_that_the_player_did_not_hear(game: RunLog) -> None:
    """Neither words, nor acts, nor cards, nor the seed that dealt them, nor who was called how often."""
    whole = Page(to_html(game))
    assert "A wolf knows" in whole.all
    cards = {
        k: v for r in records_of(game.path)[:2] for k, v in r.get("facts", {}).items() if k.startswith("card.")
    }
    villager = next(k.removeprefix("card.") for k, v in cards.items() if v == "villager")
    read = Page(to_html(game, villager))
    own = [e for e in Transcript(game.header, villager).entries(game.records) if e.kind == "turn"]
    assert [e.text for e in own if e.text] == read.said
    heard = "".join(read.said)
    others = {r.text for r in game.records if isinstance(r, Turn) and villager not in r.heard_by and r.text}
    assert others
    assert not [text for text in others if text in read.all and text not in heard]
    facts = read.data["facts"]
    assert isinstance(facts, list)
    numbers = list(cards).index(f"card.{villager}")
    assert {f["o"] for f in facts if f["n"] == "you are"} == {numbers}
    assert {"moves", "calls"}.isdisjoint(read.data)
    assert len(own) + 1 == len(read.data["steps"])  # type: ignore[arg-type]
    assert not [t for t in read.texts if "devour" in t or "seed" in t or "scripted" in t]


def test_the_switch_shows_each_role_what_replay_would(game: RunLog) -> None:
    """The marks of the pieces agree with `sim replay --as`, role by role."""
    read = Page(to_html(game))
    turns = [a for t, a in read.elements if t == "article"]
    agents = Transcript(game.header).agents
    for number, agent in enumerate(agents):
        entries = [e for e in Transcript(game.header, agent).entries(game.records) if e.kind == "turn"]
        shown = [a for a in turns if "data-seen" not in a or str(number) in a["data-seen"].split()]
        assert len(entries) == len(shown)


def test_the_facts_of_a_step_are_those_of_the_log(world: World, log_path: Path) -> None:
    """What the slider shows for a turn is what the log says holds after it."""
    data = Page(to_html(RunLog.open(log_path))).data
    paid = next(f for f in data["facts"] if f["n"] == "已付挂号费")  # type: ignore[attr-defined]
    turn = next(r.turn for r in RunLog.open(log_path).records if isinstance(r, Turn) and "fee_paid" in r.changed)
    assert [[0, "0 CNY"], [turn, "15 CNY"]] == paid["c"]
    assert world.name == "hospital_visit"


def test_the_sums_are_exact_and_end_as_the_ledger_does(log_path: Path) -> None:
    """The last row of the calls has what `sim cost` says."""
    log = RunLog.open(log_path)
    rows = Page(to_html(log)).data["calls"]["rows"]  # type: ignore[call-overload]
    calls = [r for r in log.records if r.type == "call"]
    assert sum(c.usage.prompt + c.usage.completion for c in calls) == sum(r[2] for r in rows)
    assert all(a[0] <= b[0] for a, b in pairwise(rows))


def test_where_the_world_cannot_tell_who_knows_what_nobody_is_shown_to_know_anything(
    log_path: Path, tmp_path: Path
) -> None:
    """A log whose world is not sound has no map, and for a role no facts; the conversation is there."""
    records = records_of(log_path)
    records[0]["resolved"]["world"]["states"]["reception"]["go"][0] = {"to": "consulting", "when": "no_such_fact"}
    log = forge(records, tmp_path / "unsound.jsonl")
    read = Page(to_html(log))
    assert words("zh")["no_map"] in read.texts
    assert {json.dumps(f["k"]) for f in read.data["facts"]} == {"[[0, []]]"}  # type: ignore[attr-defined]
    assert Page(to_html(log, "cashier")).data["facts"] == []
    assert len(read.said) > len(Page(to_html(log, "cashier")).said) > 0


def test_old_logs_have_a_page_too() -> None:
    """Logs of format 2 are shown as ever."""
    for path in sorted((Path(__file__).parent / "old").glob("*.jsonl")):
        Page(to_html(RunLog.open(path)))


def test_each_colour_can_be_read_on_its_ground() -> None:
    """Names on the paper and letters on the badges have a contrast of at least 4.5, by day and by night."""
    css = page._resource("page.css")
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in css.split("@media", 2)[:2])
    for theme in (light, light | dark):
        for name in [f"c{n}" for n in range(12)] + ["soft", "good", "bad", "accent"]:
            assert _contrast(theme[name], theme["paper"]) >= 4.5, name
            assert _contrast(theme[name], theme["card"]) >= 4.5, name
        assert all(_contrast(theme[f"c{n}"], theme["on"]) >= 4.5 for n in range(12))


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_initials_are_what_one_would_write() -> None:
    """Titles do not count, and of a Chinese name it is the first character."""
    assert [initials(n) for n in ("Dr Zhao Liu", "Cashier", "赵六", " ", "B 1")] == ["ZL", "C", "赵", "?", "B1"]


def test_badges_that_would_be_the_same_are_told_apart(log_path: Path) -> None:
    """Of five whose names begin with the same character, each has another badge."""
    transcript = Transcript(RunLog.open(log_path).header)
    transcript._names = dict(zip(transcript.agents, ("小舒", "小佳", "Cashier", "Chengzi", "Di"), strict=True))
    assert [m.initials for m in members(transcript)] == ["舒", "佳", "Ca", "Ch", "D"]


def test_both_languages_have_the_same_words() -> None:
    """No word of the page is missing in either."""
    assert set(words("zh")) == set(words("en"))


def test_the_command_writes_a_page_by_the_ending_of_its_file(log_path: Path, tmp_path: Path) -> None:
    """`sim export RUN -o run.html` needs no `--to`; `--as` is for pages alone."""
    out = tmp_path / "run.html"
    done = process("export", log_path, "-o", out, "--as", "cashier", cwd=tmp_path)
    assert (done.code, done.out.strip()) == (0, str(out))
    assert "收费" in "".join(Page(out.read_text(encoding="utf-8")).texts)
    refused = process("export", log_path, "--to", "csv", "--as", "cashier", cwd=tmp_path)
    assert (refused.code, refused.err) == (2, "sim: --as is for html, openai; csv has none\n")
    with pytest.raises(DefinitionError, match="no role 'nurse'"):
        to_html(RunLog.open(log_path), "nurse")
