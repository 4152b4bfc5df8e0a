"""The lines of the scripted model, compiled: what is said and done, when, and how it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rule_engine import DataType

from sim.errors import did_you_mean
from sim.world.acts import Acts
from sim.world.circles import Circle
from sim.world.expressions import Compiled
from sim.world.format import Move
from sim.world.kinds import Kind, Value
from sim.world.source import KeyPath
from sim.world.vocabulary import FUNCTIONS, RESERVED, Vocabulary, type_of
from sim.world.world import MoveDef, Pick, PickFrom, Policy

FROM_LOG = "log"
"""What a world is called that comes from a log, which keeps the lines of the run's language alone."""

_SHAPE = "must be an expression, {pick: [a, b]}, {pick: {a: weight, b: weight}}, or {pick: LIST, by: WEIGHT}"


class Lines:
    """Compiles the lines of a world; ``compiled`` has, by state, who may take which moves."""

    def __init__(self, world: Acts) -> None:
        self._world = world
        self.compiled: dict[str, tuple[tuple[str, Circle, tuple[MoveDef, ...]], ...]] = {}
        for state, keys in world.spec.lines.items():
            if not world.check_name(state, "states", ("lines", state)):
                continue
            found = []
            for key, moves in keys.items():
                path: KeyPath = ("lines", state, key)
                circle = world.known_circle([key], path)
                if world.everyone(circle):
                    compiled = tuple(self._move(m, circle, (*path, i)) for i, m in enumerate(moves))
                    found.append((key, circle, compiled))
            self.compiled[state] = tuple(found)

    def _move(self, move: Move, circle: Circle, path: KeyPath) -> MoveDef:
        world = self._world
        words = world.own
        let: dict[str, Policy] = {}
        for name, given in move.let.items():
            here = (*path, "let", name)
            if name in {
                *(RESERVED - {"act", "result"}),
                *FUNCTIONS,
                *world.spec.facts,
                *world.spec.derived,
                *world.spec.tables,
                *world.cast,
                *world.spec.groups,
            }:
                world.problem(here, "name", f"the name '{name}' is already taken")
                continue
            let[name], kind = self._let(given, circle, words, here)
            words = words.extended({name: kind})
        self._say(move, world.template_names(circle) | set(let), path)
        acts = {a: self._policies(a, given, circle, words, (*path, "do", a)) for a, given in move.do.items()}
        self._check_open(acts, circle, path)
        when = world.compile(move.when, (*path, "when"), DataType.BOOLEAN, world.own)
        return MoveDef(self._seen_by(circle, when, path), move, let, acts)

    def _say(self, move: Move, names: set[str], path: KeyPath) -> None:
        world = self._world
        for language, texts in move.say.items():
            if language != "*" and language not in world.spec.languages:
                world.problem((*path, "say", language), "language", f"'{language}' is not in languages")
            for i, text in enumerate(texts):
                world.template(text, (*path, "say", language, i), names)
        is_silent = world.spec.states[str(path[1])].silent or set(move.do) & set(world.spec.tools)
        for language in world.spec.languages if world.source.name != FROM_LOG else ():
            if not is_silent and not move.say.get(language) and not move.say.get("*"):
                world.problem((*path, "say"), "missing-language", f"has no line for '{language}'")

    def _check_open(self, acts: Mapping[str, Any], circle: Circle, path: KeyPath) -> None:
        world, state = self._world, str(path[1])
        for name in acts:
            action = world.actions.get(name) or world.tools.get(name)
            if action is None:
                continue
            who = path[2]
            opened = world.spec.states[state].actions
            if not set(opened) <= {*world.known("actions"), *world.known("ballots"), *world.known("tools")}:
                continue  # it may be what was meant by a name that is not known
            if name not in opened:
                world.problem((*path, "do", name), "not-open", f"'{state}' does not open '{name}'")
            elif world.everyone(action.by) and world.everyone(action.by).isdisjoint(world.everyone(circle)):
                world.problem((*path, "do", name), "not-open", f"'{who}' may not '{name}'")

    def _seen_by(self, circle: Circle, compiled: Compiled, path: KeyPath) -> Compiled:
        """Note what scripted players would peep at; who spoke last in the state is no secret if they heard it."""
        state = self._world.states[str(path[1])]
        hears = state.heard_by.covers(state.speakers, self._world.universe)
        return self._world.seen_by(circle, compiled, path, {"speaker"} if hears else set())

    def _policies(
        self, action: str, given: Mapping[str, Any], circle: Circle, words: Vocabulary, path: KeyPath
    ) -> dict[str, Policy]:
        world = self._world
        others = (*world.known("ballots"), *world.known("tools"))
        if not world.check_name(action, "actions", path, others):
            return {}
        found = world.actions.get(action) or world.tools.get(action)
        if found is None:
            return {}  # what is wrong with it is told where it stands
        fields = found.fields
        policy: dict[str, Policy] = {}
        for name, value in given.items():
            here = (*path, name)
            if name not in fields:
                world.problem(here, "unknown-field", f"unknown field '{name}'{did_you_mean(name, fields)}")
            else:
                policy[name] = self._policy(value, fields[name].kind, circle, words, here)
        for missing in sorted(set(fields) - set(given)):
            world.problem(path, "missing-field", f"lacks the field '{missing}'")
        return policy

    def _policy(self, value: Any, kind: Kind, circle: Circle, words: Vocabulary, path: KeyPath) -> Policy:
        if isinstance(value, dict):
            return self._pick(value, kind, circle, words, path)[0]
        if isinstance(value, list):
            return self._read(value, kind, path)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if kind.name == "choice" and text.isidentifier() and text not in {*kind.options, *words.names(), "null"}:
            self._world.problem(path, "value", f"'{text}' is none of the choices{did_you_mean(text, kind.options)}")
            return kind.empty
        compiled = self._world.compile(text, path, type_of(kind), words)
        return self._seen_by(circle, compiled, path)

    def _let(self, given: Any, circle: Circle, words: Vocabulary, path: KeyPath) -> tuple[Policy, Any]:
        if isinstance(given, dict):
            return self._pick(given, None, circle, words, path)
        text = str(given).lower() if isinstance(given, bool) else str(given)
        compiled = self._seen_by(circle, self._world.compile(text, path, None, words), path)
        return compiled, compiled.type

    def _pick(
        self, given: dict[str, Any], kind: Kind | None, circle: Circle, words: Vocabulary, path: KeyPath
    ) -> tuple[Policy, Any]:
        """A pick by the seed and the type of what is picked; without a kind, words and numbers may be picked."""
        options = given.get("pick")
        if isinstance(options, str) and set(given) <= {"pick", "by"}:
            return self._pick_from(options, given.get("by"), circle, words, path)
        if set(given) != {"pick"} or not isinstance(options, list | dict) or not options:
            self._world.problem(path, "pick", _SHAPE)
            return Pick(()), DataType.UNDEFINED
        weighted = options.items() if isinstance(options, dict) else [(o, 1) for o in options]
        first = next(iter(options))
        kind = kind or Kind("number" if isinstance(first, int | float) else "text")
        picks = []
        for i, (option, weight) in enumerate(weighted):
            here = (*path, "pick", option if isinstance(options, dict) else i)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
                self._world.problem(here, "pick", "a weight must be a number above zero")
                continue
            picks.append((self._read(option, kind, here), float(weight)))
        return Pick(tuple(picks)), type_of(kind)

    def _pick_from(
        self, options: str, by: Any, circle: Circle, words: Vocabulary, path: KeyPath
    ) -> tuple[Policy, Any]:
        world = self._world
        chosen = world.compile(options, (*path, "pick"), DataType.ARRAY(DataType.UNDEFINED), words)
        self._seen_by(circle, chosen, path)
        item = getattr(chosen.type, "value_type", DataType.STRING)
        weight = None
        if by is not None:
            weight = world.compile(str(by), (*path, "by"), DataType.FLOAT, words.extended({"it": item}))
            self._seen_by(circle, weight, path)
        return PickFrom(chosen, weight), item

    def _read(self, given: Any, kind: Kind, path: KeyPath) -> Value:
        try:
            return kind.read(given)
        except ValueError as error:
            self._world.problem(path, "value", str(error))
            return kind.empty
