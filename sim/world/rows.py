"""Values that expressions read as one: rows of tables, acts, and facts that each agent has."""

from __future__ import annotations

from collections.abc import Mapping

from sim.world.kinds import Value


class Row:
    """A read-only bundle of named values, such as a table's row or an act, equal and hashed by its values."""

    __slots__ = ("_items",)

    _items: dict[str, Value]

    def __init__(self, items: Mapping[str, Value]) -> None:
        object.__setattr__(self, "_items", dict(items))

    @property
    def cells(self) -> Mapping[str, Value]:
        """The values by name."""
        return self._items

    def __getattr__(self, name: str) -> Value:
        try:
            return self._items[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a row cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self._items == other._items

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))


class Each(dict[str, Value]):
    """The values of a fact that each agent has, by agent; equal and hashed by them."""

    __slots__ = ("_hash",)

    def __hash__(self) -> int:  # type: ignore[override]
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash(tuple(self.items()))
            return self._hash
