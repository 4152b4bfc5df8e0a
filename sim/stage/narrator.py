"""What is told by nobody of the cast: the opening, scenes, counted votes, and what is carried over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.engine import prompt
from sim.engine.ballots import Count
from sim.engine.clock import Clock
from sim.engine.machine import Step
from sim.engine.memory import Utterance
from sim.engine.messages import Heard, Prompt
from sim.engine.phrases import phrase
from sim.engine.reading import without_thoughts
from sim.engine.situation import Act, Situation, members, narrated_to, scope, told
from sim.models.model import Request
from sim.stage.exchange import Note, Stage, ask
from sim.world.kinds import Value, label_of, one_line, to_json
from sim.world.templates import render
from sim.world.world import StateDef


def facts_json(facts: Mapping[str, Value]) -> dict[str, Any]:
    """Facts as they stand in a log."""
    return {name: to_json(value) for name, value in facts.items()}


def acts_json(acts: Sequence[Act]) -> list[dict[str, Any]]:
    """Acts as they stand in a log."""
    return [{"action": a.action, "fields": facts_json(a.fields)} for a in acts]


class Narrator:
    """Speaks in an episode's history, and logs what it says."""

    def __init__(self, stage: Stage, history: list[Utterance], clock: Clock, note: Note) -> None:
        self._stage = stage
        self._history = history
        self._clock = clock
        self._note = note

    def open(self, situation: Situation, words: str) -> None:
        """Everybody hears the opening, and who is there where the world introduces them."""
        world, language = self._stage.world, self._stage.language
        everyone = tuple(sorted(world.agents))
        if words:
            self._history.append(Utterance(0, 0, "", words, everyone))
        if world.spec.introductions:
            named = [self._introduced(a) for a in world.agents]
            names = ("；" if language.startswith("zh") else "; ").join(named)
            self._say(situation, phrase(language, "introduce", names=names), everyone)

    def _introduced(self, agent: str) -> str:
        world, language = self._stage.world, self._stage.language
        name, role = (
            world.agent_name(agent, language),
            label_of(world.spec.roles[world.cast[agent]].label, language),
        )
        is_new = role and role != name
        return (
            f"{name}（{role}）" if is_new and language.startswith("zh") else f"{name} ({role})" if is_new else name
        )

    def enter(self, situation: Situation) -> None:
        """Say what is said when a state is entered."""
        world, language = self._stage.world, self._stage.language
        state = world.states[situation.state]
        words = label_of(state.narrate, language)
        if words:
            values = scope(world, situation)
            text = one_line(render(words, told(world, values, language))).strip()
            if text:
                self._say(situation, text, narrated_to(world, values, state))

    def votes(self, before: Situation, acts: Sequence[Act], step: Step) -> None:
        """Tell an open vote as it is cast, where the speakers vote one by one."""
        world, language = self._stage.world, self._stage.language
        state = world.states[before.state]
        if state.is_at_once:
            return
        for act in acts:
            ballot = world.actions[act.action].ballot
            if ballot is not None and not ballot.is_secret:
                voter = step.situation.speaker or before.speaker
                words = self._vote(voter, act.fields["choice"])
                values = scope(world, before)
                self._say(
                    before, phrase(language, "votes", votes=words), narrated_to(world, values, state), ahead=1
                )

    def _vote(self, voter: str, choice: Value) -> str:
        language = self._stage.language
        chosen = phrase(language, "nobody") if choice is None else self._named(str(choice))
        return phrase(language, "vote_item", voter=self._named(voter), choice=chosen)

    def _named(self, option: str) -> str:
        return one_line(self._stage.world.word(option, self._stage.language))

    def counts(self, before: Situation, step: Step) -> None:
        """Log the votes that were counted; open ones are told to those who hear the state."""
        world = self._stage.world
        for count in step.counts:
            after = step.situation
            self._note(
                "ballot",
                turn=before.turn + 1,
                time=self._clock.now,
                state=before.state,
                ballot=count.ballot,
                votes=dict(count.votes),
                missing=list(count.missing),
                counts=dict(count.counts),
                winner=count.winner,
                tied=list(count.tied),
                by=count.by,
                changed=facts_json(count.changed),
            )
            ballot = world.actions[count.ballot].ballot
            if ballot is not None and not ballot.is_secret:
                state = world.states[before.state]
                heard_by = narrated_to(world, scope(world, before), state)
                self._say(before, self._result(count, state), heard_by, ahead=after.turn - before.turn)

    def _result(self, count: Count, state: StateDef) -> str:
        language = self._stage.language
        comma = phrase(language, "comma")
        words = []
        if state.is_at_once:
            cast = [self._vote(voter, choice) for voter, choice in count.votes.items()]
            lost = [
                phrase(language, "vote_item", voter=self._named(v), choice=phrase(language, "missing_vote"))
                for v in count.missing
            ]
            words.append(phrase(language, "votes", votes=comma.join([*cast, *lost])))
        if count.is_again:
            words.append(phrase(language, "vote_again", tied=comma.join(map(self._named, count.tied))))
        elif count.winner is None:
            words.append(phrase(language, "vote_none"))
        else:
            votes = count.counts.get(count.winner, 0)
            words.append(phrase(language, "vote_won", winner=self._named(count.winner), count=votes))
        return ("" if language.startswith("zh") else " ").join(words)

    def leave(self, state: str, visit: int, after: Situation) -> None:
        """Make what is carried over from a state that was left; a reflection asks the model of its last speaker."""
        world = self._stage.world
        left = world.states[state]
        said = [u for u in self._history if u.speaker and not u.is_summary and u.visit == visit]
        if left.summary is None or not said:
            return
        everyone = members(world, scope(world, after), left.carried_to) if left.carried_to is not None else None
        heard_by = set(everyone) if everyone is not None else set.intersection(*(set(u.heard_by) for u in said))
        if not heard_by:
            return
        how = left.summary.how
        text = said[-1].text if how == "last_message" else self._reflection(left, said, after)
        speaker = said[-1].speaker if how == "last_message" else ""
        self._note(
            "summary",
            turn=after.turn,
            time=self._clock.now,
            state=state,
            how=how,
            speaker=speaker,
            text=text,
            heard_by=sorted(heard_by),
        )
        summary = Utterance(after.turn, visit, speaker, text, tuple(sorted(heard_by)), is_summary=True)
        self._history.append(summary)

    def _reflection(self, state: StateDef, said: Sequence[Utterance], after: Situation) -> str:
        """A summary by the model of the last speaker, of nothing but what was said here and it heard."""
        stage = self._stage
        role = said[-1].speaker
        lines = [prompt.line(stage.world, u, stage.language) for u in said if role in u.heard_by]
        summary = state.summary
        wish = label_of(summary.ask, stage.language) if summary is not None else ""
        heard = Heard(
            ((phrase(stage.language, "said"), tuple(lines)),), wish or phrase(stage.language, "reflect"), message=0
        )
        asked = Prompt(({"role": "user", "content": heard.text()},), heard=heard)
        request = Request(
            asked,
            stage.world,
            after,
            role,
            0,
            stage.language,
            after.streams,
            turn=after.turn,
            purpose="summary",
            draft=said[-1].text,
        )
        raw = ask(stage, request, self._note)
        return one_line(without_thoughts(raw)).strip()[: stage.world.spec.limits.utterance] or said[-1].text

    def _say(self, situation: Situation, text: str, heard_by: tuple[str, ...], ahead: int = 0) -> None:
        turn = situation.turn + ahead
        self._note(
            "narration",
            turn=turn,
            time=self._clock.now,
            state=situation.state,
            text=text,
            heard_by=list(heard_by),
        )
        self._history.append(Utterance(turn, situation.visit, "", text, heard_by))
