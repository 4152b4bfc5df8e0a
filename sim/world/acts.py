"""The acts of a world: actions, ballots and tools, with their conditions, effects, and who may know what."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from rule_engine import DataType

from sim.errors import did_you_mean
from sim.world.circles import Circle
from sim.world.declarations import Declarations
from sim.world.expressions import Compiled
from sim.world.fields import ActionField, TypedField
from sim.world.format import Action, Ballot, Tool
from sim.world.kinds import Kind
from sim.world.source import KeyPath
from sim.world.templates import TemplateError, attributes_in
from sim.world.vocabulary import AGENTS, Vocabulary, record_type, type_of
from sim.world.world import ActionDef, BallotDef, EffectDef, FieldDef, NeedDef, StateDef, ToolDef

RESULT = {
    "winner": DataType.STRING,
    "count": DataType.FLOAT,
    "cast": DataType.FLOAT,
    "missing": DataType.FLOAT,
    "tied": AGENTS,
}
"""What the effects of a ballot may read as ``result.NAME``."""


def _is_bounded(field: FieldDef) -> bool:
    return field.kind.name == "choice" and field.one_of is None


def _wanted(kind: Kind) -> Any:
    """The type of a value that a kind takes; words may be emptied."""
    kind_type = type_of(kind)
    return DataType.NULLABLE(kind_type) if kind.name in {"text", "choice"} else kind_type


class Acts(Declarations):
    """Compiles what agents can do."""

    actions: dict[str, ActionDef]
    tools: dict[str, ToolDef]
    states: dict[str, StateDef]

    def _fields(self, given: Mapping[str, ActionField], path: KeyPath) -> dict[str, FieldDef] | None:
        """The fields of an act or a tool; None where one of them is broken."""
        kinds = {f: self.kind(spec, (*path, "fields", f)) for f, spec in given.items()}
        fields: dict[str, FieldDef] = {}
        for name, kind in kinds.items():
            if kind is None:
                continue
            spec, here = given[name], (*path, "fields", name)
            self.words(spec.label, (*here, "label"))
            one_of = None
            if spec.one_of is not None:
                one_of = self.compile(spec.one_of, (*here, "one_of"), AGENTS, self.own)
            fields[name] = FieldDef(name, kind, spec.label, self._table_of(spec), one_of)
        return fields if len(fields) == len(kinds) else None

    def _act(self, fields: Mapping[str, FieldDef], vocabulary: Vocabulary) -> Vocabulary:
        """The vocabulary of an act's conditions: its fields as ``act.FIELD``."""
        act = record_type("act", {n: type_of(f.kind) for n, f in fields.items()})
        options = {f"act.{n}": frozenset(f.kind.options) for n, f in fields.items() if _is_bounded(f)}
        return vocabulary.extended(records={"act": act}, options=options)

    def _action(self, name: str, action: Action) -> ActionDef | None:
        path: KeyPath = ("actions", name)
        if name == "say":
            self.problem(path, "name", "'say' is what an answer's words are called; name the action otherwise")
        by = self.known_circle(action.by, (*path, "by"))
        fields = self._fields(action.fields, path)
        if fields is None:
            return None
        inner = self._act(fields, self.own)
        self.words(action.label, (*path, "label"))
        self.words(action.about, (*path, "about"), self.template_names(by))
        needs = []
        for i, need in enumerate(action.needs):
            self.words(need.why, (*path, "needs", i, "why"), self.template_names(by) | {"act"})
            for text in need.why.values():
                self._check_act(text, fields, (*path, "needs", i, "why"))
            needs.append(NeedDef(self.compile(need.that, (*path, "needs", i), DataType.BOOLEAN, inner), need.why))
        fallback: dict[str, Compiled] | None = None
        if action.fallback is not None:
            fallback = self._fallback(action.fallback, fields, path)
        when = self.compile(action.when, (*path, "when"), DataType.BOOLEAN, self.own)
        due = self.compile(action.due, (*path, "due"), DataType.BOOLEAN, self.own)
        for key, compiled in (("when", when), ("due", due), *(("needs", need.that) for need in needs)):
            self.seen_by(by, compiled, (*path, key))
        self._offered(by, fields, path)
        sets = self._effects(action.sets, (*path, "sets"), inner)
        return ActionDef(name, by, action.label, action.about, when, due, fields, tuple(needs), sets, fallback)

    def _offered(self, by: Circle, fields: Mapping[str, FieldDef], path: KeyPath) -> None:
        """Note options that would tell the actor what it does not know."""
        for field in fields.values():
            if field.one_of is not None:
                self.seen_by(by, field.one_of, (*path, "fields", field.name, "one_of"))

    def _ballot(self, name: str, ballot: Ballot) -> ActionDef:
        path: KeyPath = ("ballots", name)
        voters = self.known_circle(ballot.voters, (*path, "voters"))
        self.words(ballot.label, (*path, "label"))
        self.words(ballot.about, (*path, "about"), self.template_names(voters))
        on = self.compile(ballot.on, (*path, "on"), AGENTS, self.own)
        self.seen_by(voters, on, (*path, "on"))
        for rule in ballot.tie:
            fact = self.facts.get(rule)
            rules = {"revote", "lot", "nobody", *self.cast}
            if fact is not None and fact.kind.name == "choice" and fact.of is None:
                self._tie_fact(rule, fact.kind, path)
            elif rule not in rules:
                hint = did_you_mean(rule, rules)
                self.problem((*path, "tie"), "tie", f"'{rule}' is no rule, no agent and no choice fact{hint}")
        result = record_type("result", RESULT)
        sets = self._effects(ballot.sets, (*path, "sets"), self.vocabulary.extended(records={"result": result}))
        when, due = (self.compile(text, path) for text in ("true", "false" if ballot.abstain else "true"))
        field = FieldDef("choice", Kind("choice", options=self.agent_labels), {}, None, on)
        count = BallotDef(
            name,
            voters,
            on,
            ballot.secret,
            ballot.majority == "absolute",
            ballot.quorum,
            tuple(ballot.tie),
            ballot.abstain,
            sets,
        )
        return ActionDef(name, voters, ballot.label, ballot.about, when, due, {"choice": field}, ballot=count)

    def _tie_fact(self, name: str, kind: Kind, path: KeyPath) -> None:
        for option in sorted(set(kind.options) - {"revote", "lot", "nobody"}):
            self.problem((*path, "tie"), "tie", f"'{name}' may be '{option}', which is no rule for a tie")

    def _tool(self, name: str, tool: Tool) -> ToolDef | None:
        path: KeyPath = ("tools", name)
        by = self.known_circle(tool.by, (*path, "by"))
        fields = self._fields(tool.fields, path)
        self.words(tool.about, (*path, "about"), self.template_names(by))
        if fields is None:
            return None
        when = self.seen_by(by, self.compile(tool.when, (*path, "when"), DataType.BOOLEAN, self.own), path)
        self._offered(by, fields, path)
        gives = None
        if tool.gives is not None:
            gives = self.compile(tool.gives, (*path, "gives"), None, self._act(fields, self.own))
            self.seen_by(by, gives, (*path, "gives"))
        return ToolDef(name, by, tool.about, when, fields, gives, tool.rule)

    def _check_act(self, text: str, fields: Mapping[str, FieldDef], path: KeyPath) -> None:
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

    def _fallback(
        self, given: Mapping[str, str], fields: dict[str, FieldDef], path: KeyPath
    ) -> dict[str, Compiled]:
        for missing in sorted(set(fields) - set(given)):
            self.problem((*path, "fallback"), "fallback", f"lacks the field '{missing}'")
        compiled = {}
        for name, text in given.items():
            here = (*path, "fallback", name)
            if name not in fields:
                self.problem(here, "unknown-field", f"unknown field '{name}'{did_you_mean(name, fields)}")
                continue
            kind = fields[name].kind
            compiled[name] = self.compile(text, here, type_of(kind), self.own)
            self._check_word(text, compiled[name], kind, here)
        return compiled

    def _effects(
        self, sets: Mapping[str, str], path: KeyPath, vocabulary: Vocabulary | None = None
    ) -> tuple[EffectDef, ...]:
        """New values of facts: ``FACT``, ``FACT[EXPRESSION]`` or ``FACT[*]``."""
        words = vocabulary or self.vocabulary
        effects: list[EffectDef] = []
        for target, text in sets.items():
            here = (*path, target)
            name, bracket, index = target.partition("[")
            if bracket and (not index.endswith("]") or not index[:-1].strip()):
                self.problem(here, "effect", f"write '{name}[AGENT]' or '{name}[*]'")
                continue
            index = index.removesuffix("]").strip()
            if not self.check_name(name, "facts", here) or name not in self.kinds:
                continue
            if bool(bracket) != (self.facts[name].of is not None):
                said = "each agent has its own" if not bracket else "there is only one"
                self.problem(here, "effect", f"write '{name}{'[AGENT]' if not bracket else ''}': {said}")
                continue
            kind = self.kinds[name]
            value = self.compile(text, here, _wanted(kind), words)
            self._check_word(text, value, kind, here)
            at = None if index in {"", "*"} else self.compile(index, here, DataType.STRING, words)
            effects.append(EffectDef(name, value, at, index == "*"))
        return tuple(effects)

    def _check_word(self, text: str, value: Compiled, kind: Kind, path: KeyPath) -> None:
        """Note a word that is not among the options of a choice."""
        word = text.strip("'\" ")
        is_word = value.text == text and not value.reads and word not in {*kind.options, "null"}
        if kind.name == "choice" and is_word:
            self.problem(
                path, "expression", f"'{word}' is no value of '{path[-1]}'{did_you_mean(word, kind.options)}"
            )

    def template_names(self, circle: Circle, *, is_own: bool = True) -> set[str]:
        """What a template for some agents may use: the cast, and what all of them know."""
        names = {*self.cast} | ({"me"} if is_own else set())
        if not self.everyone(circle):
            return names
        for fact in self.facts.values():
            is_ones = fact.of is not None and self.everyone(circle) <= set(fact.of)
            knows = fact.known_to.covers(circle, self.universe)
            if (knows and fact.of is None) or (is_own and is_ones and (knows or fact.known_to.own)):
                names.add(fact.name)
        groups = {n for n, g in self.groups.items() if g.known_to.covers(circle, self.universe)}
        return names | groups | set(self.fixed)

    def known_circle(self, names: list[str], path: KeyPath) -> Circle:
        """Those meant by names, where what they are told or may do differs; a problem if that gives a secret away.

        The members of a group must know it, or be able to work out for themselves whether they belong to it.
        """
        circle = self.circle(names, path)
        for name in sorted(circle.groups):
            group = self.groups[name]
            if group.known_to.covers(Circle(groups=frozenset({name})), self.universe):
                continue
            if any(
                not self._knows_enough(read, group.where, Circle(self.universe[name])) for read in group.where.reads
            ):
                self.problem(path, "not-known", f"who is in '{name}' is not known to its own members")
        return circle

    def _knows_enough(self, name: str, compiled: Compiled, circle: Circle) -> bool:
        """Whether all of some agents know what a condition reads; of what each has, its own is enough."""
        fact = self.facts.get(name)
        is_own = fact is not None and fact.known_to.own and name not in compiled.reads_of_others
        return is_own or self.is_known(name, circle)

    def is_known(self, name: str, circle: Circle) -> bool:
        """Whether all of some agents know what an expression reads by a name."""
        fact, group = self.facts.get(name), self.groups.get(name)
        if name in {"done", "speaker"}:
            return False
        known = fact.known_to if fact is not None else group.known_to if group is not None else None
        return known is None or known.covers(circle, self.universe)

    def seen_by(self, circle: Circle, compiled: Compiled, path: KeyPath, known: Set[str] = frozenset()) -> Compiled:
        """Note what some agents would have to peep at, or would learn by what they can do, but for ``known``."""
        if not self.everyone(circle):
            return compiled
        for name in sorted(compiled.reads - known):
            parts = [Circle(groups=frozenset({g})) for g in sorted(circle.groups)]
            parts += [Circle(frozenset({a})) for a in self.cast if a in circle.agents]
            blind = [min(p.agents | p.groups) for p in parts if not self._knows_enough(name, compiled, p)]
            if blind:
                why = self.known_by.why_not(name, blind)
                self.problem(path, "not-known", f"'{name}' is not known to '{', '.join(blind)}'{why}")
        return compiled
