"""What several marks come to: over times and judges, then over episodes."""

from __future__ import annotations

from typing import Any

from sim.sweep.asking import Mark
from sim.sweep.format import Judge
from sim.sweep.scores import Marked, summed


def judge(**keys: Any) -> Judge:
    """A judge with these keys."""
    return Judge.model_validate({"model": "a", "rubric": "Polite?", **keys})


def marked(**scores: list[int]) -> Marked:
    """An episode with these marks by judge."""
    return Marked({name: [{"score": Mark(s, f"{name} {s}")} for s in given] for name, given in scores.items()})


def test_several_marks_of_an_episode_are_their_mean_or_their_median() -> None:
    """With two scores alone and an odd number of marks the median is the majority."""
    assert summed(judge(times=3), [marked(a=[1, 1, 4])])["score"] == 2.0
    assert summed(judge(times=3, combine="median"), [marked(a=[1, 1, 4])])["score"] == 1.0
    assert summed(judge(times=3, scale=[0, 1], combine="median"), [marked(a=[0, 1, 1])])["score"] == 1.0


def test_a_run_has_the_mean_of_its_episodes_and_says_how_many_have_none() -> None:
    """An episode without a mark of every judge is left out, and counted."""
    found = summed(judge(), [marked(a=[2]), Marked(fault="no window holds it"), marked(a=[5])])
    assert (found["score"], found["n"], found["unmarked"], found["why"]) == (3.5, 2, 1, "a 2")
    none = summed(judge(), [Marked(fault="no window holds it")])
    assert (none["score"], none["n"], none["unmarked"], none["why"]) == (None, 0, 1, "no window holds it")


def test_of_several_judges_each_has_a_score_of_its_own() -> None:
    """Beside what all of them come to; one judge alone has none."""
    found = summed(judge(model=["a", "b"], times=2), [marked(a=[5, 4], b=[1, 2])])
    assert (found["score"], found["judges"]) == (3.0, {"a": 4.5, "b": 1.5})
    assert summed(judge(), [marked(a=[5])])["judges"] is None


def test_the_score_of_several_criteria_is_their_mean() -> None:
    """Each is told, with why it has its mark."""
    parts = judge(criteria={"manners": "Polite?", "sense": "Sensible?"})
    episode = Marked({"a": [{"manners": Mark(5, "Kind."), "sense": Mark(2, "Odd.")}]})
    found = summed(parts, [episode])
    assert (found["score"], found["criteria"]) == (3.5, {"manners": 5.0, "sense": 2.0})
    assert found["why"] == "manners: Kind.; sense: Odd."
