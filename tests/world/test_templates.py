"""Words with facts filled in: only the names that are given, and nothing that runs away."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.world.templates import MAX_RENDERED, TemplateError, has_names_alone, names_in, render


class Thing:
    """Something with an inside that a template must not reach."""

    def __init__(self) -> None:
        self.shown = "shown"

    def __str__(self) -> str:
        return "a thing"


VALUES: dict[str, Any] = {
    "fee": Decimal("28.5"),
    "name": "橙子",
    "word": " hEllo world ",
    "nothing": "",
    "x": Thing(),
    "act": Thing(),
    "items": ["a", "b"],
}
FILTERS = "capitalize, default, first, int, join, last, length, lower, title, trim, upper"


def check_and_render(text: str) -> str:
    """What becomes of a template in a world: it is checked, and later filled in."""
    names_in(text)
    return render(text, VALUES)


def assert_refused(text: str) -> None:
    """A template is refused, when it is checked or at the latest when it is filled in, in good time."""
    before = time.perf_counter()
    with pytest.raises(TemplateError):
        check_and_render(text)
    assert time.perf_counter() - before < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no names", "no names"),
        ("{{ name }}付了{{ fee }}元", "橙子付了28.5元"),
        ("{% if fee > 20 %}dear{% else %}cheap{% endif %}", "dear"),
        ("{% if fee > 30 %}dear{% elif fee > 20 %}fair{% else %}cheap{% endif %}", "fair"),
        ("{% if fee > 20 and not (fee == 3 or name != '橙子') %}yes{% endif %}", "yes"),
        ("{{ 'in' if 'a' in items else 'out' }}", "in"),
        ("{{ 'low' if 1 < fee <= 2 }}", ""),
        ("{{ act.shown }}", "shown"),
        ("{{ x }}", "a thing"),
        ("{{ fee + 1 }}", "29.5"),
        ("{{ fee - 1 }}", "27.5"),
        ("{{ name ~ fee }}", "橙子28.5"),
        ("a{# a remark #}b", "ab"),
        ("<b>&</b> {{ name }}", "<b>&</b> 橙子"),
        ("a { and a } alone", "a { and a } alone"),
    ],
)
def test_a_template_is_filled_in(text: str, expected: str) -> None:
    """With names, attributes, conditions and sums, and nothing escaped."""
    assert expected == check_and_render(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ items | join('-') }}", "a-b"),
        ("{{ items | join }}", "ab"),
        ("{{ items | first }}{{ items | last }}{{ items | length }}", "ab2"),
        ("[{{ word | upper }}]", "[ HELLO WORLD ]"),
        ("[{{ word | lower }}]", "[ hello world ]"),
        ("[{{ word | title }}]", "[ Hello World ]"),
        ("[{{ word | trim }}]", "[hEllo world]"),
        ("[{{ word | trim | capitalize }}]", "[Hello world]"),
        ("{{ fee | int }}", "28"),
        ("{{ unheard | default('-') }}", "-"),
        ("{{ act.unheard | default(fee) }}", "28.5"),
        ("[{{ nothing | default('-') }}]", "[]"),
    ],
)
def test_a_filter_is_applied(text: str, expected: str) -> None:
    """Each of those there are, one after another too."""
    assert expected == check_and_render(text)


@given(st.text(st.characters(blacklist_characters="{", blacklist_categories=["Cs"])))
def test_text_without_a_brace_is_itself(text: str) -> None:
    """Not a character is lost, not even a line's end."""
    assert text == render(text, {})


@given(st.text(max_size=50))
def test_a_value_is_not_read_as_a_template(value: str) -> None:
    """What a model said may hold braces, and stands there as it was said."""
    assert f"-{value}-" == render("-{{ said }}-", {"said": value})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plain", set()),
        ("{{ fee }} {{ name }}", {"fee", "name"}),
        ("{{ act.shown }}", {"act"}),
        ("{{ items | join(name) | default(word) }}", {"items", "name", "word"}),
        ("{% if fee > 20 %}{{ name }}{% elif x %}{{ word }}{% endif %}", {"fee", "name", "x", "word"}),
        ("{{ 病人 }}", {"病人"}),
        ("{% if false %}{{ hidden }}{% endif %}", {"hidden"}),
        ("{{ range }}{{ cycler }}{{ lipsum }}{{ namespace }}", {"range", "cycler", "lipsum", "namespace"}),
    ],
)
def test_the_names_that_a_template_uses_are_known(text: str, names: set[str]) -> None:
    """Wherever they stand, and what Jinja would bring along is a name like any other."""
    assert names == names_in(text)


def test_an_unknown_name_is_an_error_and_not_a_gap() -> None:
    """A hole in a prompt would go unnoticed."""
    with pytest.raises(TemplateError, match="'fees' is undefined"):
        render("{{ fees }}", VALUES)


@pytest.mark.parametrize(
    "text", ["{{ fee", "{% if fee %}", "{{ fee | nofilter }}", "{% nope %}", "{{ 1 + }}", "{%"]
)
def test_what_is_no_template_is_refused_when_it_is_checked(text: str) -> None:
    """Long before it would be shown to anyone."""
    with pytest.raises(TemplateError, match="not a template: "):
        names_in(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{% for i in items %}{{ i }};{% endfor %}", "for"),
        ("{% for i in items %}{{ i }}{{ fee }}{% endfor %}", "for"),
        ("{% set y = fee %}{{ y }}", "assign"),
        ("{% set y %}a{% endset %}", "assignblock"),
        ("{% with y = fee %}{{ y }}{% endwith %}", "with"),
        ("{% macro m() %}{% endmacro %}", "macro"),
        ("{% block b %}{% endblock %}", "block"),
        ("{% filter upper %}a{% endfilter %}", "filterblock"),
        ("{% include 'a' %}", "include"),
        ("{% import 'os' as os %}", "import"),
        ("{{ x() }}", "call"),
        ("{{ items.append('c') }}", "call"),
        ("{{ name.upper() }}", "call"),
        ("{{ items[9] }}", "getitem"),
        ("{{ items.0 }}", "getitem"),
        ("{{ x['shown'] }}", "getitem"),
        ("{{ items[0:1] }}", "getitem"),
        ("{{ fee * 2 }}", "mul"),
        ("{{ 1 / 0 }}", "div"),
        ("{{ fee / 2 }}", "div"),
        ("{{ fee // 2 }}", "floordiv"),
        ("{{ fee % 2 }}", "mod"),
        ("{{ 2 ** 3 }}", "pow"),
        ("{{ -fee }}", "neg"),
        ("{{ [1] }}", "list"),
        ("{{ (1, 2) }}", "tuple"),
        ("{{ {'a': 1} }}", "dict"),
        ("{{ fee is defined }}", "test"),
        ("{% if false %}{{ fee * 2 }}{% endif %}", "mul"),
        ("{{ name | default(fee * 2) }}", "mul"),
    ],
)
def test_what_is_not_part_of_the_language_is_refused_when_it_is_checked(text: str, what: str) -> None:
    """Also where it would never be reached, and where nobody checked it before it is filled in."""
    for use in (names_in, lambda t: render(t, VALUES)):
        with pytest.raises(TemplateError) as error:
            use(text)
        assert f"not a template: '{what}' is not part of the language" == str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ fee | nofilter }}", f"no filter 'nofilter'; known: {FILTERS}"),
        ("{{ name | uper }}", f"no filter 'uper'; did you mean 'upper'? known: {FILTERS}"),
        ("{{ fee | round }}", f"no filter 'round'; known: {FILTERS}"),
        ("{{ x | attr('shown') }}", f"no filter 'attr'; known: {FILTERS}"),
        ("{{ items | sum }}", f"no filter 'sum'; known: {FILTERS}"),
        ("{{ name | trim | safe }}", f"no filter 'safe'; known: {FILTERS}"),
    ],
)
def test_an_unknown_filter_is_refused_when_it_is_checked(text: str, message: str) -> None:
    """Those of Jinja that are left out as well as those that never were."""
    with pytest.raises(TemplateError) as error:
        names_in(text)
    assert f"not a template: {message}" == str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ x.__class__ }}",
        "{{ x | attr('__class__') }}",
        "{{ x['__class__'] }}",
        "{{ items | join('-', '__class__') }}",
        "{{ items | join('-', attribute='__class__') }}",
        "{{ items.append }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ items.append('c') }}",
        "{{ items.__len__() }}",
        "{{ [].__class__.__base__.__subclasses__() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ config }}",
        "{% import 'os' as os %}{{ os }}",
        "{% from 'os' import system %}{{ system }}",
        "{% include '/etc/passwd' %}",
        "{% extends '/etc/passwd' %}",
    ],
)
def test_nothing_but_the_given_values_can_be_reached(text: str) -> None:
    """No way leads from a value to Python, to a file, or to a change of the value."""
    assert_refused(text)
    assert VALUES["items"] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(1000000000) %}a{% endfor %}",
        "{{ 'a' * 2000000 }}",
        "{{ name * 2000000 }}",
        "{{ [1] * 2000000 }}",
        "{{ 9 ** 99999 }}",
        "{{ 'a'.ljust(2000000) }}",
        "{{ 'a'.zfill(2000000) }}",
        "{{ 'a' | center(2000000) }}",
        "{{ name | indent(2000000, true) }}",
        "{{ '%02000000d' % 1 }}",
        "{{ '{:>2000000}'.format('a') }}",
        "{{ items | batch(2000000, 'x') | list | length }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ " + "(" * 5000 + "fee" + ")" * 5000 + " }}",
        "{{ " + "not " * 3000 + "fee }}",
    ],
)
def test_what_would_grow_without_measure_is_refused(text: str) -> None:
    """Neither checking a world nor showing it can be made to eat the memory or the time of a computer."""
    assert_refused(text)


def test_a_long_text_is_cut() -> None:
    """Values are bounded, but there may be many of them."""
    assert len(render("{{ a }}{{ a }}", {"a": "x" * (MAX_RENDERED - 1)})) == MAX_RENDERED


@pytest.mark.parametrize(
    "text",
    [
        "{{ fees }}",
        "{{ fee + name }}",
        "{{ name - 1 }}",
        "{{ fee > name }}",
        "{{ act.nothing }}",
        "{{ fee | length }}",
        "{{ fee | join }}",
        "{{ nothing | first }}",
        "{{ name | title(1) }}",
    ],
)
def test_what_fails_while_filling_in_is_a_template_error(text: str) -> None:
    """Whatever went wrong, a person is told which template it was."""
    names_in(text)
    with pytest.raises(TemplateError) as error:
        render(text, VALUES)
    assert str(error.value).startswith(f"cannot fill in '{text}': ")


@pytest.mark.parametrize("text", ["{{ x.shown }}", "{{ name.upper }}", "{{ x._shown }}", "{{ ''.__class__ }}"])
def test_only_an_act_has_parts(text: str) -> None:
    """A word has no inside: what Python keeps there differs from run to run."""
    part = text.partition(".")[2].removesuffix(" }}")
    with pytest.raises(TemplateError, match=f"^not a template: only 'act' has parts, so '.{part}' is nothing$"):
        names_in(text)


@pytest.mark.parametrize("text", ["{{ items | join('-', 'upper') }}", "{{ items | join(d='-') }}"])
def test_a_filter_takes_at_most_one_value(text: str) -> None:
    """More would let a filter look inside of values."""
    with pytest.raises(TemplateError, match=r"^not a template: the filter 'join' takes at most one value$"):
        names_in(text)


def test_the_template_itself_is_no_name() -> None:
    """Nothing of the library shows."""
    with pytest.raises(TemplateError, match=r"^not a template: 'self' is not part of the language$"):
        names_in("{{ self }}")


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("no names", True),
        ("{{ fee }} and {{ name }}", True),
        ("{{ fee or 'none' }}", False),
        ("{{ name | upper }}", False),
        ("{% if fee %}dear{% endif %}", False),
        ("{{ act.amount }}", False),
    ],
)
def test_a_template_of_names_alone_can_always_be_filled_in(text: str, is_so: bool) -> None:
    """All others are tried when a world is loaded."""
    assert has_names_alone(text) == is_so
