"""What tokens cost: after a model's own price, else after a maintained price list that works offline."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

from sim.record.records import Usage

MILLION = 1_000_000

EXACT = Context(prec=100)
"""For sums of money: more digits than any price, count of tokens and cost in a log have together."""


@dataclass(frozen=True)
class Price:
    """What a million tokens of each kind cost, exactly; ``currency`` is an ISO code.

    ``cached`` are tokens of the prompt that the provider had seen before; where None, they cost what others do.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    currency: str = "USD"

    def cost(self, usage: Usage) -> Decimal:
        """The exact cost of some tokens."""
        cached = self.input if self.cached is None else self.cached
        fresh = usage.prompt - usage.cached
        with localcontext(EXACT):
            return (self.input * fresh + cached * usage.cached + self.output * usage.completion) / MILLION

    def as_text(self) -> dict[str, str]:
        """The price as it stands in a log, where no digit may be lost."""
        units = {"input": self.input, "cached": self.cached, "output": self.output}
        return {name: format(value, "f") for name, value in units.items() if value is not None}


def load() -> None:
    """Load the list before calls run side by side: an import half done in one thread breaks those in others."""
    import genai_prices  # noqa: F401, PLC0415 - as in listed()


def listed(model: str, prompt: int = 0) -> Price | None:
    """The price of a model after the list, in USD; None where the list does not know it.

    Some models cost more for long prompts; ``prompt`` is how many tokens the prompt has.
    """
    found = _found(model, prompt)
    if found is None:
        return None
    tokens = found.model_price
    units = [_unit(getattr(tokens, f"{kind}_mtok", None), prompt) for kind in ("input", "output", "cache_read")]
    given, made, cached = units
    return None if given is None or made is None else Price(given, made, cached)


def window(model: str) -> int | None:
    """The context window of a model in tokens, after the list; None where the list does not know it."""
    found = _found(model, 0)
    return None if found is None else found.model.context_window


def price_of(model: str, usage: Usage, own: Price | None = None) -> Price | None:
    """What holds for a call: the price given for the model, else the list's."""
    return own or listed(model, usage.prompt)


def _found(model: str, prompt: int) -> Any:
    import genai_prices  # noqa: PLC0415 - the list takes a quarter of a second to load; few commands need it

    try:
        return genai_prices.calc_price(genai_prices.Usage(input_tokens=prompt, output_tokens=0), model_ref=model)
    except (LookupError, ValueError):
        return None


def _unit(price: Any, prompt: int) -> Decimal | None:
    """A price of the list, in which a price by the length of the prompt has a base and tiers above it."""
    if price is None or isinstance(price, Decimal):
        return price
    return Decimal(next((tier.price for tier in reversed(price.tiers) if prompt > tier.start), price.base))
