"""The kinds of value that a fact or a field can have, and how a value is read, checked and shown.

Numbers and money are exact decimals, never floats, so that sums of prices are equal when they look equal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Literal

Value = bool | Decimal | str | tuple["Value", ...] | None
Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

KindName = Literal["flag", "number", "money", "text", "choice", "list"]

CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]"
)
"""Characters that could move a terminal's cursor or turn text around: shown nowhere, kept in raw answers."""


def one_line(text: object) -> str:
    """A text as it may be shown in one line of a terminal or a page: without control characters or line breaks."""
    return CONTROL.sub("", " ".join(str(text).splitlines()))


CENT = Decimal("0.01")
LARGEST = Decimal(10) ** 12
MAX_DIGITS = 15
"""A JSON number holds so many digits exactly."""

FLAGS = {"true": True, "false": False, "yes": True, "no": False, "是": True, "否": False}
"""How a flag may be written as text: as code has it, or as it is shown to people."""

MAX_TEXT = 2000
MAX_ITEMS = 100


class Misfit(ValueError):
    """A value that is not of a kind; the message, in English, completes the sentence "``name`` …".

    ``reason`` and ``values`` say the same to :func:`sim.engine.phrases.misfit`, for other languages.
    """

    def __init__(self, message: str, reason: str, **values: object) -> None:
        super().__init__(message)
        self.reason = reason
        self.values = values


@dataclass(frozen=True)
class Kind:
    """What values a fact or a field may take.

    ``unit`` is the currency of money or the unit of a number; ``options`` are the ids of a choice (or of the
    items of a list) with their label in each language; ``low`` and ``high`` are inclusive, for numbers the
    value, for text the characters, for lists the items.
    """

    name: KindName
    unit: str = ""
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    low: Decimal | None = None
    high: Decimal | None = None
    is_whole: bool = False
    item: Kind | None = None

    @property
    def empty(self) -> Value:
        """The value a fact has where its world gives none."""
        empty: dict[str, Value] = {"flag": False, "number": Decimal(0), "money": Decimal(0), "list": ()}
        return empty.get(self.name)

    @property
    def first(self) -> Value:
        """The value a fact begins with where its world gives none: the empty one, or the nearest in its range."""
        if self.name not in {"number", "money"}:
            return self.empty
        if self.low is not None and self.low > 0:
            return self.low
        return self.high if self.high is not None and self.high < 0 else Decimal(0)

    def read(self, given: object) -> Value:
        """Turn a JSON value (from a model, an option or a log) into a value of this kind.

        Raises:
            Misfit: if it is not one.
        """
        match self.name:
            case "flag":
                return _read_flag(given)
            case "number" | "money":
                return self._read_number(given)
            case "text":
                return self._read_text(given)
            case "choice":
                return self._read_choice(given)
        return self._read_list(given)

    def _read_number(self, given: object) -> Decimal:
        try:
            if isinstance(given, bool) or not isinstance(given, int | float | str | Decimal):
                raise InvalidOperation
            text = _plain(str(given))
            value = Decimal(text.removesuffix(_plain(self.unit)).strip())
            if not value.is_finite() or abs(value) > LARGEST or len(text) > 40:
                raise InvalidOperation
        except InvalidOperation:
            raise Misfit(f"must be a number{self._range()}", "number") from None
        if self.name == "money":
            if value != value.quantize(CENT):
                raise Misfit("must be an amount with at most two decimals", "cents")
            value = value.quantize(CENT)
        parts = value.normalize().as_tuple()
        if len(parts.digits) > MAX_DIGITS or int(parts.exponent) < -MAX_DIGITS:
            raise Misfit(f"must be a number with at most {MAX_DIGITS} digits", "digits", most=MAX_DIGITS)
        if self.is_whole and value != value.to_integral_value():
            raise Misfit(f"must be a whole number{self._range()}", "number")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise Misfit(f"must be a number{self._range()}", "number")
        return value.normalize() + 0 if value else Decimal(0)

    def _range(self) -> str:
        if self.low is not None and self.high is not None:
            return f" from {show_number(self.low)} to {show_number(self.high)}"
        if self.low is not None:
            return f", at least {show_number(self.low)}"
        return f", at most {show_number(self.high)}" if self.high is not None else ""

    def _read_text(self, given: object) -> str:
        most = int(self.high or MAX_TEXT)
        if not isinstance(given, str):
            raise Misfit("must be text", "text")
        if len(given) > most:
            raise Misfit(f"must be at most {most} characters long", "long", most=most)
        return " ".join(CONTROL.sub("", given.encode("utf-8", "replace").decode()).split())

    def _read_choice(self, given: object) -> str | None:
        if given is None:
            return None
        if isinstance(given, str):
            if given in self.options:
                return given
            wanted = _plain(given)
            for key, labels in self.options.items():
                if wanted == _plain(key) or wanted in {_plain(label) for label in labels.values()}:
                    return key
        raise Misfit(self.wanted, "options", options=", ".join(self.options))

    @property
    def wanted(self) -> str:
        """What a choice must be."""
        return f"must be one of: {', '.join(self.options)}"

    def _read_list(self, given: object) -> tuple[Value, ...]:
        if not isinstance(given, list | tuple):
            raise Misfit("must be a list", "list")
        if not self.fits(len(given)):
            is_few = len(given) < (self.low or 0)
            size = f"at least {self.low}" if is_few else f"at most {self.high or MAX_ITEMS}"
            size += " item" if size.endswith(" 1") else " items"
            raise Misfit(
                f"must have {size}", "few" if is_few else "many", n=self.low if is_few else self.high or MAX_ITEMS
            )
        item = self.item or Kind("text")
        if None in given:
            raise Misfit(item.wanted if item.options else "must have no empty item", "gap")
        return tuple(item.read(value) for value in given)

    def fits(self, items: int) -> bool:
        """Whether a list may have so many items."""
        return int(self.low or 0) <= items <= int(self.high or MAX_ITEMS)

    def rounded(self, value: object) -> object:
        """A computed number as a fact can hold it: money to the cent, other numbers to nine decimals, half up."""
        if not isinstance(value, Decimal) or abs(value) > LARGEST:
            return value
        places = 2 if self.name == "money" else min(9, MAX_DIGITS - 1 - max(0, value.adjusted()))
        return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP).normalize()

    def show(self, value: Value, language: str) -> str:
        """Write a value for people: the label of a choice, an amount with its decimals."""
        if isinstance(value, tuple):
            item = self.item or self
            return ("、" if language.startswith("zh") else ", ").join(item.show(v, language) for v in value)
        if isinstance(value, bool):
            yes, no = ("是", "否") if language.startswith("zh") else ("yes", "no")
            return yes if value else no
        if isinstance(value, Decimal):
            return show_number(value)
        if value is None:
            return "—"
        return label_of(self.options.get(value, {}), language) or value


def _read_flag(given: object) -> bool:
    value = FLAGS.get(_plain(given)) if isinstance(given, str) else given
    if isinstance(value, bool):
        return value
    raise Misfit("must be true or false", "flag")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def label_of(labels: Mapping[str, str], language: str) -> str:
    """Pick the text for a language, else the one for all, else the first there is, else ``""``."""
    if not labels:
        return ""
    return labels.get(language) or labels.get("*") or next(iter(labels.values()))


def show_number(value: Decimal) -> str:
    """Write a number without needless zeros: ``12``, ``28.5``."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(value: Value) -> Json:
    """A value as it stands in a log: numbers as JSON numbers, lists as lists."""
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def from_json(given: object) -> Value:
    """A value as it was before :func:`to_json`."""
    if isinstance(given, list):
        return tuple(from_json(item) for item in given)
    if isinstance(given, bool) or given is None or isinstance(given, str):
        return given
    if isinstance(given, int | float | Decimal):
        return Decimal(str(given))
    raise ValueError(f"not a value of a fact: {given!r}")
