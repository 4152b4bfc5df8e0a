"""The tables of a world file, and the kinds of its facts and of the fields of its actions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sim.errors import did_you_mean, listed
from sim.world.cast import Cast
from sim.world.fields import ActionField, TypedField
from sim.world.format import Persona, WorldFile
from sim.world.kinds import MAX_ITEMS, Kind, Value
from sim.world.rows import Row
from sim.world.source import KeyPath, Source


class Tables(Cast):
    """What values there can be; ``problems`` of the source grows as it is read."""

    def __init__(
        self,
        spec: WorldFile,
        source: Source,
        broken: Mapping[str, frozenset[str]],
        personas: Mapping[str, Persona | None],
    ) -> None:
        super().__init__(spec, source, broken, personas)
        self.constants = self._tables()
        self.kinds = self._kinds()

    def words(self, texts: Mapping[str, str], path: KeyPath) -> None:
        """Check the languages of a text."""
        for language in texts:
            if language != "*" and language not in self.spec.languages:
                hint = did_you_mean(language, self.spec.languages)
                self.problem((*path, language), "language", f"'{language}' is not in languages{hint}")
        if texts and "*" not in texts:
            for language in self.spec.languages:
                if language not in texts:
                    self.problem(path, "missing-language", f"has no text for '{language}'")

    def _tables(self) -> dict[str, dict[str, Row]]:
        tables: dict[str, dict[str, Row]] = {}
        for table, rows in self.spec.tables.items():
            columns: list[str] | None = None
            tables[table] = {}
            for row, cells in rows.items():
                path: KeyPath = ("tables", table, row)
                values = {k: v for k, v in cells.items() if k != "label"}
                if columns is not None and sorted(values) != columns:
                    self.problem(
                        path,
                        "table",
                        f"has the columns {listed(sorted(values))}, but the first row has {listed(columns)}",
                    )
                    continue
                columns = sorted(values)
                if any(isinstance(v, dict | list) or v is None for v in values.values()):
                    self.problem(path, "table", "a cell must be a number, a word, or true or false")
                    continue
                self._check_label(cells.get("label", ""), (*path, "label"))
                tables[table][row] = Row({k: _cell(v) for k, v in values.items()})
            self._column_types(table, tables[table])
        return tables

    def _check_label(self, label: Any, path: KeyPath) -> None:
        given = label if isinstance(label, dict) else {"*": label}
        if any(not isinstance(text, str) for text in given.values()):
            self.problem(path, "table", "a label must be text, or text by language")
        elif isinstance(label, dict):
            self.words(label, path)

    def _column_types(self, table: str, rows: dict[str, Row]) -> None:
        first = next(iter(rows.values()), None)
        for name, row in rows.items():
            for column in self._columns(table):
                if first and type(row.cells[column]) is not type(first.cells[column]):
                    message = f"'{column}' is not of the same kind as in the first row"
                    self.problem(("tables", table, name, column), "table", message)

    def _columns(self, table: str) -> list[str]:
        first = next(iter(self.spec.tables.get(table, {}).values()), {})
        return [k for k in first if k != "label"]

    def _kinds(self) -> dict[str, Kind]:
        kinds = {}
        for name, fact in self.spec.facts.items():
            kind = self.kind(fact, ("facts", name))
            if kind is not None:
                kinds[name] = kind
        return kinds

    def kind(self, field: TypedField, path: KeyPath) -> Kind | None:
        """The kind of a fact or a field, or None where it cannot be made."""
        if isinstance(field, ActionField) and field.one_of is not None:
            return Kind("choice", options=self.agent_labels)
        if isinstance(field, ActionField) and field.of is not None:
            if not self.check_name(field.of, "facts", (*path, "of")):
                return None
            return self.kinds.get(field.of)
        low = None if field.from_ is None else Decimal(str(field.from_))
        high = None if field.to is None else Decimal(str(field.to))
        self._check_bounds(field, path)
        if field.flag is not None:
            return Kind("flag")
        if field.number is not None:
            return Kind("number", field.number, low=low, high=high, is_whole=field.whole)
        if field.money is not None:
            return Kind("money", field.money, low=low, high=high)
        if field.text is not None:
            return Kind("text", high=Decimal(field.text))
        if field.choice is not None:
            options = self._options(field.choice.table, field.choice.ids, (*path, "choice"))
            return None if options is None else Kind("choice", options=options)
        return self._list_kind(field, path)

    def _check_bounds(self, field: TypedField, path: KeyPath) -> None:
        for least, most in (("at_least", "at_most"), ("from", "to")):
            low = getattr(field, {"from": "from_"}.get(least, least))
            high = getattr(field, most)
            if low is not None and high is not None and low > high:
                self.problem(path, "range", f"'{least}' ({low:g}) is greater than '{most}' ({high:g})")

    def _list_kind(self, field: TypedField, path: KeyPath) -> Kind | None:
        if field.list_ is None:
            return None
        if field.list_.word:
            item = Kind(field.list_.word)
        else:
            options = self._options(field.list_.table, field.list_.ids, (*path, "list"))
            if options is None:
                return None
            item = Kind("choice", options=options)
        return Kind("list", item=item, low=Decimal(field.at_least or 0), high=Decimal(field.at_most or MAX_ITEMS))

    def _options(
        self, table: str | None, ids: Mapping[str, Mapping[str, str]], path: KeyPath
    ) -> dict[str, Mapping[str, str]] | None:
        if table is None:
            if not ids:
                self.problem(path, "empty", "must not be empty")
                return None
            for option, label in ids.items():
                self.words(label, (*path, option))
            return dict(ids)
        agents = self.fixed_agents(table)
        if agents is not None:
            return {a: self.agent_labels[a] for a in agents}
        known = {*self.known("tables"), *self.known("roles"), *self.known("groups")}
        if table in self.universe:
            self.problem(path, "unknown-table", f"'{table}' changes during a run; name a role or a fixed group")
            return None
        if table not in known:
            what = "unknown table, role or group"
            self.problem(path, "unknown-table", f"{what} '{table}'{did_you_mean(table, known)}")
        if table not in self.spec.tables:
            return None
        labels: dict[str, Mapping[str, str]] = {}
        for row, cells in self.spec.tables[table].items():
            label = cells.get("label", {})
            labels[row] = {"*": label} if isinstance(label, str) else label
        return labels


def _cell(value: Any) -> Value:
    return value if isinstance(value, bool | str) else Decimal(str(value))
