"""A run of an edited world on the answers of the last one, as far as they fit; from there on it is played scripted.

An answer fits as long as whoever is asked is asked the same, and gives the same where the world answers by itself:
by its lines, or by a function of its rules. Nobody is asked who would have to be paid, or to type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sim.engine.situation import Situation
from sim.errors import DefinitionError
from sim.models.model import Model, Reply, Request
from sim.models.outside import FromLog, Live
from sim.models.recorded import Answers, PromptMismatch, Recorded
from sim.models.scripted import Scripted
from sim.record.log import RunLog, Sink
from sim.stage.casting import models_for, speakers
from sim.stage.diverging import DivergingOutside, Parting, settings_in
from sim.stage.episode import Listener
from sim.stage.run import Run, Settings
from sim.world.world import World


@dataclass(frozen=True)
class Misfit:
    """Where the answers of a run first fit no more, and by what.

    By the ``prompt`` (``parts`` are those of it that are not the same, where the log says so), by the ``answer``
    that the world gives itself, or since somebody is ``asked`` who was not.
    """

    episode: int
    turn: int
    role: str
    by: Literal["prompt", "answer", "asked"]
    parts: tuple[str, ...] = ()


class Fit(Parting):
    """How far the answers of a run are taken, and why no further, by episode."""

    def __init__(self) -> None:
        super().__init__()
        self.misfits: dict[int, Misfit] = {}
        self.taken = 0

    def take(self) -> None:
        """Count an answer that is taken."""
        with self._lock:
            self.taken += 1

    def part_by(self, request: Request, misfit: Misfit) -> None:
        """Note that an answer does not fit; from this turn on those of the episode are not taken."""
        self.part(request.situation)
        with self._lock:
            self.misfits.setdefault(misfit.episode, misfit)


class Refitted:
    """The recorded answers of an agent as long as they fit, then those that the world gives by itself."""

    keeps_budget = True

    def __init__(self, recorded: Recorded, own: Model, fit: Fit, *, is_own: bool) -> None:
        self.name = own.name
        self.description = own.description if is_own else recorded.description
        self._recorded = recorded
        self._own = own
        self._fit = fit
        self._is_own = is_own

    def answer(self, request: Request) -> Reply:
        """The recorded answer, or the world's own."""
        if not self._fit.is_before(request.situation):
            return self._own.answer(request)
        given = self._own.answer(request) if self._is_own else None
        misfit = self._misfit(request, given)
        if misfit is None:
            self._fit.take()
            return given or replace(self._recorded.reply(request), measured={"hit": True})
        self._fit.part_by(request, misfit)
        return given or self._own.answer(request)

    def _misfit(self, request: Request, given: Reply | None) -> Misfit | None:
        where = request.situation.episode, request.turn, request.role
        call = self._recorded.call(request)
        if call is None or call.role != request.role:
            return Misfit(*where, "asked")
        if call.prompt != request.prompt.digest:
            return Misfit(*where, "prompt", PromptMismatch(request, call).parts or ())
        if given is not None and given.text != call.answer:
            return Misfit(*where, "answer")
        return None


class _Nobody(Live):
    """Nobody is at hand: where the user would pick who speaks, the seed does."""

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """The agent who speaks next."""
        if world.states[situation.state].order == "rule":
            return super().choose(world, situation, candidates)
        return situation.streams.at("selection", situation.turn).pick(candidates)


def alone(world: World, seed: int) -> dict[str, Model]:
    """Who answers where nobody is asked from outside: the lines of the world and the functions of its rules.

    People are played by the lines, too.

    Raises:
        DefinitionError: if the world runs code that agents write.
    """
    for name, role in world.spec.roles.items():
        if role.kind == "executor":
            raise DefinitionError(
                f"'{name}' runs code, which is not done here; sim run {world.name} --allow-exec does"
            )
    return models_for(world, {}, human=Scripted(), seed=seed)


def played(world: World, settings: Settings, then: Sink, listener: Listener | None = None) -> Run:
    """A run in which nobody is asked from outside.

    Raises:
        DefinitionError: as :func:`alone`.
    """
    return Run(world, settings, alone(world, settings.seed), then, listener, _Nobody())


def replayed(log: RunLog, world: World, then: Sink, fit: Fit, listener: Listener | None = None) -> Run:
    """A run of a world on the answers of another run, with the settings of that, as far as they fit.

    With the same world, it is the same run, record by record.

    Raises:
        DefinitionError: as :func:`alone`, or if the settings do not fit the world.
    """
    header = log.header
    settings = settings_in(header, world)
    cast, answers = alone(world, settings.seed), Answers(log.records)
    models: dict[str, Model] = {}
    for agent in speakers(world):
        own = cast[agent]
        described: Mapping[str, Any] = header.models.get(agent, own.description)
        is_own = described.get("name") == own.name
        models[agent] = Refitted(Recorded(answers, agent, described), own, fit, is_own=is_own)
    is_changed = world.resolved.get("rules") != header.resolved.get("rules")
    outside = DivergingOutside(FromLog(log.records), _Nobody(), fit, is_changed=is_changed)
    return Run(world, settings, models, then, listener, outside)
