"""A run as one HTML file: conversation, map, facts and cost, moved together by a slider; it needs no network.

What comes from the log is text: Jinja2 escapes it in the markup, and in the script's data no ``<`` is left. The
policy in the page names its own scripts and styles by their hashes, so that nothing else would run or be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from sim.errors import DefinitionError, RunLogError
from sim.read.page.numbers import numbers
from sim.read.page.pieces import Telling, chunks, members, tell
from sim.read.page.tracks import calls, facts, money, moves, queues
from sim.read.page.words import words
from sim.read.statechart import to_svg
from sim.read.transcript import Transcript
from sim.record.log import RunLog, check_length
from sim.record.records import EpisodeEnded, ResumedWith, Turn
from sim.world.kinds import CONTROL, label_of, one_line
from sim.world.library import revive
from sim.world.world import World

MOST_STEPS = 20_000
"""More would not open on a phone; a table of any length is made by ``--to csv``."""

_SCRIPTS = ("uplot/uPlot.iife.min.js", "page.js")
_STYLES = ("uplot/uPlot.min.css", "page.css")


def to_html(log: RunLog, role: str | None = None) -> str:
    """The page of a run; with ``role``, of only what this agent heard and knows.

    Raises:
        DefinitionError: if there is no such role.
        RunLogError: if the log cannot be shown: its records do not fit together, or it is too long.
    """
    check_length(log)
    turns = log.records.how_many(Turn)
    if turns > MOST_STEPS:
        raise RunLogError(
            f"{log.name} has {turns:,} turns; a page shows up to {MOST_STEPS:,}, --to csv all of them"
        )
    if len(log.records) > 20 * MOST_STEPS:
        raise RunLogError(f"{log.name} has {len(log.records):,} records; a page shows up to {20 * MOST_STEPS:,}")
    try:
        return _page(log, role)
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError):
        raise RunLogError(f"{log.name} cannot be shown as a page; 'sim verify' says more") from None


def _page(log: RunLog, role: str | None) -> str:
    text = words(log.header.language)
    transcript = Transcript(log.header, *([role] if role else []))
    agents = transcript.agents
    cast = members(transcript)
    telling = tell(log, agents, role, text["comma"])
    world = _world(log)
    tracks = facts(log, telling.at, world, agents, role)
    spent = calls(log, telling.at, text["unknown"])
    data: dict[str, Any] = {
        "words": text,
        "names": [m.name for m in cast],
        "colours": [m.colour for m in cast],
        "steps": [[s.time, transcript.state(s.state)[:200], s.who, s.episode, s.minutes] for s in telling.steps],
        "facts": [{"n": t.label, "o": t.owner, "c": t.changes, "k": t.known} for t in tracks],
    }
    if role is None:
        data["moves"] = moves(log, telling.at)
        labels = {n: label_of(r.label, log.header.language) for n, r in transcript.world.resources.items()}
        data["queues"] = queues(log, labels)
        keys = [agents.index(k) if k in agents else -1 for k in spent["keys"]]
        data["calls"] = {"keys": keys, "rows": spent["rows"], "currency": spent["currency"]}
    scripts = [_resource(name) for name in _SCRIPTS]
    styles = [_resource(name) for name in _STYLES]
    page = _template().render(
        words=text,
        language="zh-CN" if log.header.language.startswith("zh") else one_line(log.header.language)[:20],
        policy=_policy(scripts, styles),
        scripts=[Markup(s) for s in scripts],  # noqa: S704 - our own files
        styles=[Markup(s) for s in styles],  # noqa: S704 - our own files
        data=Markup(_json(data)),  # noqa: S704 - no character in it means anything to HTML
        picture=_picture(world, log.header.language) if role is None else None,
        cast=cast,
        role=role,
        me=cast[agents.index(role)] if role else None,
        chunks=list(chunks(telling.pieces)),
        episodes=sorted({s.episode for s in telling.steps}) if transcript.is_many else [],
        has_queues=bool(role is None and data["queues"]["rows"]),
        spent=spent if role is None else None,
        stats=numbers(log, text) if role is None else None,
        **_heading(log, transcript, telling, spent, role),
    )
    return page.encode("utf-8", "replace").decode()


def _heading(
    log: RunLog, transcript: Transcript, telling: Telling, spent: Mapping[str, Any], role: str | None
) -> dict[str, Any]:
    """What stands above the conversation. Who may see only a part is not told what the whole follows from."""
    world, language = transcript.world, log.header.language
    ended = [r for r in log.records if isinstance(r, EpisodeEnded)]
    labels = {name: label_of(end.label, language) for name, end in world.ends.items()}
    minutes = max((r.time for r in log.records if isinstance(r, EpisodeEnded | Turn)), default=0.0)
    total = spent["total"]
    given = [log.header.models, *(r.models for r in log.records if isinstance(r, ResumedWith))]
    models = dict.fromkeys(one_line(m.get("name", ""))[:80] for each in given for m in each.values())
    turns = sum(p.entry.kind == "turn" for p in telling.pieces)
    figures = [(f"{turns:,}", "turns"), (f"{minutes:,.0f}", "minutes")]
    if role is None and total.calls:
        figures += [(f"{total.total:,}", "tokens"), (money(total, words(language)["unknown"]), "cost")]
    return {
        "title": one_line(label_of(world.title, language) or log.header.world)[:200],
        "about": one_line(label_of(world.about, language))[:1000],
        "run": one_line(log.name)[:200] if role is None else "",
        "ends": _ends(ended, labels),
        "figures": figures,
        "details": [] if role else [(", ".join(models)[:300], "models"), (str(log.header.seed)[:40], "seed")],
        "is_complete": log.is_complete,
    }


def _ends(ended: list[EpisodeEnded], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The outcomes, each once, with how often it came where there were several episodes."""
    counts = Counter((r.outcome, r.kind) for r in ended)
    times = {key: f" ×{n}" if len(ended) > 1 else "" for key, n in counts.items()}
    return [(one_line(labels.get(o) or o)[:300] + times[o, kind], kind) for o, kind in list(counts)[:20]]


def _world(log: RunLog) -> World | None:
    """The compiled world, which knows who knows what; None where the log's world is not sound."""
    try:
        return revive(log.header.resolved, log.header.variant)
    except DefinitionError:
        return None


def _picture(world: World | None, language: str) -> Markup | None:
    return Markup(to_svg(world, language)) if world is not None else None  # noqa: S704 - it escapes its labels


def _resource(name: str) -> str:
    return files("sim.read.page").joinpath(name).read_text(encoding="utf-8").strip()


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_resource("page.html.j2"))


_MEANING = re.compile(rf"[<>&]|{CONTROL.pattern}")


def _json(value: object) -> str:
    """JSON that HTML reads as nothing but text: an end tag in it would end the script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _MEANING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _policy(scripts: list[str], styles: list[str]) -> str:
    """Nothing is fetched, sent, framed or run but what stands in the page, by its hash."""

    def hashes(texts: list[str]) -> str:
        digests = (base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts)
        return " ".join(f"'sha256-{d}'" for d in digests)

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )
