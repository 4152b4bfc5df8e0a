"""From the records of a run to its row of the results, as they come or from its log: one way for both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from statistics import fmean
from typing import Any

from sim.engine.situation import Situation, scope
from sim.models.prices import EXACT
from sim.read.fold import Fold
from sim.record.records import READER, AnyRecord, EpisodeEnded, Header
from sim.sweep.checking import model_name, seats_of
from sim.sweep.format import ExperimentFile, Setting
from sim.world.expressions import Compiled
from sim.world.kinds import Value, to_json
from sim.world.vocabulary import ExpressionError
from sim.world.world import World

FREE = frozenset({"scripted", "human"})
"""Who takes no tokens that anybody pays for."""


def is_paid(call: Mapping[str, Any]) -> bool:
    """Whether a call was made to a provider."""
    is_free = call["model"] in FREE or str(call["model"]).startswith("rules.py:")
    return not is_free and dict(call.get("measured") or {}).get("hit") is not True


class Spent:
    """Tokens and money by model; ``cost`` is by currency."""

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()
        self.cost: dict[str, dict[str, Decimal]] = {}

    def add(self, call: Mapping[str, Any]) -> None:
        """Count a call."""
        model, usage = str(call["model"]), call["usage"]
        self.tokens[model] += usage["prompt"] + usage["completion"]
        sums = self.cost.setdefault(model, {})
        if call.get("cost") is not None and call.get("currency"):
            sums[call["currency"]] = EXACT.add(sums.get(call["currency"], Decimal(0)), Decimal(call["cost"]))

    def __add__(self, other: Spent) -> Spent:
        """What both took."""
        both = Spent()
        both.tokens = self.tokens + other.tokens
        for model, costs in (*self.cost.items(), *other.cost.items()):
            sums = both.cost.setdefault(model, {})
            for currency, amount in costs.items():
                sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), amount)
        return both

    @property
    def total(self) -> dict[str, Decimal]:
        """The sums by currency."""
        sums: dict[str, Decimal] = {}
        for costs in self.cost.values():
            for currency, amount in costs.items():
                sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), amount)
        return sums

    def currency(self) -> str:
        """The one currency of what was paid; that of the greatest amount where there are several."""
        sums = self.total
        return max(sorted(sums), key=lambda name: sums[name], default="USD")


class Meter:
    """Takes the records of one run and tells its row.

    With ``measures``, or where winners are told, the situation of each episode is followed to its end.
    """

    def __init__(self, world: World, spec: ExperimentFile, measures: Mapping[str, Compiled]) -> None:
        self._world = world
        self._spec = spec
        self._measures = measures
        self._fold: Fold | None = None
        self._counts: Counter[str] = Counter()
        self._outcomes: dict[int, str] = {}
        self._waited: dict[int, float] = {}
        self._dealt: dict[str, Any] = {}
        self._values: dict[int, dict[str, Value]] = {}
        self._winners: dict[str, bool] | None = None
        self._asked = self._at_once = 0
        self._minutes = 0.0
        self.spent, self.paid = Spent(), Spent()
        self.prompt = self.completion = self.hits = 0
        self.first_breach: tuple[int, str] | None = None
        self.trace = ""
        self.is_complete = False
        self._is_followed = bool(measures) or (spec.rotate is not None and bool(world.won_by))

    def take(self, record: Mapping[str, Any]) -> None:
        """Take the next record, as it is written."""
        kind = record["type"]
        self.trace = record["hash"]
        handler = getattr(self, f"_{kind}", None)
        if handler is not None:
            handler(record)
        if self._is_followed and kind not in {"call", "refusal", "look_up", "selection", "warning"}:
            self._follow(READER.validate_python(dict(record)))

    def _call(self, record: Mapping[str, Any]) -> None:
        self._counts["calls"] += 1
        self._asked += record["purpose"] == "turn"
        self.prompt += record["usage"]["prompt"]
        self.completion += record["usage"]["completion"]
        self.hits += dict(record.get("measured") or {}).get("hit") is True
        self.spent.add(record)
        if is_paid(record):
            self.paid.add(record)

    def _refusal(self, record: Mapping[str, Any]) -> None:
        self._counts["refusals"] += 1
        self._at_once += record["attempt"] == 0

    def _turn(self, record: Mapping[str, Any]) -> None:
        self._counts["turns"] += 1
        self._counts["acts"] += len(record["acts"])
        self._minutes = max(self._minutes, record["time"])

    def _warning(self, _: Mapping[str, Any]) -> None:
        self._counts["warnings"] += 1

    def _resource(self, record: Mapping[str, Any]) -> None:
        episode = record["episode"]
        self._waited[episode] = self._waited.get(episode, 0.0) + (record.get("waited") or 0.0)

    def _episode_started(self, record: Mapping[str, Any]) -> None:
        self._counts["episodes"] += 1
        if record["episode"] == 1:
            self._dealt = dict(record["facts"])

    def _episode_ended(self, record: Mapping[str, Any]) -> None:
        self._outcomes[record["episode"]] = record["outcome"]
        if record["breach"] is not None:
            self._counts["breaches"] += 1
            self.first_breach = self.first_breach or (record["episode"], record["breach"])

    def _run_ended(self, record: Mapping[str, Any]) -> None:
        self.is_complete = True
        self._minutes = record["time"]

    def _follow(self, record: AnyRecord) -> None:
        if isinstance(record, Header):
            has_rounds = any("rounds" in compiled.reads for compiled in self._measures.values())
            self._fold = Fold(record, self._world if has_rounds else None)  # all else follows from the log alone
            return
        if self._fold is None:
            return
        if isinstance(record, EpisodeEnded):
            there = self._fold.now(record.episode)
            if there is not None:
                self._ended(record, there)
        self._fold.take(record)

    def _ended(self, record: EpisodeEnded, there: Situation) -> None:
        world = self._world
        values = scope(world, there)
        found: dict[str, Value] = {}
        for name, compiled in self._measures.items():
            try:
                found[name] = compiled(values)
            except ExpressionError:
                found[name] = None
        self._values[record.episode] = found
        condition = world.won_by.get(record.outcome)
        if record.episode == 1 and self._spec.rotate is not None and condition is not None:
            seats = seats_of(world, self._spec.rotate.role)
            self._winners = {seat: condition.holds(values.about(seat)) for seat in seats}

    def row(self) -> dict[str, Any]:
        """What was measured, by the keys of a row, in their order."""
        counts, currency = self._counts, self.spent.currency()
        has_queues = bool(self._world.spec.resources) and counts["episodes"]
        return {
            "episodes": counts["episodes"],
            "outcomes": dict(sorted(Counter(self._outcomes.values()).items())),
            "outcome": self._outcomes.get(1),
            "turns": counts["turns"],
            "minutes": round(self._minutes, 4),
            "waited": round(sum(self._waited.values()) / counts["episodes"], 4) if has_queues else None,
            "calls": counts["calls"],
            "refusals": counts["refusals"],
            "acts": counts["acts"],
            "valid": round(1 - self._at_once / self._asked, 4) if self._asked else None,
            "breaches": counts["breaches"],
            "warnings": counts["warnings"],
            "tokens": {
                "prompt": self.prompt, "completion": self.completion, "total": self.prompt + self.completion
            },
            "cost": _number(self.spent.total.get(currency, Decimal(0))),
            "currency": currency,
            "by_model": {
                model: {"tokens": tokens, "cost": _number(self.spent.cost[model].get(currency, Decimal(0)))}
                for model, tokens in sorted(self.spent.tokens.items())
            },
            "facts": {name: self._fact(name) for name in self._measures} or None,
        }  # fmt: skip

    def _fact(self, name: str) -> Any:
        """A measure of the run: of one episode as it is, of several the mean, the share, or the first's."""
        values = [to_json(self._values[episode][name]) for episode in sorted(self._values)]
        fact = self._world.facts.get(self._spec.measure[name])
        if fact is not None and fact.is_shared:
            return values[-1] if values else None
        numbers = [float(v) for v in values if isinstance(v, bool | int | float)]
        if len(values) > 1 and len(numbers) == len(values):
            return round(fmean(numbers), 6)
        return values[0] if values else None

    def seats(self, setting: Setting, models: Mapping[str, str]) -> dict[str, Any] | None:
        """The model of each rotated seat, what was dealt to it, and whether its side won; None without any."""
        if self._spec.rotate is None:
            return None
        dealt = next((f for f in self._world.facts.values() if f.deal), None)
        return {
            seat: {
                "model": models.get(seat) or model_name(self._world, setting, seat),
                "card": self._dealt.get(dealt.key(seat)) if dealt is not None else None,
                "won": self._winners.get(seat) if self._winners is not None else None,
            }
            for seat in seats_of(self._world, self._spec.rotate.role)
        }


def _number(amount: Decimal) -> float:
    return float(amount)
