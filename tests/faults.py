"""What a provider may do wrong, each as one value."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from server import usage_of

KEY_MARK = "{key}"
"""In a fault's data it stands for the key that the request came with."""


def _same(body: Any) -> Any:
    return body


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    With no ``data`` of its own a fault changes the ordinary answer (``edit``), or how and when that is sent.
    """

    status: int = 200
    data: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    sent: Literal["whole", "cut", "drip"] = "whole"
    late_s: float = 0.0
    """Real seconds before anything is sent, or, of a ``drip``, after each byte."""
    edit: Callable[[Any], Any] = _same

    @classmethod
    def error(
        cls,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        parameter: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Fault:
        """An error in the shape that OpenAI gives it."""
        told = {"message": message, "type": kind, "param": parameter, "code": code}
        return cls(status, json.dumps({"error": told}).encode(), headers)

    @classmethod
    def busy(cls, retry_after: str | None = None, message: str | None = None) -> Fault:
        """Too many requests; when to come back stands in the header, in the message, or nowhere."""
        headers = () if retry_after is None else (("Retry-After", retry_after),)
        text = message or "Too many requests."
        return cls.error(429, text, kind="requests", code="rate_limit_exceeded", headers=headers)

    @classmethod
    def broken(cls, status: int = 500) -> Fault:
        """The server's own failure: 500, 502, 503, or 529 (overloaded)."""
        return cls.error(status, "The server had an error while processing your request.", kind="server_error")

    @classmethod
    def cut(cls) -> Fault:
        """Half of the ordinary answer, then the connection is closed."""
        return cls(sent="cut")

    @classmethod
    def hung(cls, seconds: float) -> Fault:
        """Nothing for so long, and the ordinary answer then, if the client is still there."""
        return cls(late_s=seconds)

    @classmethod
    def drip(cls, seconds: float) -> Fault:
        """A byte of the ordinary answer every so many seconds, and never the last."""
        return cls(sent="drip", late_s=seconds)

    @classmethod
    def without_usage(cls) -> Fault:
        """The ordinary answer, which does not say what it cost."""
        return cls(edit=lambda body: {k: v for k, v in body.items() if k != "usage"})

    @classmethod
    def body(cls, raw: bytes, content_type: str = "application/json") -> Fault:
        """A body of any shape, with status 200."""
        return cls(data=raw, headers=(("Content-Type", content_type),))

    @classmethod
    def no_choices(cls, usage: tuple[int, int] | None = None) -> Fault:
        """No choices, though they are billed: so many tokens, or those of the ordinary answer."""

        def emptied(body: Any) -> Any:
            told = {} if usage is None else {"usage": usage_of(*usage)}
            return {**body, "choices": [], **told}

        return cls(edit=emptied)

    @classmethod
    def refuses(cls, parameter: str) -> Fault:
        """A parameter of the request is not known here."""
        text = f"Unsupported parameter: '{parameter}' is not supported with this model."
        return cls.error(400, text, code="unsupported_parameter", parameter=parameter)

    @classmethod
    def unauthorised(cls, *, echo_key: bool = True) -> Fault:
        """The key is wrong, and is repeated in the message, as some providers do."""
        text = f"Incorrect API key provided: {KEY_MARK}." if echo_key else "Incorrect API key provided."
        return cls.error(401, text, code="invalid_api_key")
