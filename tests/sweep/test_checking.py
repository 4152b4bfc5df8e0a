"""A judge that cannot mark is said before anything runs, with its place and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.sweep.plan import read_plan
from tests.provider import KEY
from tests.sweep.building import refusal, write

HEAD = "experiment: sale\nworld: shop\n"
MODELS = """\
models:
  small: {url: 'http://127.0.0.1:9/v1', key: 'env:OPENAI_API_KEY', window: 2000}
  some: {random: [small]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a ``models.yaml``; nothing listens where its model is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "models.yaml").write_text(MODELS, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        (
            "{model: smal, rubric: Polite?}",
            "9: judge.model: unknown model 'smal' in models.yaml; did you mean 'small'? "
            "known: scripted, small, some",
        ),
        (
            "{model: [small, large], rubric: Polite?}",
            "24: judge.model.1: unknown model 'large' in models.yaml; known: scripted, small, some",
        ),
        (
            "{model: scripted, rubric: Polite?}",
            "9: judge.model: the script has no lines for a judge; name a model that reads",
        ),
        (
            "{model: human, rubric: Polite?}",
            "9: judge.model: a person cannot mark while an experiment runs; name a model",
        ),
        (
            "{model: some, rubric: Polite?}",
            "9: judge.model: 'some' would draw who marks by the seed; name one model, or a list of which all mark",
        ),
        (
            "{model: [small, small], rubric: Polite?}",
            "9: judge.model: 'small' stands twice; 'times' says how often each marks",
        ),
        ("{model: small, rubric: ' '}", "23: judge.rubric: must not be empty"),
        ("{model: small}", "1: judge: lacks the key 'rubric'"),
        (
            "{model: small, rubric: Polite?, scale: [5, 1]}",
            "40: judge.scale: goes from the lowest score to the highest, and 5 is not below 1",
        ),
        ("{model: small, rubric: Polite?, scale: [1, 5.5]}", "51: judge.scale.1: must be a whole number"),
        (
            "{model: small, rubric: Polite?, scale: [5]}",
            "40: judge.scale: must be two whole numbers, the lowest score and the highest",
        ),
        (
            "{model: small, rubric: {zh: 有礼貌吗？}}",
            "23: judge.rubric: is not there in 'en', which is spoken; it is there in zh",
        ),
        (
            "{model: small, rubric: Polite?, criteria: {tone: {zh: 语气}}}",
            "51: judge.criteria.tone: is not there in 'en', which is spoken; it is there in zh",
        ),
        (
            "{model: small, rubric: Polite?, of: byer}",
            "40: judge.of: no agent or role 'byer' in shop; did you mean 'buyer'? known: buyer, seller",
        ),
    ],
)
def test_a_judge_that_cannot_mark_is_said_with_its_place(judge: str, problem: str, folder: Path) -> None:
    """Each in one line."""
    assert refusal(write(folder, f"{HEAD}judge: {judge}\n")) == [f"sale.yaml:3:{problem}"]


def test_a_rubric_that_leaves_no_room_in_the_window_is_said(folder: Path) -> None:
    """With its tokens, and what the window leaves beside the answer."""
    [told] = refusal(write(folder, f"{HEAD}judge: {{model: small, rubric: '{'polite ' * 1200}'}}\n"))
    assert told.startswith("sale.yaml:3:23: judge.rubric: has 1,4")
    assert told.endswith(" tokens without any transcript, and the window of 'small' leaves 1,120")


def test_what_a_rubric_lacks_is_told_once_for_all_arms(folder: Path) -> None:
    """An arm whose language it has is no reason to tell."""
    judge = "judge: {model: small, rubric: {en: Polite?}}\n"
    arms = "arms: {a: {lang: zh}, b: {lang: zh, variant: dear}, c: {}}\n"
    assert refusal(write(folder, HEAD + judge + arms)) == [
        "sale.yaml:3:23: judge.rubric: is not there in 'zh', which is spoken; it is there in en"
    ]


def test_a_budget_in_money_needs_the_price_of_the_judge(folder: Path) -> None:
    """As it does for a model that plays."""
    [told] = refusal(write(folder, HEAD + "judge: {model: small, rubric: Polite?}\nbudget: {cost: 5USD}\n"))
    assert told.startswith(
        "sale.yaml:4:10: budget.cost: a budget of 5 USD needs prices, and that of 'small' is not"
    )


def test_a_judge_decides_the_results(folder: Path) -> None:
    """So an experiment with another one is another; one without a judge is what it was before there were any."""
    digests = [
        read_plan(write(folder, HEAD + judge)).digest
        for judge in (
            "",
            "judge: {model: small, rubric: Polite?}\n",
            "judge: {model: small, rubric: Rude?}\n",
            "judge: {model: small, rubric: Polite?, times: 3}\n",
        )
    ]
    assert len({*digests}) == 4
    assert "judge" not in read_plan(write(folder, HEAD)).decides
