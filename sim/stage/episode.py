"""One conversation: turns are asked for, answered, repaired, settled and logged here, whoever drives them.

The life of an episode is :meth:`start`, then :meth:`next_speaker` and :meth:`speak` in turn until the former gives
None. An AutoGen group chat drives it through its selection function and its agents' model client; a plain loop
(:func:`drive`) does the same without AutoGen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.engine import answers, prompt
from sim.engine.answers import Answer
from sim.engine.clock import Clock
from sim.engine.machine import Situation, Step, begin, break_off, next_speaker, settle
from sim.engine.prompt import Prompt, Utterance
from sim.engine.streams import Streams
from sim.errors import ModelError
from sim.models.model import Model, Request
from sim.record.log import Sink
from sim.world.kinds import Value, to_json
from sim.world.world import BROKEN, World

REPAIRS = 2
MAX_ANSWER = 100_000
"""Characters of an answer that are read and kept; no turn needs more."""

Listener = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Pending:
    """A turn that was spoken and whose end has not come yet."""

    role: str
    answer: Answer
    minutes: float


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
        clock: Clock,
        log: Sink,
        opening: str,
        facts: Mapping[str, Value],
        listener: Listener | None = None,
    ) -> None:
        self.world = world
        self.language = language
        self.models = models
        self.streams = Streams(seed, number)
        self.situation: Situation = begin(world, number, facts)
        self.history: list[Utterance] = []
        self.opening = opening
        self._clock = clock
        self._log = log
        self._listener = listener
        self._pending: Pending | None = None
        self._built: tuple[Situation, str, Prompt] | None = None

    def start(self) -> None:
        """Log the beginning; everybody hears the opening."""
        if self.opening:
            everyone = tuple(sorted(self.world.roles))
            self.history.append(Utterance(0, 0, "", self.opening, everyone))
        situation = self.situation
        self._note(
            "episode_started",
            time=self._clock.now,
            state=situation.state,
            facts={k: to_json(v) for k, v in situation.facts.items()},
        )

    def next_speaker(self) -> str | None:
        """End the turn that was spoken, and say who speaks next; None when the episode is over."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._clock.wait(pending.minutes)
            self._settle(pending)
        if self.situation.outcome is not None:
            return None
        return next_speaker(self.world, self.situation, self.streams)

    def prompt(self, role: str) -> Prompt:
        """What a role is shown for its next turn; built once for a situation."""
        if self._built is None or self._built[0] is not self.situation or self._built[1] != role:
            built = prompt.build(self.world, self.situation, self.history, role, self.language)
            self._built = (self.situation, role, built)
        return self._built[2]

    def speak(self, role: str, shown: Prompt | None = None) -> str:
        """Ask a role's model until an answer is valid, at most twice again, and give the words.

        Raises:
            ModelError: if the model cannot answer; nothing of the turn counts then.
        """
        asked = shown or self.prompt(role)
        state = self.world.states[self.situation.state]
        minutes = self.streams.at("duration", self.situation.turn).minutes(state.turn)
        best = ""
        for attempt in range(REPAIRS + 1):
            raw = self._ask(role, asked, attempt)
            answer = answers.read(self.world, self.situation, role, raw, minutes, self.language)
            if not answer.problems:
                break
            best = answer.text or best
            self._note(
                "refusal", turn=self.situation.turn + 1, attempt=attempt, role=role, reasons=list(answer.problems)
            )
            asked = asked.then(raw, answer.problems, self.language)
        else:
            answer = answers.fall_back(self.world, self.situation, role, best, minutes, self.language)
            done = ", ".join(a.action for a in answer.acts)
            then = f"its fallback was done: {done}" if done else "nothing was done"
            self._warn("fallback", f"no valid answer of {role} in {REPAIRS + 1} tries; {then}")
        if answer.is_cut:
            self._warn("cut", f"the words of {role} were cut to {self.world.spec.limits.utterance} characters")
        self._pending = Pending(role, answer, minutes)
        return answer.text

    def _ask(self, role: str, asked: Prompt, attempt: int) -> str:
        model = self.models[role]
        request = Request(asked, self.world, self.situation, role, attempt, self.language, self.streams)
        reply = model.answer(request)
        if not isinstance(reply.text, str):
            raise ModelError(f"{model.name} gave no text")
        text = reply.text[:MAX_ANSWER].encode("utf-8", "replace").decode()
        self._note(
            "call",
            reply.measured,
            turn=self.situation.turn + 1,
            attempt=attempt,
            role=role,
            state=self.situation.state,
            purpose="repair" if attempt else "turn",
            model=model.name,
            prompt=asked.digest,
            answer=text,
            usage=reply.usage.model_dump(),
            cost=None if reply.cost is None else format(reply.cost, "f"),
            currency=reply.currency,
        )
        return text

    def _settle(self, turn: Pending) -> None:
        before = self.situation
        step = settle(self.world, before, turn.role, turn.answer.acts, turn.minutes, self.language)
        heard_by = self.world.states[before.state].audience(turn.role)
        self._note(
            "turn",
            turn=before.turn + 1,
            time=self._clock.now,
            state=before.state,
            speaker=turn.role,
            heard_by=list(heard_by),
            text=turn.answer.text,
            acts=[
                {"action": a.action, "fields": {n: to_json(v) for n, v in a.fields.items()}}
                for a in turn.answer.acts
            ],
            changed={k: to_json(v) for k, v in step.changed.items()},
            minutes=turn.minutes,
        )
        self.history.append(Utterance(before.turn + 1, before.visit, turn.role, turn.answer.text, heard_by))
        self._move(before, step)

    def _move(self, before: Situation, step: Step) -> None:
        self.situation = step.situation if step.breach is None else break_off(step.situation)
        if step.transition is not None:
            self._note(
                "transition",
                turn=step.situation.turn,
                time=self._clock.now,
                **{"from": before.state},
                to=step.transition.to,
                guard=step.transition.guard,
                changed={k: to_json(v) for k, v in (step.moved or {}).items()},
            )
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

    def _warn(self, code: str, message: str) -> None:
        self._note("warning", turn=self.situation.turn + 1, code=code, message=message)

    def _note(self, kind: str, measured: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        record = self._log.append(kind, {"episode": self.situation.episode, **fields}, measured)
        if self._listener is not None:
            self._listener(record)


def drive(episode: Episode) -> None:
    """Play an episode to its end in a plain loop, without AutoGen."""
    episode.start()
    while (role := episode.next_speaker()) is not None:
        episode.speak(role)
