"""What tokens cost, after a maintained price list that works offline."""

from __future__ import annotations

from decimal import Decimal

from sim.record.records import Usage


def load() -> None:
    """Load the list before calls run side by side: an import half done in one thread breaks those in others."""
    import genai_prices  # noqa: F401, PLC0415 - as in price()


def price(model: str, usage: Usage) -> tuple[Decimal | None, str | None]:
    """The exact cost of a call in USD; ``(None, None)`` where the list does not know the model."""
    import genai_prices  # noqa: PLC0415 - the list takes a quarter of a second to load; few commands need it

    spent = genai_prices.Usage(
        input_tokens=usage.prompt, output_tokens=usage.completion, cache_read_tokens=usage.cached or None
    )
    try:
        return genai_prices.calc_price(spent, model_ref=model).total_price, "USD"
    except (LookupError, ValueError):
        return None, None
