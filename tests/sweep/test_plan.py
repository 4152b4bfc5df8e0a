"""Reading experiments: what is wrong with one is said before anything runs, with its place and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.sweep.plan import read_plan, settled
from tests.sweep.building import refusal, write

HEAD = "experiment: sale\nworld: shop\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "experiment: sale\nworld: shpo\n",
            "2:1: world: no world 'shpo'; known: airport_security, chart_desk, company_meeting, hospital_visit, "
            "number_chain, three_departments, werewolf",
        ),
        (
            HEAD + "variant: deer\n",
            "3:1: variant: shop/world.yaml: no variant 'deer'; did you mean 'dear'? known: dear, strict",
        ),
        (
            HEAD + "lang: zn\n",
            "3:1: lang: 'shop' does not speak 'zn'; it speaks en, zh",
        ),
        (
            HEAD + "set: {payd: 3}\n",
            "3:7: set.payd: unknown fact 'payd'; did you mean 'paid'? known: asked, paid",
        ),
        (
            HEAD + "set: {paid: much}\n",
            "3:7: set.paid: the fact 'paid' must be a number",
        ),
        (
            HEAD + "arms:\n  a: {model: gtp-5x}\n",
            "4:7: arms.a.model: unknown model 'gtp-5x': there is no models.yaml; known: scripted",
        ),
        (
            HEAD + "model: {buyr: scripted}\n",
            "3:9: model.buyr: no agent or role 'buyr' in shop; did you mean 'buyer'? known: buyer, seller",
        ),
        (
            HEAD + "model: human\n",
            "3:1: model: a person cannot play in an experiment; name another model",
        ),
        (
            HEAD + "order: {countr: random}\n",
            "3:9: order.countr: unknown state 'countr'; did you mean 'counter'? known: counter, farewell",
        ),
        (
            HEAD + "order: {counter: rnd}\n",
            "3:9: order.counter: 'rnd' is not one of the choices; did you mean 'random'? known: alternate, "
            "auto, manual, named, random, round_robin, rule, simultaneous, single",
        ),
        (
            HEAD + "order: {counter: named}\n",
            "3:1: order: states.counter: the order named needs a speaker, the order rule a rule, and no other has",
        ),
        (
            HEAD + "order: {counter: manual}\n",
            "3:9: order.counter: in 'counter' the user picks who speaks; give it another order",
        ),
        (
            HEAD + "personas: {buyer: cashiar}\n",
            "3:12: personas.buyer: unknown persona 'cashiar'; did you mean 'cashier'? known: "
            "blacksmith_dali, cashier, chart_assistant, chart_runner, chengzi, embroiderer_he, eng_cao, "
            "eng_pan, eng_shi, eng_wei, eng_ye, fisherman_jiang, …",
        ),
        (
            HEAD + "personas: {byer: cashier}\n",
            "3:12: personas.byer: no role 'byer' in shop; did you mean 'buyer'? known: buyer, seller",
        ),
        (
            HEAD + "rotate: {role: byer, models: [scripted, scripted]}\n",
            "3:10: rotate.role: no role 'byer' in shop; did you mean 'buyer'? known: buyer, seller",
        ),
        (
            HEAD + "functions: {wit: measures.py:wit}\n",
            "3:13: functions.wit: there is no file measures.py beside the experiment",
        ),
        (
            HEAD + "functions: {wit: wit}\n",
            "3:13: functions.wit: 'wit' names no function; it looks like measures.py:rudeness",
        ),
        (
            HEAD + "measure: [asked, payd]\n",
            "3:18: measure.1: unknown name 'payd' in 'payd'; did you mean 'paid'? known: asked, buyer, "
            "counter, farewell, paid, seller, all, any, done, max, min, minutes, …",
        ),
        (
            HEAD + "axes: {variants: [dear]}\n",
            "3:8: axes.variants: unknown axis 'variants'; did you mean 'variant'? known: context, "
            "context.NAME, episodes, lang, model, model.NAME, order, order.NAME, personas, personas.NAME, "
            "set, set.NAME, …",
        ),
        (
            HEAD + "axes:\n  lang: [en]\n  lang: [zh]\n",
            "5:3: 'lang' stands twice in the same place (first on line 4)",
        ),
        (
            HEAD + "axes:\n  set: [{paid: 1}]\n  set.paid: [1, 2]\n",
            "5:3: axes.set.paid: 'set' is an axis as well",
        ),
        (
            HEAD + "axes: {lang: []}\n",
            "3:8: axes.lang: has no values",
        ),
        (
            HEAD + "axes: {episodes: [1, many]}\n",
            "3:22: axes.episodes.1: must be a whole number",
        ),
        (
            HEAD + "axes: {set.paid: [1, lots]}\n",
            "3:22: axes.set.paid.1: the fact 'paid' must be a number",
        ),
        (
            HEAD + "axes: {lang: [en, zh, en]}\n",
            "3:23: axes.lang.2: two arms are called 'lang=en'",
        ),
        (
            HEAD + "arms:\n  a: {lang: en}\n  b: {}\n",
            "5:3: arms.b: the arm 'b' is the same as 'a'",
        ),
        (
            HEAD + "arms: {a: {}}\naxes: {lang: [en]}\n",
            "1:1: has both arms and axes: name the arms, or let the axes make them",
        ),
        (
            HEAD + "seeds: [1, 2, 1]\n",
            "3:1: seeds: 1 stands twice",
        ),
        (
            HEAD + "seeds: 0\n",
            "3:1: seeds: must be from 1 to 10,000,000, or a list",
        ),
        (
            HEAD + "budgte: {tokens: 3}\n",
            "3:1: budgte: unknown key 'budgte'; did you mean 'budget'? known: about, arms, axes, budget, "
            "context, episodes, experiment, functions, judge, lang, measure, model, …",
        ),
        (
            "- a\n",
            "1:1: an experiment is a mapping of keys to values",
        ),
    ],
)
def test_what_an_experiment_names_and_there_is_not_is_told_with_its_place(
    text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line with file, line, column, key path, and what was probably meant."""
    monkeypatch.chdir(tmp_path)
    assert refusal(write(tmp_path, text)) == [f"sale.yaml:{problem}"]


def test_all_problems_are_told_at_once_and_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said for all arms is not told for each."""
    monkeypatch.chdir(tmp_path)
    told = refusal(write(tmp_path, HEAD + "lang: zn\nset: {payd: 1}\narms: {a: {}, b: {variant: deer}}\n"))
    assert [line.split(": ")[1] for line in told] == ["lang", "set.payd", "arms.b.variant"]


def test_what_two_arms_have_in_common_is_checked_for_both(tmp_path: Path) -> None:
    """A mistake that was told of the first is one of the second too."""
    told = refusal(write(tmp_path, HEAD + "lang: zn\narms: {a: {}, b: {variant: dear}}\n"))
    assert told == ["sale.yaml:3:1: lang: 'shop' does not speak 'zn'; it speaks en, zh"]


def test_a_broken_world_is_told_with_its_own_lines(tmp_path: Path) -> None:
    """Not as a mistake of the experiment."""
    [told] = refusal(write(tmp_path, HEAD, world="world: shop\nroles: {buyer: chengzi}\nstart: a\nends: [b]\n"))
    assert told == "shop/world.yaml:1:1: lacks the key 'states'"


def test_code_is_refused_where_the_user_wants_none(tmp_path: Path) -> None:
    """Functions that measure, and a world's rules."""
    file = write(tmp_path, HEAD + "functions: {wit: measures.py:wit}\n")
    (tmp_path / "measures.py").write_text("def wit(log):\n    return 1\n", encoding="utf-8")
    assert refusal(file, code=False) == [
        "sale.yaml:3:13: functions.wit: measures.py is code, which --no-code refuses to load"
    ]
    (tmp_path / "shop" / "rules.py").write_text("", encoding="utf-8")
    file.write_text(HEAD, encoding="utf-8")
    assert refusal(file, code=False) == [
        "sale.yaml:2:1: world: shop/rules.py: this world brings code of its own, which --no-code refuses to load"
    ]


def test_a_function_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    """The file is loaded before anything runs."""
    file = write(tmp_path, HEAD + "functions: {wit: measures.py:wti}\n")
    (tmp_path / "measures.py").write_text("def wit(log):\n    return 1\n", encoding="utf-8")
    assert refusal(file) == [
        "sale.yaml:3:13: functions.wit: no function 'wti' in measures.py; did you mean 'wit'? known: wit"
    ]


def test_an_arm_says_what_is_otherwise_than_for_all(tmp_path: Path) -> None:
    """Names are taken one by one; a model for all takes the place of those by role."""
    text = HEAD + (
        "set: {asked: true}\nmodel: {buyer: scripted}\nlang: zh\n"
        "arms:\n  a: {set: {paid: 3}}\n  b: {model: scripted, lang: en, set: {asked: false}}\n"
    )
    a, b = (settled(arm) for arm in read_plan(write(tmp_path, text)).arms)
    assert (a["set"], a["model"], a["lang"]) == ({"asked": True, "paid": 3}, {"buyer": "scripted"}, "zh")
    assert (b["set"], b["model"], b["lang"]) == ({"asked": False}, {"*": "scripted"}, "en")


def test_axes_make_an_arm_of_each_combination_of_their_values(tmp_path: Path) -> None:
    """In the order of the file, the last axis the fastest."""
    text = HEAD + "axes: {variant: [null, dear], set.paid: [0, 1.5], lang: [en, zh]}\n"
    arms = read_plan(write(tmp_path, text)).arms
    assert [arm.name for arm in arms] == [
        f"variant={variant},set.paid={paid},lang={lang}"
        for variant in ("null", "dear")
        for paid in ("0", "1.5")
        for lang in ("en", "zh")
    ]
    assert {arm.stage for arm in arms[:4]} == {0}
    assert {arm.stage for arm in arms[4:]} == {1}


def test_orders_contexts_and_personas_make_other_worlds(tmp_path: Path) -> None:
    """Each is seen in the world that is played, and its digest is another."""
    text = HEAD + (
        "arms:\n  plain: {}\n  order: {order: {counter: random}}\n  short: {context: {turns: 1}}\n"
        "  other: {personas: {buyer: fisherman_jiang}}\n"
    )
    plan = read_plan(write(tmp_path, text))
    plain, order, short, other = (stage.world() for stage in plan.stages)
    assert (plain.states["counter"].order, order.states["counter"].order) == ("alternate", "random")
    assert (plain.states["counter"].context.turns, short.states["counter"].context.turns) == (8, 1)
    assert other.personas["buyer"].persona == "fisherman_jiang"
    assert [stage.digest for stage in plan.stages] == [w.digest for w in (plain, order, short, other)]
    assert len({stage.digest for stage in plan.stages}) == 4


def test_the_digest_follows_from_what_decides_the_results_and_from_nothing_else(tmp_path: Path) -> None:
    """A budget, words about it and comments change nothing; a seed, a fact, a world do."""
    plain = read_plan(write(tmp_path, HEAD)).digest
    same = ["about: {en: Why?}\n", "budget: {tokens: 9}\n", "# a comment\n"]
    assert {read_plan(write(tmp_path, HEAD + text)).digest for text in same} == {plain}
    others = ["seeds: 2\n", "set: {asked: true}\n", "measure: [paid]\n", "repeats: 2\n", "variant: dear\n"]
    assert len({plain, *(read_plan(write(tmp_path, HEAD + text)).digest for text in others)}) == 6
