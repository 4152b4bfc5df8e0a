"""Whether a prompt holds anything that its readers did not hear or do not know.

This reads prompts, it does not build them: what was said, and to whom, is taken from the records of the log, and
the facts are added up from them. The history in a prompt must be made of lines that its readers heard, what it says
is known of facts that they know; and nothing of the rest may be what others said among themselves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sim.engine.messages import QUOTED
from sim.engine.phrases import phrase
from sim.engine.situation import Scope
from sim.models.model import Request
from sim.read.fold import values
from sim.record.log import RunLog
from sim.record.records import (
    AnyRecord,
    Call,
    EpisodeEnded,
    EpisodeStarted,
    Intervention,
    LookUp,
    Narration,
    Refusal,
    SummaryMade,
    Turn,
)
from sim.world.circles import Circle
from sim.world.kinds import label_of
from sim.world.people import cast_as
from sim.world.sheet import sheet
from sim.world.world import FactDef, World

LEAST = 16
"""Columns of a text that is looked for: shorter ones, such as a greeting, stand in many a prompt by chance."""

_LAST = {"summary": "reflect", "digest": "digest"}
"""What a prompt without a situation ends with."""


@dataclass(frozen=True)
class Said:
    """Something that was said or summed up, and who may be shown it; ``at`` is the number of its record."""

    at: int
    speaker: str
    text: str
    heard_by: frozenset[str]
    is_summary: bool = False


@dataclass
class _Episode:
    """What was said, answered and known in one episode until now; ``world`` has its personas."""

    world: World
    facts: dict[str, Any]
    said: list[Said]
    own: dict[str, list[str]] = field(default_factory=dict)
    fixed: dict[str, list[str]] = field(default_factory=dict)
    ahead: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    turn: int = 0

    def arrive(self, turn: int) -> None:
        """What was changed from outside before a turn holds when it has come."""
        for _, changed in (a for a in self.ahead if a[0] <= turn):
            self.facts |= changed
        self.ahead = [a for a in self.ahead if a[0] > turn]


class Leaks:
    """Looks through the prompts of a log's calls, in their order."""

    def __init__(self, log: RunLog, world: World) -> None:
        self._log = log
        self._world = world
        self._language = log.header.language
        self._next = 0
        self._episodes: dict[int, _Episode] = {}
        self._shared: dict[str, Any] = {}
        self._asked: dict[tuple[int, int | None], list[tuple[int, Turn]]] = {}
        for at, record in enumerate(log.records):
            if isinstance(record, Turn):
                self._asked.setdefault((record.episode, record.asked), []).append((at, record))

    def of(self, index: int, request: Request) -> str | None:
        """What is wrong with the prompt of the call that is record ``index``; None if nothing is."""
        while self._next < index:
            self._read(self._next)
            self._next += 1
        here = self._here = self._episodes[request.situation.episode]
        if request.world is not here.world:  # other personas, drawn or from a fork on
            here.world, here.fixed = request.world, {}
        facts = dict(here.facts)
        for turn, changed in here.ahead:
            facts |= changed if turn <= request.turn else {}
        scope = Scope(self._world, replace(request.situation, facts=values(facts)))
        readers = self._readers(request, scope)
        wrong = self._history(request, readers)
        if wrong is None and request.purpose in {"turn", "repair", "look_up"}:
            wrong = self._known(request, scope)
        return wrong or self._elsewhere(index, request, readers, scope)

    def _read(self, index: int) -> None:
        """Take in what a record adds to what was said, known, and answered."""
        record = self._log.records[index]
        if isinstance(record, EpisodeStarted):
            everyone = frozenset(self._world.agents)
            words = self._log.header.opening if record.opening is None else record.opening
            world = cast_as(self._world, record.cast or {})
            self._episodes[record.episode] = _Episode(world, dict(record.facts), [Said(0, "", words, everyone)])
        here = self._episodes.get(getattr(record, "episode", 0))
        if here is None:
            return
        if isinstance(record, EpisodeEnded):
            del self._episodes[record.episode]
        if isinstance(record, Intervention):
            here.ahead.append((record.turn, record.changed))
            here.arrive(here.turn + 1)
        elif isinstance(record, Turn):
            here.arrive(record.turn)
            here.turn = record.turn
        _hear(here, index, record)
        self._change(record, here)

    def _change(self, record: AnyRecord, here: _Episode) -> None:
        """Take in the facts that a record changes, and those that the run shares.

        What others share is known as it stood when the episode did something last. A turn is asked for before its
        calls are logged, and all of them, repairs too, show what stood then.
        """
        changed = {} if isinstance(record, Intervention) else getattr(record, "changed", None) or {}
        self._shared |= {k: v for k, v in changed.items() if k in self._world.shared}
        if not isinstance(record, Call | Refusal | LookUp):
            here.facts |= {**changed, **self._shared}

    def _readers(self, request: Request, scope: Mapping[str, Any]) -> tuple[str, ...]:
        """Those who may all know what is in a prompt: its agent, or all among whom a selector chooses."""
        if request.purpose != "selection":
            return (request.role,)
        speakers = self._world.states[request.situation.state].speakers
        return tuple(a for a in self._world.cast if _is_in(scope, a, speakers))

    def _history(self, request: Request, readers: Sequence[str]) -> str | None:
        """Whether what stands before the situation is made of nothing but lines that all readers heard."""
        given, language = request.prompt.messages, self._language
        rest = given[0 if request.purpose in _LAST else 1]["content"]
        # Of a digest nothing may be left where there is hardly any room.
        heard = [s for s in self._here.said if (s.text or s.is_summary) and s.heard_by.issuperset(readers)]
        for heading, is_summary in (("carried", True), ("said", False)):
            words = phrase(language, heading) + "\n"
            if rest.startswith(words):
                rest = _without(rest[len(words) :], [self._line(s) for s in heard if s.is_summary == is_summary])
        if any(rest.startswith(last) if whole is False else rest == last for last, whole in self._lasts(request)):
            return None
        return f"holds a line that {', '.join(readers)} did not hear: {_quoted(rest)}"

    def _lasts(self, request: Request) -> list[tuple[str, bool]]:
        """How a prompt goes on after its history: with these words alone, or with what begins so."""
        language, spec = self._language, self._world.spec
        if request.purpose == "selection":
            words = label_of(spec.selection.prompt, language) or phrase(language, "select_prompt")
            before = words.partition("{")[0]
            return [(before, False)]
        if request.purpose in _LAST:
            asked = [label_of(s.summary.ask, language) for s in self._world.states.values() if s.summary]
            return [(words, True) for words in (phrase(language, _LAST[request.purpose]), *asked) if words]
        return [(phrase(language, "now"), False)]

    def _line(self, said: Said) -> str:
        if not said.speaker:
            return said.text
        name = self._here.world.agent_name(said.speaker, self._language)
        return phrase(self._language, "turn", name=name, text=said.text)

    def _known(self, request: Request, scope: Mapping[str, Any]) -> str | None:
        """Whether what is said to be known is known to the reader, with the value that it has."""
        words, comma = phrase(self._language, "know"), phrase(self._language, "comma")
        content = request.prompt.messages[1]["content"]
        _, is_there, rest = content.rpartition("\n" + words)
        if not is_there:
            return None
        items = sorted(set(self._items(request.role, scope)), key=len, reverse=True)
        while True:
            item = next((i for i in items if rest.startswith((i + comma, i + "\n"))), None)
            if item is None:
                return f"tells {request.role} what it does not know: {_quoted(rest)}"
            if rest.startswith(item + "\n"):
                return None
            rest = rest[len(item + comma) :]

    def _items(self, role: str, scope: Mapping[str, Any]) -> Iterator[str]:
        """All that a role knows, as a prompt says it."""
        world, language = self._here.world, self._language
        for fact in world.facts.values():
            label = label_of(fact.label, language) or fact.name
            for value in self._shown(fact, role, scope):
                yield phrase(language, "know_item", name=label, value=value)
        for group in world.groups.values():
            if _is_in(scope, role, group.known_to):
                names = self._joined(world.agent_name(a, language) for a in scope[group.name])
                yield phrase(language, "know_item", name=label_of(group.label, language), value=names)

    def _shown(self, fact: FactDef, role: str, scope: Mapping[str, Any]) -> Iterator[str]:
        language = self._language
        if fact.of is None:
            if _is_in(scope, role, fact.known_to):
                yield fact.kind.show(scope[fact.name], language)
            return
        if role in fact.of and (fact.known_to.own or _is_in(scope, role, fact.known_to)):
            yield fact.kind.show(scope[fact.key(role)], language)
        if _is_in(scope, role, fact.known_to):
            held = {a: scope[fact.key(a)] for a in fact.of if scope[fact.key(a)] not in (None, fact.kind.empty)}
            names = {a: self._here.world.agent_name(a, language) for a in held}
            yield self._joined(names.values())
            yield self._joined(f"{names[a]} {fact.kind.show(value, language)}" for a, value in held.items())

    def _joined(self, words: Iterable[str]) -> str:
        return ("、" if self._language.startswith("zh") else ", ").join(words)

    def _elsewhere(
        self, index: int, request: Request, readers: Sequence[str], scope: Mapping[str, Any]
    ) -> str | None:
        """Whether any message holds what others said among themselves, or a text that the readers do not know."""
        whole = "\n".join(message["content"] for message in request.prompt.messages)
        hidden = [text for text in self._hidden(index, request, readers, scope) if _is_long(text) and text in whole]
        if not hidden:
            return None
        seen = [text for text in self._visible(request, readers, scope) if text]
        for text in hidden:
            spans = [span for other in seen if text in other for span in _found(whole, other)]
            for start, end in _found(whole, text):
                if not any(first <= start and end <= last for first, last in spans):
                    return f"holds what {', '.join(readers)} may not be shown: {_quoted(text)}"
        return None

    def _hidden(
        self, index: int, request: Request, readers: Sequence[str], scope: Mapping[str, Any]
    ) -> Iterator[str]:
        yield from (said.text for said in self._here.said if not said.heard_by.issuperset(readers))
        for at, turn in self._asked.get((request.situation.episode, request.situation.turn), []):
            if at > index and turn.speaker not in readers:
                yield turn.text  # said at the same time
        for role in readers:
            yield from (text for text, is_known in self._texts(role, scope) if not is_known)
            for circle, told in self._world.states[request.situation.state].tell:
                if not _is_in(scope, role, circle):
                    yield label_of(told, self._language)
        for agent, persona in self._here.world.personas.items():
            if agent not in readers:
                yield label_of(persona.private, self._language)

    def _visible(self, request: Request, readers: Sequence[str], scope: Mapping[str, Any]) -> Iterator[str]:
        yield from (said.text for said in self._here.said if said.heard_by.issuperset(readers))
        yield from self._here.own.get(request.role, [])
        yield from self._worded(request.role)
        for role in readers:
            yield from (text for text, is_known in self._texts(role, scope) if is_known)
        for circle, told in self._world.states[request.situation.state].tell:
            if any(_is_in(scope, role, circle) for role in readers):
                yield label_of(told, self._language)

    def _worded(self, role: str) -> list[str]:
        """What a role may be told whatever happens: its sheet, and the words of the world but its lines."""
        if role not in self._here.fixed:
            spec = dict(self._world.resolved["world"])
            spec.pop("lines", None)
            spec["states"] = {n: {**s, "tell": None} for n, s in dict(spec.get("states") or {}).items()}
            personas = self._here.world.personas
            own = [sheet(personas[role], self._language)] if role in personas else []
            self._here.fixed[role] = [*own, *_strings(spec)]
        return self._here.fixed[role]

    def _texts(self, role: str, scope: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
        """The facts that hold free text, and whether a role knows them."""
        for fact in self._world.facts.values():
            if fact.kind.name != "text":
                continue
            knows = _is_in(scope, role, fact.known_to)
            for agent in fact.of or ("",):
                value = scope[fact.key(agent) if agent else fact.name]
                if isinstance(value, str):
                    yield value, knows or (fact.known_to.own and agent == role)


def _hear(here: _Episode, index: int, record: AnyRecord) -> None:
    """What a record adds to what was said, and to what its agent has of its own."""
    match record:
        case Turn():
            here.said.append(Said(index, record.speaker, record.text, frozenset(record.heard_by)))
        case Narration():
            here.said.append(Said(index, "", record.text, frozenset(record.heard_by)))
        case SummaryMade():
            speaker = record.speaker if record.until is None else ""
            here.said.append(Said(index, speaker, record.text, frozenset(record.heard_by), is_summary=True))
        case Call():
            here.own.setdefault(record.role, []).extend((record.answer, record.answer[:QUOTED]))
        case Intervention() if record.say is not None:
            here.own.setdefault(record.role or "", []).extend((record.say, record.say[:QUOTED]))
        case Refusal():
            here.own.setdefault(record.role, []).extend(record.reasons)
        case LookUp():
            here.own.setdefault(record.role, []).append(record.result)


def _is_in(scope: Mapping[str, Any], agent: str, circle: Circle) -> bool:
    return agent in circle.agents or any(agent in scope[group] for group in circle.groups)


def _without(text: str, lines: Sequence[str]) -> str:
    """What is left of a text after all lines at its beginning that are among some."""
    found = sorted(set(lines), key=len, reverse=True)
    while (line := next((one for one in found if text.startswith(one + "\n")), None)) is not None:
        text = text[len(line) + 1 :]
    return text


def _found(text: str, part: str) -> Iterator[tuple[int, int]]:
    at = text.find(part)
    while at >= 0:
        yield at, at + len(part)
        at = text.find(part, at + 1)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _is_long(text: str) -> bool:
    if len(text) >= LEAST:
        return True
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text) >= LEAST


def _quoted(text: str) -> str:
    line = text.partition("\n")[0]
    return f"'{line[:100]}…'" if len(line) > 100 else f"'{line}'"
