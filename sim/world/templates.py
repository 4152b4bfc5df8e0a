"""Words with facts filled in: a small part of Jinja, checked when a world is loaded.

Names, attributes, comparisons, ``if`` and a few filters are enough for words; loops, calls and arithmetic that
could grow a text without end are left out, on top of the sandbox.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sim.errors import SimError, did_you_mean

MAX_RENDERED = 20_000
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Concat,
    nodes.Add, nodes.Sub,
)  # fmt: skip
_PLAIN = (nodes.Output, nodes.TemplateData, nodes.Name)
_FILTERS = ("capitalize", "default", "first", "int", "join", "last", "length", "lower", "title", "trim", "upper")


class TemplateError(SimError):
    """A template that cannot be parsed, or that failed for the values at hand."""


_environment = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, optimized=False
)
_environment.globals.clear()


def _parse(text: str) -> nodes.Template:
    """The tree of a template that uses nothing but what is allowed."""
    try:
        tree = _environment.parse(text)
    except (jinja2.TemplateError, RecursionError, ValueError, OverflowError, MemoryError) as error:
        raise TemplateError(f"not a template: {str(error).removesuffix('.')}") from None
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise TemplateError(f"not a template: '{type(node).__name__.lower()}' is not part of the language")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise TemplateError(f"not a template: no filter '{node.name}'{did_you_mean(node.name, _FILTERS)}")
        if isinstance(node, nodes.Getattr) and not (isinstance(node.node, nodes.Name) and node.node.name == "act"):
            raise TemplateError(f"not a template: only 'act' has parts, so '.{node.attr}' is nothing")
        if isinstance(node, nodes.Filter) and (
            len(node.args) > 1 or node.kwargs or node.dyn_args or node.dyn_kwargs
        ):
            raise TemplateError(f"not a template: the filter '{node.name}' takes at most one value")
        if isinstance(node, nodes.Name) and node.name == "self":
            raise TemplateError("not a template: 'self' is not part of the language")
    return tree


@functools.lru_cache(maxsize=4096)
def _template(text: str) -> jinja2.Template:
    _parse(text)
    return _environment.from_string(text)


def names_in(text: str) -> frozenset[str]:
    """The names that a template uses.

    Raises:
        TemplateError: if it is not a template.
    """
    return _uses(text)[0]


def has_names_alone(text: str) -> bool:
    """Whether a template has nothing but names in it, so that with these it can always be filled in.

    Raises:
        TemplateError: if it is not a template.
    """
    return _uses(text)[1]


@functools.lru_cache(maxsize=4096)
def _uses(text: str) -> tuple[frozenset[str], bool]:
    """The names that a template uses, none of which it can set itself, and whether it has nothing else."""
    if "{" not in text:
        return frozenset(), True
    found = list(_parse(text).find_all(nodes.Node))
    names = frozenset(node.name for node in found if isinstance(node, nodes.Name))
    return names, all(isinstance(node, _PLAIN) for node in found)


def attributes_in(text: str, name: str) -> set[str]:
    """The attributes of a name that a template uses: ``amount`` for ``act`` in ``{{ act.amount }}``."""
    found = _parse(text).find_all(nodes.Getattr)
    return {n.attr for n in found if isinstance(n.node, nodes.Name) and n.node.name == name}


def render(text: str, values: Mapping[str, object]) -> str:
    """Fill in a template; what is longer than ``MAX_RENDERED`` characters is cut.

    Raises:
        TemplateError: if a value is missing or an operation is not allowed.
    """
    if "{" not in text:
        return text
    given = {}
    for name in names_in(text):
        with contextlib.suppress(KeyError):
            given[name] = values[name]
    try:
        return _template(text).render(given)[:MAX_RENDERED]
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise TemplateError(f"cannot fill in '{text[:80]}': {error}") from None
