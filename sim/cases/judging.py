"""Whether a run of a case came out as expected: everything that did not, with its place and its turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.cases.history import Episode, History, Message
from sim.cases.misfits import conditions_of
from sim.cases.play import Played
from sim.cases.reading import Trial
from sim.engine.situation import scope
from sim.world.kinds import CONTROL, to_json
from sim.world.source import Key
from sim.world.world import World


@dataclass(frozen=True)
class Failure:
    """Something that is not as expected: the place of the expectation, and the turn at which it went wrong."""

    place: str
    message: str
    turn: int | None = None
    episode: int | None = None

    def __str__(self) -> str:
        where = [f"episode {self.episode}"] if self.episode is not None else []
        where += [f"turn {self.turn}"] if self.turn is not None else []
        text = f"{self.place}: {', '.join(where)}{': ' if where else ''}{self.message}"
        return CONTROL.sub("", text)


def judge(trial: Trial, played: Played) -> list[Failure]:
    """All failures of a run of a case, those of the acts first, the others in the order of the file's keys."""
    conditions = conditions_of(trial, played.world)
    if conditions.problems:
        return [Failure(place, message) for place, message in conditions.problems]
    if played.mismatch is not None:
        return [Failure(played.mismatch.place, played.mismatch.told, played.mismatch.turn)]
    history = History(played.world, played.log, conditions.compiled)
    return _Judge(trial, played, history).failures()


class _Judge:
    """Holds the history of a run against what is expected."""

    def __init__(self, trial: Trial, played: Played, history: History) -> None:
        self._trial = trial
        self._expect = trial.case.expect
        self._world: World = played.world
        self._stopped = played.stopped
        self._history = history
        self._failures: list[Failure] = []

    def failures(self) -> list[Failure]:
        """What is not as expected."""
        for episode in self._history.episodes.values():
            self._outcome(episode)
            self._path(episode)
            self._at_end(episode)
            for (key, index), turn in episode.broken.items():
                text = (self._expect.always if key == "always" else self._expect.never)[index]
                told = "does not hold" if key == "always" else "holds"
                self._fail((key, index), f"'{text}' {told}", turn, episode)
            self._acts(episode)
            self._limits(episode)
        self._heard()
        self._counts()
        return self._failures

    def _fail(
        self, path: tuple[Key, ...], message: str, turn: int | None = None, episode: Episode | None = None
    ) -> None:
        number = episode.number if episode is not None and len(self._history.episodes) > 1 else None
        self._failures.append(Failure(self._trial.place("expect", *path), message, turn, number))

    def _outcome(self, episode: Episode) -> None:
        expect, turn = self._expect, episode.turns
        if episode.breach != expect.breach:
            if episode.breach is None:
                self._fail(("breach",), f"the rule '{expect.breach}' is not broken", turn, episode)
            else:
                self._fail((), f"the rule '{episode.breach}' is broken", turn, episode)
        if expect.outcome and episode.outcome not in expect.outcome:
            wanted = " or ".join(f"'{name}'" for name in expect.outcome)
            told = f"the end is '{episode.outcome}', not {wanted}"
            if episode.outcome is None:
                told = f"there is no end, but {wanted} is expected: {self._stopped}"
            self._fail(("outcome",), told, turn, episode)

    def _path(self, episode: Episode) -> None:
        names = [name for name, _ in episode.path]
        wanted = self._expect.path
        if wanted is not None and names != wanted:
            step = next((i for i, (a, b) in enumerate(zip(names, wanted, strict=False)) if a != b), None)
            step = min(len(names), len(wanted)) if step is None else step
            got = f"'{names[step]}'" if step < len(names) else "nothing more"
            due = f"'{wanted[step]}'" if step < len(wanted) else "nothing more"
            turn = episode.path[min(step, len(names) - 1)][1]
            self._fail(("path", step), f"step {step + 1} of the path is {got}, not {due}", turn, episode)
        rest = iter(episode.path)
        for index, name in enumerate(self._expect.passes):
            if not any(found == name for found, _ in rest):
                after = f" after '{self._expect.passes[index - 1]}'" if index else ""
                self._fail(("passes", index), f"'{name}' is not passed{after}", episode.turns, episode)
                break

    def _at_end(self, episode: Episode) -> None:
        there, turn = episode.situation, episode.turns
        if there is None:
            return
        values = scope(episode.world, there)
        for name, wanted in self._expect.facts.items():
            got = values[name]
            if not _is_same(wanted, to_json(got), self._read(name, wanted)):
                self._fail(
                    ("facts", name), f"'{name}' is {_word(to_json(got))}, not {_word(wanted)}", turn, episode
                )
        for index, text in enumerate(self._expect.at_end):
            if not self._history.conditions["at_end", index].holds(values):
                self._fail(("at_end", index), f"'{text}' does not hold at the end", turn, episode)

    def _read(self, name: str, wanted: Any) -> Any:
        """A value as the fact would have it; as it stands where it could not."""
        fact = self._world.fact_at(name)
        try:
            return to_json(fact.kind.read(wanted)) if fact is not None and wanted is not None else wanted
        except ValueError:
            return wanted

    def _acts(self, episode: Episode) -> None:
        for index, wanted in enumerate(self._expect.does):
            if not any(_is_act(wanted, act, fields) for _, act, fields in episode.acts):
                self._fail(("does", index), f"nobody does {_told(wanted)}", episode.turns, episode)
        for index, wanted in enumerate(self._expect.never_does):
            turn = next((t for t, act, fields in episode.acts if _is_act(wanted, act, fields)), None)
            if turn is not None:
                self._fail(("never_does", index), f"{_told(wanted)} is done", turn, episode)

    def _limits(self, episode: Episode) -> None:
        most = self._expect.at_most
        if most.turns is not None and episode.turns > most.turns:
            told = f"there are {episode.turns} turns, more than {most.turns}"
            self._fail(("at_most", "turns"), told, most.turns + 1, episode)
        if most.minutes is not None and episode.minutes > most.minutes:
            told = f"it takes {episode.minutes:g} minutes, more than {most.minutes:g}"
            self._fail(("at_most", "minutes"), told, episode.turns, episode)

    def _heard(self) -> None:
        for index, wanted in enumerate(self._expect.heard):
            found = [m for m in self._history.messages if m.fits(wanted)]
            if not found:
                self._fail(("heard", index), "there is no such message")
            for message in found:
                by, never = self._agents(wanted.by, message), self._agents(wanted.never_by, message)
                heard = set(message.heard_by)
                if wanted.by is not None and heard != by:
                    told = f"heard by {_names(heard)}, not by {_names(by)}"
                    self._fail(("heard", index, "by"), f"{message.told} {told}", message.turn, message.episode)
                    break
                if heard & never:
                    told = f"heard by {_names(heard & never)}"
                    self._fail(
                        ("heard", index, "never_by"), f"{message.told} {told}", message.turn, message.episode
                    )
                    break

    def _agents(self, names: Iterable[str] | None, message: Message) -> set[str]:
        """Agents by their own, their role's or their group's name, as the groups were then."""
        found: set[str] = set()
        for name in names or ():
            if name == "all":
                found |= set(self._world.agents)
            elif name in self._world.cast:
                found.add(name)
            elif name in self._world.spec.roles:
                found |= {agent for agent, role in self._world.cast.items() if role == name}
            else:
                found |= set(scope(message.episode.world, message.situation)[name])
        return found

    def _counts(self) -> None:
        history, expect = self._history, self._expect
        for key in ("tokens", "prompt_tokens"):
            most, got = getattr(expect.at_most, key), getattr(history, key)
            if most is not None and got > most:
                self._fail(("at_most", key), f"there are {got:,} {key.replace('_', ' ')}, more than {most:,}")
        for key, turns in (("refusals", history.refusals), ("warnings", history.warnings)):
            wanted = getattr(expect, key)
            if wanted is not None and len(turns) != wanted:
                turn = turns[wanted] if len(turns) > wanted else None
                self._fail((key,), f"there are {len(turns)} {key}, not {wanted}", turn)


def _is_act(wanted: Mapping[str, Any], act: str, fields: Mapping[str, Any]) -> bool:
    """Whether an act is one that is wanted: of its name, with the fields that are given."""
    for name, given in wanted.items():
        if name != act:
            continue
        if not isinstance(given, dict):
            return list(fields.values()) == [given]
        return all(key in fields and fields[key] == value for key, value in given.items())
    return False


def _is_same(wanted: Any, got: Any, read: Any) -> bool:
    return bool(got in (wanted, read))


def _told(wanted: Mapping[str, Any]) -> str:
    def fields(given: Any) -> str:
        pairs = given.items() if isinstance(given, dict) else [("", given)]
        return "".join(f" {n}={_word(v)}" if n else f" {_word(v)}" for n, v in pairs)

    return " or ".join(f"'{name}'{fields(given)}" for name, given in wanted.items())


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "empty" if value is None or value == [] else str(value)


def _names(agents: Iterable[str]) -> str:
    return ", ".join(sorted(agents)) or "nobody"
