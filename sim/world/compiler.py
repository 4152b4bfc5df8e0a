"""From a validated world file to a :class:`~sim.world.world.World`: names resolved, expressions compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rule_engine import DataType

from sim.errors import did_you_mean
from sim.world import expressions
from sim.world.declarations import COUNTERS, Declarations
from sim.world.expressions import Compiled, Vocabulary
from sim.world.format import Action, ActionField, State, Transition, TypedField, WorldFile
from sim.world.kinds import Kind, Value
from sim.world.source import KeyPath, Source
from sim.world.templates import TemplateError, attributes_in
from sim.world.world import (
    BROKEN,
    OUT_OF_LIMITS,
    ActionDef,
    MoveDef,
    NeedDef,
    Pick,
    Policy,
    StateDef,
    TransitionDef,
)

RESERVED = {
    *COUNTERS,
    "state",
    "speaker",
    "done",
    "act",
    "me",
    "true",
    "false",
    "null",
    "and",
    "or",
    "not",
    "in",
    "for",
    "if",
}


class Compiler(Declarations):
    """Compiles one world file."""

    def __init__(self, spec: WorldFile, source: Source, broken: Mapping[str, frozenset[str]]) -> None:
        super().__init__(spec, source, broken)
        self.actions = {n: a for n, a in ((n, self._action(n, a)) for n, a in spec.actions.items()) if a}
        self.states = {n: self._state(n, s) for n, s in spec.states.items()}
        self.lines = self._lines()
        self.never = self._conditions(spec.never, ("never",))
        self.at_end = self._at_end()
        self._names()

    def _action(self, name: str, action: Action) -> ActionDef | None:
        path: KeyPath = ("actions", name)
        fields = {f: self.kind(spec, (*path, "fields", f)) for f, spec in action.fields.items()}
        sound = {f: k for f, k in fields.items() if k is not None}
        if name == "say":
            self.problem(path, "name", "'say' is what an answer's words are called; name the action otherwise")
        act = expressions.record_type("act", {f: expressions.type_of(k) for f, k in sound.items()})
        options = {f"act.{f}": frozenset(k.options) for f, k in sound.items() if k.name == "choice"}
        inner = self.vocabulary.extended(records={"act": act}, options=options)
        if len(sound) < len(fields):
            return None
        self.words(action.label, (*path, "label"))
        self.words(action.about, (*path, "about"), self._template_names(action.by))
        needs = []
        for i, need in enumerate(action.needs):
            self.words(need.why, (*path, "needs", i, "why"), self._template_names(action.by) | {"act"})
            for text in need.why.values():
                self._check_act(text, sound, (*path, "needs", i, "why"))
            that = self.compile(need.that, (*path, "needs", i), DataType.BOOLEAN, inner)
            needs.append(NeedDef(that, need.why))
        fallback: dict[str, Compiled] | None = None
        if action.fallback is not None:
            fallback = self._fallback(action.fallback, sound, path)
        when = self.compile(action.when, (*path, "when"), DataType.BOOLEAN)
        due = self.compile(action.due, (*path, "due"), DataType.BOOLEAN)
        for key, compiled in (("when", when), ("due", due), *(("needs", need.that) for need in needs)):
            for role in action.by:
                self._seen_by(role, compiled, (*path, key))
        return ActionDef(
            name,
            frozenset(r for r in action.by if self.check_name(r, "roles", (*path, "by"))),
            action.label,
            action.about,
            when,
            due,
            sound,
            {f: spec.label for f, spec in action.fields.items()},
            {f: t for f, spec in action.fields.items() if (t := self._table_of(spec)) is not None},
            tuple(needs),
            self._sets(action.sets, (*path, "sets"), inner),
            fallback,
        )

    def _check_act(self, text: str, fields: Mapping[str, Kind], path: KeyPath) -> None:
        """Note a field in ``{{ act.FIELD }}`` that the act does not have."""
        try:
            used = attributes_in(text, "act")
        except TemplateError:
            return
        for name in sorted(used - set(fields)):
            self.problem(path, "template", f"unknown name 'act.{name}' in a template{did_you_mean(name, fields)}")

    def _table_of(self, field: TypedField) -> str | None:
        if isinstance(field, ActionField) and field.of is not None:
            return self._table_of(self.spec.facts[field.of])
        options = field.choice or field.list_
        return options.table if options else None

    def _fallback(self, given: Mapping[str, str], fields: dict[str, Kind], path: KeyPath) -> dict[str, Compiled]:
        for missing in sorted(set(fields) - set(given)):
            self.problem((*path, "fallback"), "fallback", f"lacks the field '{missing}'")
        compiled = {}
        for name, text in given.items():
            here = (*path, "fallback", name)
            if name not in fields:
                self.problem(here, "unknown-field", f"unknown field '{name}'{did_you_mean(name, fields)}")
                continue
            compiled[name] = self.compile(text, here, expressions.type_of(fields[name]))
            self._check_word(text, compiled[name], fields[name], here)
        return compiled

    def _sets(
        self, sets: Mapping[str, str], path: KeyPath, vocabulary: Vocabulary | None = None
    ) -> dict[str, Compiled]:
        compiled = {}
        for name, text in sets.items():
            here = (*path, name)
            if not self.check_name(name, "facts", here) or name not in self.kinds:
                continue
            kind = self.kinds[name]
            value = self.compile(text, here, expressions.type_of(kind), vocabulary)
            self._check_word(text, value, kind, here)
            compiled[name] = value
        return compiled

    def _check_word(self, text: str, value: Compiled, kind: Kind, path: KeyPath) -> None:
        """Note a word that is not among the options of a choice."""
        word = text.strip("'\" ")
        if kind.name == "choice" and value.text == text and not value.reads and word not in kind.options:
            self.problem(
                path, "expression", f"'{word}' is no value of '{path[-1]}'{did_you_mean(word, kind.options)}"
            )

    def _template_names(self, roles: list[str] | tuple[str, ...]) -> set[str]:
        shared = [{f.name for f in self.facts.values() if r in f.known_to} for r in roles if r in self.spec.roles]
        return (set.intersection(*shared) if shared else set()) | set(self.spec.roles) | {"me"}

    def _state(self, name: str, state: State) -> StateDef:
        path: KeyPath = ("states", name)
        self.words(state.label, (*path, "label"))
        speakers = tuple(r for r in state.speakers if self.check_name(r, "roles", (*path, "speakers")))
        for role, text in state.tell.items():
            here = (*path, "tell", role)
            if role == "*":
                self.words(text, here, self._template_names(speakers))
            elif self.check_name(role, "roles", here):
                if role not in speakers:
                    self.problem(here, "tell", f"'{role}' does not speak in this state")
                self.words(text, here, self._template_names([role]))
        actions = tuple(a for a in state.actions if self.check_name(a, "actions", (*path, "actions")))
        for action in actions:
            by = [r for r in self.spec.actions[action].by if r in self.spec.roles]
            if by and not set(by) & set(state.speakers):
                message = f"nobody who speaks here may '{action}' (it is by {', '.join(by)})"
                self.problem((*path, "actions"), "no-actor", message)
        go = tuple(self._transition(t, (*path, "go", i)) for i, t in enumerate(state.go))
        return StateDef(
            name,
            state.label,
            speakers,
            state.order,
            state.tell,
            actions,
            self._heard_by(state, path),
            state.context or self.spec.context,
            state.turn or self.spec.turn,
            go,
        )

    def _heard_by(self, state: State, path: KeyPath) -> frozenset[str] | None:
        if state.heard_by == ["speakers"]:
            return frozenset(state.speakers)
        if state.heard_by == ["all"]:
            return frozenset(self.spec.roles)
        if state.heard_by == ["self"]:
            return None
        return frozenset(r for r in state.heard_by if self.check_name(r, "roles", (*path, "heard_by")))

    def _transition(self, transition: Transition, path: KeyPath) -> TransitionDef:
        both = {**dict.fromkeys(self.known("states")), **dict.fromkeys(self.known("ends"))}
        if transition.to not in both:
            message = f"unknown state or end '{transition.to}'{did_you_mean(transition.to, both)}"
            self.problem(path, "unknown-state", message)
        after = transition.after
        return TransitionDef(
            transition.to,
            self.compile(transition.when, path, DataType.BOOLEAN),
            after.turns if after else None,
            after.minutes if after else None,
            self._sets(transition.sets, (*path, "sets")),
        )

    def _conditions(self, given: Mapping[str, str], path: KeyPath) -> dict[str, Compiled]:
        return {n: self.compile(text, (*path, n), DataType.BOOLEAN) for n, text in given.items()}

    def _at_end(self) -> dict[str, dict[str, Compiled]]:
        result = {}
        for outcome, conditions in self.spec.at_end.items():
            self.check_name(outcome, "ends", ("at_end", outcome), ("any", OUT_OF_LIMITS))
            result[outcome] = self._conditions(conditions, ("at_end", outcome))
        return result

    def _lines(self) -> dict[str, dict[str, tuple[MoveDef, ...]]]:
        lines: dict[str, dict[str, tuple[MoveDef, ...]]] = {}
        for state, roles in self.spec.lines.items():
            if not self.check_name(state, "states", ("lines", state)):
                continue
            lines[state] = {}
            for role, moves in roles.items():
                path: KeyPath = ("lines", state, role)
                if self.check_name(role, "roles", path):
                    lines[state][role] = tuple(self._move(m, role, (*path, i)) for i, m in enumerate(moves))
        return lines

    def _move(self, move: Any, role: str, path: KeyPath) -> MoveDef:
        names = self._template_names([role])
        for language, texts in move.say.items():
            if language != "*" and language not in self.spec.languages:
                self.problem((*path, "say", language), "language", f"'{language}' is not in languages")
            for i, text in enumerate(texts):
                self.template(text, (*path, "say", language, i), names)
        for language in self.spec.languages:
            if not move.say.get(language) and not move.say.get("*"):
                self.problem((*path, "say"), "missing-language", f"has no line for '{language}'")
        acts = {a: self._policy(a, given, role, (*path, "do", a)) for a, given in move.do.items()}
        for action in (a for a in acts if a in self.actions):
            offered = self.spec.states[str(path[1])].actions
            if action not in offered or role not in self.actions[action].by:
                why = (
                    f"'{path[1]}' does not open '{action}'"
                    if action not in offered
                    else f"'{role}' may not '{action}'"
                )
                self.problem((*path, "do", action), "not-open", why)
        return MoveDef(
            self._seen_by(role, self.compile(move.when, (*path, "when"), DataType.BOOLEAN), path), move, acts
        )

    def _seen_by(self, role: str, compiled: Compiled, path: KeyPath) -> Compiled:
        """Note a fact that a role would have to peep at, or would learn from what it can do."""
        for name in sorted(compiled.reads & set(self.facts)):
            if role in self.spec.roles and role not in self.facts[name].known_to:
                self.problem(path, "not-known", f"'{name}' is not known to '{role}'")
        return compiled

    def _policy(self, action: str, given: Mapping[str, Any], role: str, path: KeyPath) -> dict[str, Policy]:
        if not self.check_name(action, "actions", path):
            return {}
        fields = self.actions[action].fields if action in self.actions else {}
        policy: dict[str, Policy] = {}
        for name, value in given.items():
            here = (*path, name)
            if name not in fields:
                self.problem(here, "unknown-field", f"unknown field '{name}'{did_you_mean(name, fields)}")
            elif isinstance(value, dict):
                policy[name] = self._pick(value, fields[name], here)
            elif isinstance(value, list):
                policy[name] = self._read(value, fields[name], here)
            else:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                compiled = self.compile(text, here, expressions.type_of(fields[name]))
                policy[name] = self._seen_by(role, compiled, here)
        for missing in sorted(set(fields) - set(given)):
            self.problem(path, "missing-field", f"lacks the field '{missing}'")
        return policy

    def _pick(self, given: dict[str, Any], kind: Kind, path: KeyPath) -> Pick:
        options = given.get("pick")
        if set(given) != {"pick"} or not isinstance(options, list | dict) or not options:
            self.problem(
                path, "pick", "must be an expression, or {pick: [a, b]}, or {pick: {a: weight, b: weight}}"
            )
            return Pick(())
        weighted = options.items() if isinstance(options, dict) else [(o, 1) for o in options]
        picks = []
        for i, (option, weight) in enumerate(weighted):
            here = (*path, "pick", option if isinstance(options, dict) else i)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
                self.problem(here, "pick", "a weight must be a number above zero")
                continue
            picks.append((self._read(option, kind, here), float(weight)))
        return Pick(tuple(picks))

    def _read(self, given: Any, kind: Kind, path: KeyPath) -> Value:
        try:
            return kind.read(given)
        except ValueError as error:
            self.problem(path, "value", str(error))
            return kind.empty

    def _names(self) -> None:
        spec = self.spec
        self.check_name(spec.start, "states", ("start",))
        if spec.limits.ends is not None:
            self.check_name(spec.limits.ends, "ends", ("limits", "ends"))
        for state in sorted(set(spec.states) & set(spec.ends)):
            self.problem(("ends", state), "name", f"'{state}' is also a state")
        self._check_unique()
        for end in sorted({OUT_OF_LIMITS, BROKEN} & set(spec.ends)):
            self.problem(("ends", end), "name", f"'{end}' is an end that every world has")
        for key in ("title", "about", "opening"):
            self.words(getattr(spec, key), (key,), set(spec.roles) if key == "opening" else None)

    def _check_unique(self) -> None:
        """Facts, derived values, tables and roles share one space of names, which words may not enter."""
        spec = self.spec
        taken = {
            **dict.fromkeys(RESERVED, "part of the language"),
            **dict.fromkeys(expressions.FUNCTIONS, "a function"),
        }
        for section in ("facts", "derived", "tables", "roles"):
            for name in getattr(spec, section):
                if name in taken:
                    self.problem((section, name), "name", f"the name '{name}' is {taken[name]}")
                taken[name] = f"already used in {section}"
        for word in sorted(
            (self.vocabulary.words - self.known("roles")) & (set(spec.facts) | set(spec.derived) | set(spec.tables))
        ):
            for section in ("facts", "derived", "tables"):
                if word in getattr(spec, section):
                    self.problem((section, word), "name", f"the name '{word}' is also a choice or a state")
