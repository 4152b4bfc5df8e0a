"""From a validated world file to a :class:`~sim.world.world.World`: names resolved, expressions compiled."""

from __future__ import annotations

from collections.abc import Mapping

from rule_engine import DataType

from sim.errors import did_you_mean
from sim.world.acts import Acts
from sim.world.circles import Circle, union
from sim.world.expressions import Compiled
from sim.world.format import Persona, WorldFile
from sim.world.kinds import label_of
from sim.world.lines import Lines
from sim.world.phases import State, Transition
from sim.world.source import KeyPath, Source
from sim.world.stations import Hold, clock_minutes
from sim.world.vocabulary import FUNCTIONS, RESERVED
from sim.world.ways import circles
from sim.world.world import (
    BROKEN,
    OUT_OF_LIMITS,
    HoldDef,
    StateDef,
    TransitionDef,
)


class Compiler(Acts):
    """Compiles one world file."""

    def __init__(
        self,
        spec: WorldFile,
        source: Source,
        broken: Mapping[str, frozenset[str]],
        personas: Mapping[str, Persona | None],
    ) -> None:
        super().__init__(spec, source, broken, personas)
        self.actions = {n: a for n, a in ((n, self._action(n, a)) for n, a in spec.actions.items()) if a}
        self.actions |= {n: self._ballot(n, b) for n, b in spec.ballots.items()}
        self.tools = {n: t for n, t in ((n, self._tool(n, t)) for n, t in spec.tools.items()) if t}
        self.states = {n: self._state(n, s) for n, s in spec.states.items()}
        self.next_speakers = self._next_speakers()
        self.lines = Lines(self).compiled
        self.never = self._conditions(spec.never, ("never",))
        self.at_end = self._at_end()
        self.won_by = {
            name: self.compile(end.won_by, ("ends", name, "won_by"), DataType.BOOLEAN, self.own)
            for name, end in spec.ends.items()
            if end.won_by is not None
        }
        self._names()

    def _state(self, name: str, state: State) -> StateDef:
        path: KeyPath = ("states", name)
        self.words(state.label, (*path, "label"))
        speakers = self.circle(state.speakers, (*path, "speakers"))
        heard_by, is_team = self._heard_by(state, speakers, path)
        narrated = self._narrated(heard_by, speakers, is_team)
        self.words(state.narrate, (*path, "narrate"), self.template_names(narrated, is_own=False))
        named = None
        if (state.order == "named") != (state.speaker is not None) or (state.order == "rule") != bool(state.rule):
            self.problem(path, "order", "the order named needs a speaker, the order rule a rule, and no other has")
        elif state.speaker is not None:
            named = self.compile(state.speaker, (*path, "speaker"), DataType.STRING)
        if not state.speakers and (state.tell or state.actions):
            self.problem(path, "no-speakers", "has no speakers, so nobody is told or does anything")
        repeat = Circle(frozenset(self.cast)) if state.repeat is True else Circle()
        if isinstance(state.repeat, list):
            repeat = self.circle(state.repeat, (*path, "repeat"))
        opened = self._open_here(state, speakers, path)
        self._votes(opened, narrated, (*path, "actions"))
        summary = state.summary
        if summary is not None:
            self.words(summary.ask, (*path, "summary", "ask"))
        return StateDef(
            name,
            state.label,
            speakers,
            "alternate" if state.order == "round_robin" else state.order,
            named,
            state.rule,
            repeat,
            state.silent,
            state.verbatim,
            state.narrate,
            self._tell(state, speakers, path),
            opened,
            heard_by,
            is_team,
            state.context or self.spec.context,
            state.forget,
            summary,
            self.circle(summary.heard_by, (*path, "summary"), ("all",)) if summary and summary.heard_by else None,
            state.turn or self.spec.turn,
            tuple(self._transition(t, (*path, "go", i)) for i, t in enumerate(state.go)),
            tuple(self._hold(h, (*path, "holds", i)) for i, h in enumerate(self._held(state, path))),
        )

    def _held(self, state: State, path: KeyPath) -> list[Hold]:
        """What a state holds, as far as the resources are there."""
        resources = self.spec.resources
        found = [h for h in state.holds if self.check_name(h.resource, "resources", (*path, "holds"))]
        if not state.speakers and state.holds:
            self.problem((*path, "holds"), "holds", "nobody speaks here, so nothing is held")
        names = [h.resource for h in found]
        twice = [h.resource for h in found if names.count(h.resource) > 1 and h.when == "true"]
        if twice:
            message = f"names '{twice[0]}' twice; each needs a condition (when)"
            self.problem((*path, "holds"), "holds", message)
        taken = [n for n in names if resources[n].preempt]
        if taken and len(names) > 1:
            message = f"'{taken[0]}' can be taken away (preempt), so it is held alone"
            self.problem((*path, "holds"), "holds", message)
        return found

    def _hold(self, hold: Hold, path: KeyPath) -> HoldDef:
        resource = self.spec.resources[hold.resource]
        if hold.priority is not None and resource.queue != "priority":
            self.problem(path, "holds", f"'{hold.resource}' has no priorities (queue: priority)")
        if resource.stock is None and hold.amount != 1:
            self.problem(path, "holds", f"'{hold.resource}' is no stock; one at a time is held of it")
        most = resource.most if resource.refill is not None else resource.stock
        if most is not None and hold.amount > most:
            self.problem((*path, "amount"), "holds", f"there are never more than {most:g} of '{hold.resource}'")
        if hold.otherwise is not None and hold.otherwise not in self.known("states") | self.known("ends"):
            hint = did_you_mean(hold.otherwise, self.known("states") | self.known("ends"))
            self.problem((*path, "otherwise"), "unknown-state", f"unknown state or end '{hold.otherwise}'{hint}")
        if hold.patience is not None and hold.patience.words is not None:
            self.problem((*path, "patience"), "holds", "nothing is said while one waits; words are of turns")
        priority = hold.priority
        return HoldDef(
            hold.resource,
            self.compile(hold.when, (*path, "when"), DataType.BOOLEAN),
            hold.amount,
            self.compile(priority, (*path, "priority"), DataType.FLOAT) if priority is not None else None,
            hold.patience,
            hold.queue_at_most,
            hold.otherwise,
        )

    def _tell(self, state: State, speakers: Circle, path: KeyPath) -> tuple[tuple[Circle, Mapping[str, str]], ...]:
        told = []
        for role, text in state.tell.items():
            here = (*path, "tell", role)
            circle = Circle(frozenset(self.cast)) if role == "*" else self.known_circle([role], here)
            who, speaking = self.everyone(circle), self.everyone(speakers)
            if role != "*" and who and speaking and who.isdisjoint(speaking):
                self.problem(here, "tell", f"'{role}' does not speak in this state")
            self.words(text, here, self.template_names(speakers if role == "*" else circle))
            told.append((circle, text))
        return tuple(sorted(told, key=lambda pair: len(pair[0].agents) == len(self.cast)))

    def _open_here(self, state: State, speakers: Circle, path: KeyPath) -> tuple[str, ...]:
        here = (*path, "actions")
        others = (*self.known("ballots"), *self.known("tools"))
        found = tuple(a for a in state.actions if self.check_name(a, "actions", here, others))
        speaking = self.everyone(speakers)
        for name in found:
            action = self.actions.get(name) or self.tools.get(name)
            if action is not None and speaking and self.everyone(action.by).isdisjoint(speaking):
                by = ", ".join(a for a in self.cast if a in self.everyone(action.by))
                if by:
                    self.problem(here, "no-actor", f"nobody who speaks here may '{name}' (it is by {by})")
        return found

    def _votes(self, opened: tuple[str, ...], heard_by: Circle, path: KeyPath) -> None:
        """Note an open vote that gives a secret away, and a vote that cannot be taken again by itself."""
        ballots = [b for n in opened if n in self.actions and (b := self.actions[n].ballot) is not None]
        for ballot in ballots:
            hidden = [
                g
                for g in sorted(ballot.voters.groups)
                if not self.groups[g].known_to.covers(heard_by, self.universe)
            ]
            hidden += [n for n in sorted(ballot.on.reads) if not self.is_known(n, heard_by)]
            if not ballot.is_secret and hidden and self.everyone(heard_by):
                message = f"not all who hear the open vote '{ballot.name}' know '{hidden[0]}'; make it secret"
                self.problem(path, "not-known", message)
            again = [
                r
                for r in ballot.tie
                if r == "revote" or (r in self.facts and "revote" in self.facts[r].kind.options)
            ]
            if again and len(ballots) > 1:
                message = f"'{ballot.name}' may be taken again, so it cannot share a state with another vote"
                self.problem(path, "revote", message)

    def _heard_by(self, state: State, speakers: Circle, path: KeyPath) -> tuple[Circle, bool]:
        if state.heard_by in ([], ["speakers"]):
            return (speakers if state.speakers else Circle(frozenset(self.cast))), False
        heard = self.circle(state.heard_by, (*path, "heard_by"), ("all", "self", "team", "speakers"))
        heard = union([heard, speakers]) if "speakers" in state.heard_by else heard
        return Circle(heard.agents, heard.groups), "team" in state.heard_by

    def _narrated(self, heard_by: Circle, speakers: Circle, is_team: bool) -> Circle:
        """Those who may hear the narrator: the state's audience, or its speakers where each hears only itself."""
        return speakers if is_team or heard_by == Circle() else heard_by

    def _next_speakers(self) -> dict[str, frozenset[str]] | None:
        lists = self.spec.speaker_transitions
        if lists is None:
            return None
        given = lists.allowed if lists.allowed is not None else lists.disallowed or {}
        key = "allowed" if lists.allowed is not None else "disallowed"
        named: dict[str, set[str]] = {a: set() for a in self.cast}
        for before, after in given.items():
            path: KeyPath = ("speaker_transitions", key, before)
            first, then = self.circle([before], path), self.circle(after, path)
            for circle in (first, then):
                for group in sorted(circle.groups):
                    self.problem(path, "group", f"'{group}' changes during a run; name a role or a fixed group")
            for agent in first.agents:
                named[agent] |= then.agents
        if lists.allowed is not None:
            return {a: frozenset(n) for a, n in named.items()}
        return {a: frozenset(self.cast) - n for a, n in named.items()}

    def _transition(self, transition: Transition, path: KeyPath) -> TransitionDef:
        if transition.to not in self.known("states") and transition.to not in self.known("ends"):
            both = self.known("states") | self.known("ends")
            message = f"unknown state or end '{transition.to}'{did_you_mean(transition.to, both)}"
            self.problem(path, "unknown-state", message)
        after = transition.after
        return TransitionDef(
            transition.to,
            self.compile(transition.when, path, DataType.BOOLEAN),
            after.turns if after else None,
            after.rounds if after else None,
            after.minutes if after else None,
            self._effects(transition.sets, (*path, "sets")),
        )

    def _conditions(self, given: Mapping[str, str], path: KeyPath) -> dict[str, Compiled]:
        return {n: self.compile(text, (*path, n), DataType.BOOLEAN) for n, text in given.items()}

    def _at_end(self) -> dict[str, dict[str, Compiled]]:
        result = {}
        for outcome, conditions in self.spec.at_end.items():
            self.check_name(outcome, "ends", ("at_end", outcome), ("any", OUT_OF_LIMITS))
            result[outcome] = self._conditions(conditions, ("at_end", outcome))
        return result

    def _names(self) -> None:
        spec = self.spec
        self.check_name(spec.start, "states", ("start",))
        if spec.limits.ends is not None:
            self.check_name(spec.limits.ends, "ends", ("limits", "ends"))
        for state in sorted(set(spec.states) & set(spec.ends)):
            self.problem(("ends", state), "name", f"'{state}' is also a state")
        self._check_unique()
        self._check_called()
        self._check_arrivals()
        for name, index in circles(spec):
            self.problem(
                ("states", name, "holds", index, "otherwise"), "circle", "leads back here before anybody speaks"
            )
        for end in sorted({OUT_OF_LIMITS, BROKEN} & set(spec.ends)):
            self.problem(("ends", end), "name", f"'{end}' is an end that every world has")
        for key in ("title", "about", "opening"):
            self.words(getattr(spec, key), (key,), set(self.cast) if key == "opening" else None)

    def _check_arrivals(self) -> None:
        """Somebody can come: what ends before the clock starts leaves nobody."""
        arrivals, start = self.spec.arrivals, self.spec.clock.start
        if arrivals is None:
            return
        if arrivals.until is not None and clock_minutes(arrivals.until) < clock_minutes(start):
            self.problem(("arrivals", "until"), "arrivals", f"is before the clock's start, {start}")
        open_after = [r.to for r in arrivals.schedule or [] if r.per_hour and r.to > start]
        if arrivals.schedule is not None and not open_after:
            self.problem(("arrivals", "schedule"), "arrivals", f"is over before the clock's start, {start}")

    def _check_called(self) -> None:
        """No two agents have one id or one name: an answer that names it would not say whom it means."""
        mine: dict[str, str] = {}
        for role, agents in self.roles.items():
            for agent in agents:
                if agent in mine:
                    self.problem(("roles", role), "name", f"'{agent}' is also an agent of '{mine[agent]}'")
                mine[agent] = role
        for language in self.spec.languages:
            called: dict[str, str] = {}
            for agent, role in self.cast.items():
                if self.spec.roles[role].population:
                    continue  # each of its people is looked at when all are read
                name = label_of(self.agent_labels[agent], language)
                if name in called:
                    self.problem(("roles", role), "name", f"{called[name]} and {agent} are both called '{name}'")
                    return
                called[name] = agent

    def _check_unique(self) -> None:
        """Facts, derived values, tables and roles share one space of names, which words may not enter."""
        spec = self.spec
        taken = {
            **dict.fromkeys(RESERVED, "part of the language"),
            **dict.fromkeys(FUNCTIONS, "a function"),
        }
        agents = {a for a in self.cast if a not in spec.roles}
        for section in ("facts", "derived", "tables", "roles", "groups", "agents"):
            for name in sorted(agents) if section == "agents" else getattr(spec, section):
                if name in taken:
                    self.problem((section, name), "name", f"the name '{name}' is {taken[name]}")
                taken[name] = f"already used in {section}"
        for word in sorted(
            (self.vocabulary.words - self.known("roles") - set(self.cast))
            & (set(spec.facts) | set(spec.derived) | set(spec.tables))
        ):
            for section in ("facts", "derived", "tables"):
                if word in getattr(spec, section):
                    self.problem((section, word), "name", f"the name '{word}' is also a choice or a state")
