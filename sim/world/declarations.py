"""The names of a world file: its facts, groups and derived values, and the vocabulary of its expressions.

Every problem is collected with its place; what is broken is left out and its name is remembered, so that one
mistake is reported once.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rule_engine import DataType

from sim.errors import brief, did_you_mean, half_width
from sim.world.circles import Circle
from sim.world.evaluation import COUNTERS
from sim.world.expression_checks import is_plain
from sim.world.expressions import Compiled, compiled
from sim.world.fields import Fact
from sim.world.format import Action, Persona, Tool, WorldFile
from sim.world.kinds import Kind, Value
from sim.world.knowing import Known
from sim.world.source import KeyPath, Source
from sim.world.tables import Tables
from sim.world.templates import TemplateError, has_names_alone, names_in, render
from sim.world.vocabulary import AGENTS, ExpressionError, Vocabulary, each_type, record_type, table_type, type_of
from sim.world.world import FactDef, GroupDef


class _Anything:
    """Stands for an act when a template is tried: each of its fields is the same word."""

    def __init__(self, word: str) -> None:
        self._word = word

    def __getattr__(self, name: str) -> str:
        return self._word


class Declarations(Tables):
    """What a world file declares; ``problems`` of the source grows as it is read."""

    def __init__(
        self,
        spec: WorldFile,
        source: Source,
        broken: Mapping[str, frozenset[str]],
        personas: Mapping[str, Persona | None],
    ) -> None:
        super().__init__(spec, source, broken, personas)
        self._own: tuple[Vocabulary, Vocabulary] | None = None
        self.vocabulary = self._vocabulary()
        self.facts = self._facts()
        self.groups = self._groups()
        self._derived()

    @property
    def own(self) -> Vocabulary:
        """The vocabulary of what concerns one agent, which is called ``me``."""
        if self._own is None or self._own[0] is not self.vocabulary:
            words = self.vocabulary.extended({"me": DataType.STRING}, options={"me": frozenset(self.cast)})
            self._own = (self.vocabulary, words)
        return self._own[1]

    @property
    def known_by(self) -> Known:
        """Who knows what, for messages."""
        told = {name for name, derived in self.spec.derived.items() if derived.known_to is not None}
        return Known(self.facts, self.groups, told, self.cast, self.universe)

    def compile(
        self, text: str, path: KeyPath, wanted: Any = None, vocabulary: Vocabulary | None = None
    ) -> Compiled:
        """Compile an expression; where it is wrong, note it and give one that is false."""
        try:
            return compiled(text, vocabulary or self.vocabulary, wanted)
        except ExpressionError as error:
            self.problem(path, "expression", str(error))
            return Compiled("false", Vocabulary({}))

    def template(self, text: str, path: KeyPath, names: set[str]) -> None:
        """Check that a template uses only names that it may."""
        wide = next((sign for sign in ("｛｛", "｝｝", "｛%", "｛％") if sign in text), None)
        if wide is not None:
            message = f"'{wide}' would be said as it stands; write '{half_width(wide)}' for the full-width signs"
            self.problem(path, "template", message)
            return
        try:
            used = names_in(text)
        except TemplateError as error:
            self.problem(path, "template", str(error))
            return
        if used <= names and not has_names_alone(text):
            self._try_template(text, path, names)
        for name in sorted(used - names):
            if name in self.known("facts") | self.known("derived"):
                if self.broken.get("roles") or name in {
                    *self.broken.get("facts", ()),
                    *self.broken.get("derived", ()),
                }:
                    continue  # who knows it is not known
                message = f"'{name}' is not known to the one who is shown this{self.known_by.why_not(name)}"
                self.problem(path, "not-known", message)
            else:
                self.problem(path, "template", f"unknown name '{name}' in a template{did_you_mean(name, names)}")

    def _try_template(self, text: str, path: KeyPath, names: set[str]) -> None:
        """Note a template that fails for words, as facts are shown: it compares or takes apart what it cannot."""
        for sample in ("", "12"):
            try:
                render(text, {**dict.fromkeys(names, sample), "act": _Anything(sample)})
            except TemplateError:
                rule = "facts are words here (to count, NAME | int)"
                message = f"'{brief(text)}' counts, compares or takes apart a word; {rule}"
                self.problem(path, "template", message)
                return

    def words(self, texts: Mapping[str, str], path: KeyPath, names: set[str] | None = None) -> None:
        """Check the languages of a text, and its templates if they may use ``names``."""
        super().words(texts, path)
        if names is not None:
            for language, text in texts.items():
                self.template(text, (*path, language), names)

    def _vocabulary(self) -> Vocabulary:
        types: dict[str, Any] = {
            n: type_of(k) if self.spec.facts[n].of is None else each_type(k) for n, k in self.kinds.items()
        }
        types |= dict.fromkeys(COUNTERS, DataType.FLOAT)
        types |= dict.fromkeys(self.several, AGENTS)
        types |= dict.fromkeys(self.universe, AGENTS)
        types |= {"state": DataType.STRING, "speaker": DataType.STRING}
        options = {n: frozenset(k.options) for n, k in self.kinds.items() if k.name == "choice"}
        options |= {n: frozenset(k.item.options) for n, k in self.kinds.items() if k.item and k.item.options}
        options["state"] = frozenset(self.known("states"))
        options["speaker"] = frozenset({*self.known("roles"), *self.cast} - set(self.several))
        words = {w for o in options.values() for w in o}
        words |= {row for table in self.constants.values() for row in table}
        words |= {
            v for t in self.constants.values() for r in t.values() for v in r.cells.values() if isinstance(v, str)
        }
        words |= self._field_words()
        records = {name: table_type(name, self._row_types(name)) for name in self.constants}
        done = dict.fromkeys([*self.spec.actions, *self.spec.ballots], DataType.FLOAT)
        records["done"] = record_type("done", done)
        unknown = frozenset(self.broken.get("facts", ())) | (self.known("facts") - set(self.kinds))
        unknown |= frozenset(self.broken.get("groups", ()))
        return Vocabulary(types, frozenset(words), records, options, unknown)

    @property
    def several(self) -> dict[str, tuple[str, ...]]:
        """The names that stand for a fixed list of agents: roles with a count, and fixed groups."""
        return {n: a for n, a in self.roles.items() if self.spec.roles[n].count is not None} | self.fixed

    def _field_words(self) -> set[str]:
        words: set[str] = set()
        acting: list[Action | Tool] = [*self.spec.actions.values(), *self.spec.tools.values()]
        for action in acting:
            for field in action.fields.values():
                for options in (field.choice, field.list_):
                    words |= set(options.ids) if options else set()
        return words

    def _row_types(self, table: str) -> dict[str, Any]:
        first = next(iter(self.constants[table].values()), None)
        types = {bool: DataType.BOOLEAN, Decimal: DataType.FLOAT, str: DataType.STRING}
        return {c: types[type(first.cells[c])] for c in self._columns(table)} if first else {}

    def _facts(self) -> dict[str, FactDef]:
        facts: dict[str, FactDef] = {}
        for name, kind in self.kinds.items():
            spec, path = self.spec.facts[name], ("facts", name)
            self.words(spec.label, (*path, "label"))
            of: tuple[str, ...] | None = None
            if spec.of is not None:
                of = self.fixed_agents(spec.of) or ()
                if not of and spec.of not in self.broken.get("roles", ()):
                    hint = did_you_mean(spec.of, [*self.roles, *self.fixed])
                    self.problem((*path, "of"), "unknown-role", f"unknown role or fixed group '{spec.of}'{hint}")
            start = self._start(name, spec, kind)
            deal = self._deal(spec.deal, kind, of or (), (*path, "deal"))
            knowers = self._knowers(spec.known_to, (*path, "known_to"))
            facts[name] = FactDef(name, kind, start, knowers, spec.label, None, of, deal, spec.shown, spec.shared)
        return facts

    def _deal(
        self, given: Mapping[str, int] | None, kind: Kind, of: tuple[str, ...], path: KeyPath
    ) -> tuple[Value, ...]:
        if given is None:
            return ()
        dealt: list[Value] = []
        for word, count in given.items():
            if word not in kind.options:
                hint = did_you_mean(word, kind.options)
                self.problem((*path, word), "deal", f"'{word}' is not one of the choices{hint}")
            if count < 0:
                self.problem((*path, word), "deal", "cannot be dealt less than no times")
            dealt += [word] * max(0, min(count, 99))
        if of and len(dealt) != len(of):
            self.problem(path, "deal", f"deals {len(dealt)} values over {len(of)} agents")
            return ()
        return tuple(dealt)

    def _groups(self) -> dict[str, GroupDef]:
        groups: dict[str, GroupDef] = {}
        for name, spec in self.spec.groups.items():
            path: KeyPath = ("groups", name)
            self.words(spec.label, (*path, "label"))
            if spec.where is None:
                continue
            where = self.compile(spec.where, (*path, "where"), DataType.BOOLEAN, self.own)
            if where.reads & (set(self.universe) - set(groups)):
                late = min(where.reads & (set(self.universe) - set(groups)))
                self.problem(path, "expression", f"'{late}' is defined later; a group may read those before it")
                where = Compiled("false", Vocabulary({}))
            known = self._common(where.reads, groups)
            if spec.known_to is not None:
                known = self._knowers(spec.known_to, (*path, "known_to"))
            of = tuple(a for a in self.cast if a in self.universe[name])
            groups[name] = GroupDef(name, where, of, known, spec.label, spec.shown)
        return groups

    def _common(self, reads: frozenset[str], groups: Mapping[str, GroupDef]) -> Circle:
        """Those who surely know all that an expression reads."""
        known = Circle(frozenset(self.cast))
        for name in sorted(reads):
            if name in self.facts:
                known = known.meet(self.facts[name].known_to, self.universe)
            elif name in groups:
                known = known.meet(groups[name].known_to, self.universe)
            elif name in {"done", "speaker"}:
                known = Circle()
        return known

    @property
    def labels(self) -> dict[str, Mapping[str, str]]:
        """What people read for a word: an agent, a choice, a row of a table."""
        labels: dict[str, Mapping[str, str]] = {}
        for rows in self.spec.tables.values():
            for row, cells in rows.items():
                label = cells.get("label", {})
                labels[row] = label if isinstance(label, dict) else {"*": str(label)}
        for kind in self.kinds.values():
            labels |= (kind.item or kind).options
        return {**labels, **self.agent_labels}

    def _derived(self) -> None:
        for name, derived in self.spec.derived.items():
            path: KeyPath = ("derived", name)
            self.words(derived.label, (*path, "label"))
            compute = self.compile(derived.is_, path)
            if not is_plain(compute.type):
                self.problem(
                    path, "expression", "is a table or a row; a derived value is a flag, number, word or list"
                )
            kind = _kind_of(compute.type, self.labels)
            known = self._common(compute.reads, self.groups)
            if derived.known_to is not None:
                known = self._knowers(derived.known_to, (*path, "known_to"))
            self.facts[name] = FactDef(name, kind, None, known, derived.label, compute, is_shown=derived.shown)
            self.vocabulary = self.vocabulary.extended({name: compute.type})

    def _start(self, name: str, spec: Fact, kind: Kind) -> Value:
        start = spec.flag if kind.name == "flag" else spec.start
        if start is None:
            if "start" in spec.model_fields_set and kind.empty is not None:
                empty = "0" if kind.name in {"number", "money"} else "false" if kind.name == "flag" else "[]"
                message = f"a {kind.name} is never null; write {empty}, or leave 'start' out"
                self.problem(("facts", name, "start"), "start", message)
            return kind.first
        try:
            return kind.read(start)
        except ValueError as error:
            self.problem(("facts", name, "start"), "start", str(error))
            return kind.empty

    def _knowers(self, names: list[str], path: KeyPath) -> Circle:
        return self.circle(names, path, ("all", "nobody", "self"))


def _kind_of(kind: Any, labels: Mapping[str, Mapping[str, str]]) -> Kind:
    """The kind of a derived value; words are shown by their labels."""
    if kind == DataType.BOOLEAN:
        return Kind("flag")
    if kind == DataType.FLOAT:
        return Kind("number")
    word = Kind("text", options=labels)
    return Kind("list", item=word) if DataType.is_type(kind, DataType.ARRAY) else word
