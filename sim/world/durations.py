"""How long things take, in simulated minutes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sim.world.fields import Part

Bounded = Annotated[float, Field(ge=0, le=100_000)]
Positive = Annotated[float, Field(gt=0, le=100_000)]


class Minutes(Part):
    """How long something takes, in simulated minutes: exactly one of these."""

    fixed: Bounded | None = None
    uniform: list[Bounded] | None = Field(None, min_length=2, max_length=2, description="the least and the most")
    normal: dict[Literal["mean", "sd"], Positive] | None = Field(None, description="never below zero")
    lognormal: dict[Literal["mean", "sd"], Positive] | None = Field(
        None, description="mean and standard deviation of the durations themselves"
    )
    exponential: Positive | None = Field(None, description="the mean")
    triangular: list[Bounded] | None = Field(
        None, min_length=3, max_length=3, description="the least, the most likely, and the most"
    )
    empirical: list[Bounded] | None = Field(None, min_length=1, description="durations that were seen")
    words: Positive | None = Field(
        None, description="of a turn alone: by what is said, at so many words (Chinese: characters) in a minute"
    )

    @model_validator(mode="after")
    def _one(self) -> Minutes:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(type(self).model_fields)}")
        ordered = self.uniform or self.triangular or []
        if ordered != sorted(ordered):
            raise ValueError(f"{given[0]} needs its numbers in order, the smallest first")
        two = self.normal if self.normal is not None else self.lognormal
        if two is not None and set(two) != {"mean", "sd"}:
            raise ValueError(f"{given[0]} needs a mean and an sd")
        return self

    @property
    def is_nothing(self) -> bool:
        """Whether it takes no time at all, whatever is drawn."""
        return self.fixed == 0 or not any(self.uniform or self.triangular or self.empirical or [1])


def as_minutes(value: Any) -> Any:
    """A number alone is a fixed duration."""
    return {"fixed": value} if isinstance(value, int | float) else value
