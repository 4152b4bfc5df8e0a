"""One conversation: turns are asked for, answered, settled and logged here, whoever drives them.

The life of an episode is :meth:`start`, then :meth:`next_speaker` and :meth:`speak` in turn until the former gives
None. An AutoGen group chat drives it through its selection function and its agents' model client; a plain loop
(:func:`drive`) does the same without AutoGen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.engine import prompt
from sim.engine.answers import Answer, is_theirs
from sim.engine.arrivals import comer
from sim.engine.machine import MAX_HOPS, Refused, Step, begin, break_off, leave, settle
from sim.engine.machine import opening as opening_of
from sim.engine.memory import Digest, Utterance
from sim.engine.messages import Prompt
from sim.engine.selection import next_speaker
from sim.engine.situation import Situation, audience, scope
from sim.engine.tokens import words_in
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model
from sim.models.outside import Live, Outside
from sim.stage.changes import Change, Changes, View
from sim.stage.desk import Job
from sim.stage.digests import digested
from sim.stage.exchange import Exchange, Pending, Stage
from sim.stage.holding import Holding
from sim.stage.narrator import Narrator, acts_json, facts_json
from sim.stage.selector import Selector
from sim.stage.together import Together, opening_words
from sim.world.kinds import Value
from sim.world.people import cast_as, in_episode
from sim.world.world import BROKEN, World

Listener = Callable[[dict[str, Any]], None]


class Episode:
    """One conversation of a run."""

    def __init__(
        self,
        world: World,
        *,
        number: int,
        language: str,
        seed: int,
        models: Mapping[str, Model],
        together: Together,
        opening: str,
        facts: Mapping[str, Value],
        outside: Outside | None = None,
        listener: Listener | None = None,
        cache: Cache | None = None,
        budget: Budget | None = None,
        changes: Sequence[Change] = (),
    ) -> None:
        usual = opening_words(world, language)
        world, self._drawn, brought = in_episode(world, lambda who, n: comer(seed, number, who, n))
        self.world = world
        self.language = language
        self.models = models
        self._together = together
        self.situation = together.shared_with(begin(world, number, {**brought, **facts}, seed))
        self.history: list[Utterance] = []
        self.opening = opening if not self._drawn or opening != usual else opening_words(world, language)
        self._stage = Stage(
            world,
            language,
            models,
            outside or Live(),
            cache,
            budget,
            {name: model.description for name, model in models.items()},
        )
        own = (c for c in changes if c.fork.episode == number)
        self._changes = Changes(replace(c, world=cast_as(c.world, self._drawn)) for c in own)
        self._clock = together.clock
        self._log = together.log
        self._listener = listener
        self._pending: Pending | None = None
        self._shown: tuple[Situation, dict[str, Prompt]] | None = None
        self._at_once: dict[str, Answer] = {}
        self._asked_in = self.situation
        self._digests: dict[str, Digest] = {}
        self._narrator = Narrator(self._stage, self.history, self._clock, self._note)
        self.holding = Holding(world, together.stations, self._clock, number, self._note)
        self.selector = Selector(self._stage, self.history, self._note)

    def start(self) -> None:
        """Log the beginning; everybody hears the opening and, where the world says so, who is there."""
        situation = self.situation
        self._note(
            "episode_started",
            time=self._clock.now,
            state=situation.state,
            facts=facts_json(situation.facts),
            **({"cast": self._drawn, "opening": self.opening} if self._drawn else {}),
        )
        self._narrator.open(situation, self.opening)
        self._narrator.enter(situation)
        self._move(situation, opening_of(self.world, situation))
        self._wait_for_resources()

    def next_speaker(self) -> str | None:
        """End the turn that was spoken, and say who speaks next; None when the episode is over.

        Where a model chooses, ``selector.is_open`` is true and None is given: ask :meth:`Selector.ask` until it
        gives somebody, or let :meth:`Selector.run` do it.
        """
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._settle(pending)
            self._wait_for_resources()
        if self.situation.outcome is not None:
            return None
        for change in self._changes.due(self.situation.turn + 1):
            self._do(change)
        return next_speaker(self.world, self.situation) or self.selector.choose(self.situation)

    def _do(self, change: Change) -> None:
        """Change what is changed from outside; those who spoke at once may have been asked with it before."""
        view = self._changes.done(self._stage, self.situation, change)
        if not self._changes.is_told(change):
            self._tell_all([change])
        self._stage, self.situation = view.stage, view.situation
        self.world, self.models = view.stage.world, view.stage.models
        self._narrator = Narrator(self._stage, self.history, self._clock, self._note)
        self.selector = Selector(self._stage, self.history, self._note)

    def _tell_all(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.told:
                self._note("intervention", turn=change.fork.at, **change.told)

    def prompt(self, role: str) -> Prompt:
        """What an agent is shown for its next turn; built once for a situation, and for all who speak at once."""
        if role in self._at_once and self._shown is not None:
            return self._shown[1][role]
        if self._shown is None or self._shown[0] is not self.situation:
            self._shown = (self.situation, {})
        prompts = self._shown[1]
        for each in self._asked_with(role):
            if each not in prompts:
                prompts[each] = prompt.build(
                    self.world, self.situation, self.history, each, self.language, self._digests.get(each)
                )
        return prompts[role]

    def _prompt_of(self, role: str, view: View) -> Prompt:
        """The prompt of one who speaks at once with others, perhaps after something was changed from outside."""
        shown = self.prompt(role)
        if view.situation is self.situation and view.stage is self._stage:
            return shown
        digest = self._digests.get(role)
        made = prompt.build(view.stage.world, view.situation, self.history, role, self.language, digest)
        if self._shown is not None:
            self._shown[1][role] = made
        return made

    def _asked_with(self, role: str) -> tuple[str, ...]:
        is_at_once = self.world.states[self.situation.state].is_at_once
        return self.situation.waiting if is_at_once and role in self.situation.waiting else (role,)

    def speak(self, role: str, shown: Prompt | None = None) -> str:
        """Ask an agent's model until an answer is valid, at most as often as the world says, and give the words.

        The simulated time of the turn passes meanwhile, and other episodes go on. Where all speak at once, all are
        asked when the first speaks.

        Raises:
            ModelError: if a model cannot answer; nothing of the turn counts then.
        """
        if role in self._at_once:
            return self._spoken(role, 0.0)
        together = self._asked_with(role)
        self._sum_up(together)
        views = {role: View(self._stage, self.situation)}
        if len(together) > 1:
            views = self._changes.views(self._stage, self.situation, together)
        prompts = {r: self._prompt_of(r, views[r]) for r in together}
        if shown is not None:
            prompts[role] = shown
        asked_in, minutes = self.situation, self._minutes()
        jobs = {r: self._job(r, ahead, prompts[r], views[r]) for ahead, r in enumerate(together)}
        remote = frozenset(r for r in together if getattr(views[r].stage.models[r], "is_remote", False))
        desk = self._together.desk
        asked = desk.ask(jobs, remote, asked_in.episode)
        if minutes is not None:
            self._spend(minutes)
        self._asked_in = asked_in
        while asked:
            first = next(iter(asked))
            self._tell_all(views[first].changes)
            self._at_once[first] = desk.collect(asked.pop(first), self._note)
        if minutes is None:
            minutes = max(self._minutes_of(answer.text) for answer in self._at_once.values())
            self._spend(minutes)
        return self._spoken(role, minutes)

    def _spoken(self, role: str, minutes: float) -> str:
        answer = self._at_once.pop(role)
        self._pending = Pending(role, answer, minutes, self._asked_in)
        return answer.text

    def _spend(self, minutes: float) -> None:
        self.situation = self.holding.spend(self.situation, minutes)

    def _job(self, role: str, ahead: int, shown: Prompt, view: View) -> Job:
        heard = next((u.text for u in reversed(self.history) if role in u.heard_by and u.speaker != role), "")
        minutes, turn = self._minutes() or 0.0, self.situation.turn + 1 + ahead
        given = self._changes.said(turn)
        return lambda note: Exchange(view.stage, view.situation, role, turn, minutes, heard, note, given).answer(
            shown
        )

    def _sum_up(self, roles: tuple[str, ...]) -> None:
        """Sum up what some agents can no longer be given whole, before they are asked."""
        for ahead, role in enumerate(roles):
            turn, digest = self.situation.turn + 1 + ahead, self._digests.get(role)
            made = digested(self._stage, self.situation, self.history, role, turn, digest, self._note)
            if made is not None and made is not digest:
                self._digests[role] = made
                self._shown = None

    def _minutes(self) -> float | None:
        """How long the turn takes; None where that depends on what is said."""
        turn = self.world.states[self.situation.state].turn
        if turn.words is not None:
            return None
        return self.situation.streams.at("duration", self.situation.turn).minutes(turn)

    def _minutes_of(self, text: str) -> float:
        rate = self.world.states[self.situation.state].turn.words or 1.0
        return round(words_in(text) / rate, 2)

    def _wait_for_resources(self) -> None:
        """Wait for what the state needs, and leave where that was in vain; other episodes go on meanwhile."""
        idle, since = 0, self.situation.minutes
        while self.situation.outcome is None:
            there, missed = self.holding.take(self.situation)
            self.situation = self._together.shared_with(there)
            if missed is None or missed.otherwise is None:
                return
            idle, since = (idle + 1 if there.minutes == since else 0), there.minutes
            step = leave(self.world, self.situation, missed.otherwise, f"no {missed.resource}")
            if idle > MAX_HOPS:
                why = f"the queues for {missed.resource} lead round, and no time passes"
                step = Step(self.situation, breach=why)
            self._move(there, step)

    def _settle(self, turn: Pending) -> None:
        before = self.situation = self._together.shared_with(self.situation)
        step, acts = self._stepped(turn)
        values = scope(self.world, before)
        heard_by = audience(self.world, values, self.world.states[before.state], turn.role)
        self._note(
            "turn",
            turn=before.turn + 1,
            time=self._clock.now,
            state=before.state,
            speaker=turn.role,
            heard_by=list(heard_by),
            text=turn.answer.text,
            acts=acts_json(acts),
            changed=facts_json(step.changed),
            minutes=turn.minutes,
            asked=turn.asked.turn,
        )
        if turn.answer.text:
            said = Utterance(before.turn + 1, before.visit, turn.role, turn.answer.text, heard_by)
            self.history.append(said)
        self._narrator.votes(before, acts, step)
        self._move(before, step)

    def _stepped(self, turn: Pending) -> tuple[Step, Any]:
        """The step of a turn; acts that others made impossible meanwhile are dropped, and that is told."""
        acts = turn.answer.acts
        before = self.situation
        if acts and turn.asked is not before:
            try:
                step = settle(self.world, before, turn.role, acts, turn.minutes, self.language)
            except Refused as refusal:
                why = str(refusal)
            else:
                if step.breach is None or not is_theirs(self.world, before, turn.role, turn.minutes, self.language):
                    return step, acts
                why = step.breach
            self._note(
                "warning",
                turn=before.turn + 1,
                code="conflict",
                message=f"what {turn.role} did at the same time as others could not be done: {why}",
            )
            acts = ()
        return settle(self.world, before, turn.role, acts, turn.minutes, self.language), acts

    def _move(self, before: Situation, step: Step) -> None:
        """Log what follows from a step: votes, transitions with what the narrator says, and the end."""
        self._narrator.counts(before, step)
        state, visit = before.state, before.visit
        for hop in step.hops:
            self._narrator.leave(state, visit, hop.situation)
            self._note(
                "transition",
                turn=hop.situation.turn,
                time=self._clock.now,
                **{"from": state},
                to=hop.transition.to,
                guard=hop.transition.guard,
                changed=facts_json(hop.moved),
            )
            state, visit = hop.transition.to, hop.situation.visit
            if state in self.world.states:
                self._narrator.enter(hop.situation)
        self.situation = step.situation if step.breach is None else break_off(step.situation)
        self._together.share(self.situation)
        self.holding.move("" if self.situation.outcome is not None else self.situation.state)
        if self.situation.outcome is not None:
            self._end(step.breach)

    def _end(self, breach: str | None) -> None:
        outcome = self.situation.outcome or BROKEN
        end = self.world.spec.ends.get(outcome)
        self._note(
            "episode_ended",
            time=self._clock.now,
            outcome=outcome,
            kind=end.kind if end else "failure",
            turns=self.situation.turn,
            breach=breach,
        )

    def _note(self, kind: str, measured: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        record = self._log.append(kind, {"episode": self.situation.episode, **fields}, measured)
        if self._listener is not None:
            self._listener(record)


def drive(episode: Episode) -> None:
    """Play an episode to its end in a plain loop, without AutoGen."""
    episode.start()
    while True:
        role = episode.next_speaker()
        if role is None and episode.selector.is_open:
            role = episode.selector.run()
        if role is None:
            return
        episode.speak(role)
