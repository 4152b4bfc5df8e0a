"""What a good model would answer in any world: the acts that must be done, by the request's schema or its words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from server import REPLY, completion, fill

from sim.engine import tokens

_SHAPE = re.compile(r"JSON[^{\n]*(\{.*\})")
_ACT = re.compile(r'"(\w+)": \{([^{}]*)\}( \()?')
_FIELD = re.compile(r'"(\w+)": (\[?)("?)')
_FIRST_OPTION = r"\b{act} [^\n]*?\[[^:\[\]]*: ([^(|\]]+)"


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an answer, cut off where the request's limit of tokens is."""
    texts = [m["content"] for m in messages(request)]
    prompt = "\n".join(texts)
    schema = request.get("response_format", {}).get("json_schema", {}).get("schema") or _schema(prompt)
    whole = json.dumps(fill(schema, prompt), ensure_ascii=False) if schema else REPLY
    said, room = whole, limit(request)
    while room is not None and tokens.count(said) > room:
        said = said[:-1]
    body = completion(said, asked(request), tokens.count(said))
    body["choices"][0]["finish_reason"] = "stop" if said == whole else "length"
    return body


def messages(request: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages of a request, as texts."""
    return [{"role": m["role"], "content": str(m.get("content") or "")} for m in request.get("messages", [])]


def asked(request: Mapping[str, Any]) -> int:
    """The tokens of a request's prompt."""
    return tokens.count_messages(messages(request))


def limit(request: Mapping[str, Any]) -> int | None:
    """The tokens that the answer may have, by either of the names that this limit has."""
    return request.get("max_completion_tokens") or request.get("max_tokens")


def _schema(prompt: str) -> dict[str, Any] | None:
    """The schema behind the example in a prompt, for a client that may send none."""
    shapes = _SHAPE.findall(prompt)
    if not shapes:
        return None
    properties: dict[str, Any] = {"say": {"type": "string"}} if '"say"' in shapes[-1] else {}
    for act, fields, may_be_null in _ACT.findall(shapes[-1]):
        option = re.findall(_FIRST_OPTION.format(act=act), prompt)
        values = {}
        for name, is_list, is_text in _FIELD.findall(fields):
            one = {"enum": [o.strip() for o in option[-1:]]} if is_text and option else {"type": "number"}
            values[name] = {"type": "array", "items": one} if is_list else one
        properties[act] = {"anyOf": []} if may_be_null else {"properties": values}
    return {"properties": properties}
