"""Words with facts filled in: Jinja templates in an immutable sandbox, checked when a world is loaded."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jinja2
import jinja2.meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sim.errors import SimError

MAX_RENDERED = 20_000


class TemplateError(SimError):
    """A template that cannot be parsed, or that failed for the values at hand."""


_environment = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False, trim_blocks=True
)
_environment.globals.clear()


@functools.lru_cache(maxsize=4096)
def _template(text: str) -> jinja2.Template:
    return _environment.from_string(text)


def names_in(text: str) -> set[str]:
    """The names that a template uses.

    Raises:
        TemplateError: if it is not a template.
    """
    try:
        tree = _environment.parse(text)
        _template(text)
        return jinja2.meta.find_undeclared_variables(tree)
    except (jinja2.TemplateError, RecursionError) as error:
        raise TemplateError(f"not a template: {error}") from None


def render(text: str, values: Mapping[str, object]) -> str:
    """Fill in a template.

    Raises:
        TemplateError: if a value is missing or an operation is not allowed.
    """
    if "{" not in text:
        return text
    try:
        return _template(text).render(values)[:MAX_RENDERED]
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise TemplateError(f"cannot fill in '{text[:80]}': {error}") from None
