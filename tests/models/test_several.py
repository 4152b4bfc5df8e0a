"""Several models as one: who is asked, who is not asked again, and what was paid for in vain."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import BudgetError, DefinitionError, ModelError
from sim.models.budget import Budget
from sim.models.model import Reply, Request
from sim.models.several import FirstOf
from sim.record.records import Usage
from tests.models.asking import request

USED = Usage(prompt=10, completion=5, is_estimated=False)


def reply(text: str) -> Reply:
    return Reply(text, USED, Decimal("0.01"), "USD")


class Part:
    """A model that does what it is told in turn: an answer, or an error; the last again and again."""

    is_remote = True

    def __init__(self, name: str, *does: str | Exception) -> None:
        self.name = name
        self.description: Mapping[str, Any] = {"name": name, "window": 1000}
        self.asked = 0
        self._does = does or (f"{name} speaks",)

    def answer(self, request: Request) -> Reply:
        self.asked += 1
        does = self._does[min(self.asked, len(self._does)) - 1]
        if isinstance(does, Exception):
            raise does
        return reply(does)


def test_the_first_answers_as_long_as_it_can() -> None:
    """The others are not asked; the answer says whose it is."""
    a, b = Part("a"), Part("b")
    model = FirstOf([a, b])
    answers = [model.answer(request()) for _ in range(3)]
    assert {(r.text, r.model) for r in answers} == {("a speaks", "a")}
    assert (a.asked, b.asked) == (3, 0)
    assert answers[0].measured == {}


def test_who_has_failed_is_not_asked_again() -> None:
    """The next is, from then on; the answer tells of the failure once."""
    a, b = Part("a", "fine", ModelError("a is down"), "fine again"), Part("b")
    model = FirstOf([a, b])
    answers = [model.answer(request()) for _ in range(4)]
    assert [r.model for r in answers] == ["a", "b", "b", "b"]
    assert (a.asked, b.asked) == (2, 3)
    assert [dict(r.measured) for r in answers] == [{}, {"handed_over": ["a is down"]}, {}, {}]


def test_a_failure_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """With what follows from it."""
    FirstOf([Part("a", ModelError("a is down")), Part("b")]).answer(request())
    assert caplog.messages == ["a is down; the next model is asked from now on"]


def test_where_all_have_failed_the_error_names_all() -> None:
    """The last is asked each time, for nobody is left after it."""
    parts = [Part(name, ModelError(f"{name} is down")) for name in "abc"]
    model = FirstOf(parts)
    with pytest.raises(ModelError) as caught:
        model.answer(request())
    assert str(caught.value) == "a is down; b is down; c is down"
    with pytest.raises(ModelError, match=r"^c is down$"):
        model.answer(request())
    assert [part.asked for part in parts] == [1, 1, 2]


def test_what_failed_models_were_paid_for_is_kept_with_their_names() -> None:
    """Before what the one that answered was paid for in vain."""
    error = ModelError("a is down", (reply("half"), Reply("other", USED, None, None, model="a-2")))
    answer = FirstOf([Part("a", error), Part("b")]).answer(request())
    assert [(r.text, r.model) for r in answer.spent] == [("half", "a"), ("other", "a-2")]
    with pytest.raises(ModelError) as caught:
        FirstOf([Part("a", error), Part("b", ModelError("down", (reply("x"),)))]).answer(request())
    assert [(r.text, r.model) for r in caught.value.spent] == [("half", "a"), ("other", "a-2"), ("x", "b")]


def test_a_budget_is_not_handed_over() -> None:
    """The next model is not asked, the one that could not is not given up, and nothing paid for is lost."""
    b = Part("b", BudgetError("no money", (reply("b"),)), "b speaks")
    c = Part("c")
    model = FirstOf([Part("a", ModelError("down", (reply("a"),))), b, c])
    with pytest.raises(BudgetError) as caught:
        model.answer(request())
    assert [(r.text, r.model) for r in caught.value.spent] == [("a", "a"), ("b", "b")]
    assert (model.answer(request()).text, c.asked) == ("b speaks", 0)


def test_other_errors_are_not_handed_over() -> None:
    """A mistake in the definition is the author's."""
    b = Part("b")
    with pytest.raises(DefinitionError):
        FirstOf([Part("a", DefinitionError("no")), b]).answer(request())
    assert b.asked == 0


def test_the_budget_counts_each_model_once() -> None:
    """The list keeps it for those that do not do so themselves."""
    budget = Budget(100_000)
    FirstOf([Part("a", ModelError("down")), Part("b")]).answer(request(budget=budget))
    assert budget.spent_tokens == 15
    with pytest.raises(BudgetError):
        FirstOf([Part("a")]).answer(request(budget=Budget(10)))


def test_the_list_is_described_by_its_models() -> None:
    """In their order; it is at an endpoint if one of them is."""
    model = FirstOf([Part("a"), Part("b")])
    assert model.name == "a,b"
    assert model.description == {
        "name": "a,b",
        "first_of": [{"name": "a", "window": 1000}, {"name": "b", "window": 1000}],
    }
    assert (model.is_remote, model.keeps_budget) == (True, True)


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4))
def test_the_answer_is_of_the_first_that_has_never_failed(plans: list[list[bool]]) -> None:
    """Whatever fails when: each call is answered by the first, of those not given up, that can."""
    parts = [
        Part(f"m{i}", *("yes" if works else ModelError("no") for works in plan)) for i, plan in enumerate(plans)
    ]
    model, down = FirstOf(parts), set[str]()
    for _ in range(6):
        before = {part.name: part.asked for part in parts}
        wanted = None
        for part, plan in zip(parts, plans, strict=True):
            if part.name in down and part is not parts[-1]:
                continue
            if plan[part.asked]:
                wanted = part.name
                break
            down.add(part.name)
        try:
            given_by = model.answer(request()).model
        except ModelError:
            given_by = None
        assert given_by == wanted
        assert all(part.asked - before[part.name] <= 1 for part in parts)
