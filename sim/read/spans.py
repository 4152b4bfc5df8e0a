"""A run as OpenTelemetry spans, by the conventions for generative AI, for tools that watch models at work.

A run is a trace. Its root is a workflow, with a workflow for each episode in it; in an episode an agent's turns,
and in a turn the calls of models and the look-ups. Ids follow from the run's trace, so the same log gives the same
spans. Times are simulated: they count from when the run was begun, as the log tells it. Needs the extra ``otel``.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from sim.errors import RunLogError
from sim.read.export import json_line
from sim.read.xes import FIRST_DAY
from sim.record.log import RunLog
from sim.record.records import Call, EpisodeEnded, EpisodeStarted, Header, LookUp, RunEnded, Turn

BATCH = 500
"""Spans that are sent or written together."""

PROVIDER = "roleplay-sim"
"""Who answers where no provider was asked: the script, a person, a function."""

Contents = Mapping[int, Mapping[str, str]]
"""What was asked and answered, as attributes, by the number of the call's record."""

_RECORDS: tuple[type[Any], ...] = (EpisodeStarted, Call, LookUp, Turn, EpisodeEnded, RunEnded)


def messages(call: Mapping[str, Any], asked: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What was asked and answered in a call, as the conventions have it in attributes."""

    def text(role: str, content: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "content": content}]}

    given = [text(m["role"], m["content"]) for m in asked]
    answer = {**text("assistant", call["answer"]), "finish_reason": "stop"}
    return {
        "gen_ai.input.messages": json.dumps(given, ensure_ascii=False),
        "gen_ai.output.messages": json.dumps([answer], ensure_ascii=False),
    }


def to_spans(log: RunLog, content: Callable[[int], Mapping[str, str]] | None = None) -> Iterator[ReadableSpan]:
    """The spans of a run, each after those within it; with ``content`` also what was asked and answered.

    Raises:
        RunLogError: if a time is beyond all dates.
    """
    made = _Maker(log, content or (lambda _: {}))
    for index, record in log.records.placed(*_RECORDS):
        yield from made.of(index, record)
    yield from made.rest()


def to_json(spans: Iterable[ReadableSpan]) -> Iterator[str]:
    """Spans in the JSON of OTLP: a line for each batch, as its file format has it."""
    iterator = iter(spans)
    while batch := list(itertools.islice(iterator, BATCH)):
        value = MessageToDict(encode_spans(batch), use_integers_for_enums=True)
        for scope in (s for r in value["resourceSpans"] for s in r["scopeSpans"]):
            for span in scope["spans"]:
                _name_ids(span)
        yield json_line(value)


def send(spans: Iterable[ReadableSpan], endpoint: str) -> int:
    """Send spans to a receiver of OTLP over HTTP, and say how many there were.

    Raises:
        RunLogError: if it does not take them.
    """
    import logging  # noqa: PLC0415 - only here

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what it would say, the error below says
    url = endpoint if endpoint.rstrip("/").endswith("/v1/traces") else f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=url, timeout=10)
    sent, iterator = 0, iter(spans)
    try:
        while batch := list(itertools.islice(iterator, BATCH)):
            if exporter.export(batch) is not SpanExportResult.SUCCESS:
                raise RunLogError(f"cannot send to {url}: no receiver took it; {sent:,} spans were sent before")
            sent += len(batch)
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    return sent


class _Maker:
    """Makes spans of records, one after another, keeping only those that are not over."""

    def __init__(self, log: RunLog, content: Callable[[int], Mapping[str, str]]) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - only here

        self._log = log
        self._content = content
        self._header = log.header
        self._begun = _begun(self._header)
        self._seed = hashlib.sha256(log.trace.encode())
        self._trace = int.from_bytes(self._digest("trace")[:16])
        self._resource = Resource({"service.name": PROVIDER, "service.version": version("roleplay-sim")})
        self._scope = InstrumentationScope("sim.read.spans", version("roleplay-sim"))
        self._episodes: dict[int, tuple[float, float]] = {}
        self._open: dict[tuple[int, int], list[tuple[int, Call | LookUp]]] = {}
        self._end = 0.0

    def of(self, index: int, record: Any) -> Iterator[ReadableSpan]:
        """The spans that are over with a record."""
        if isinstance(record, EpisodeStarted):
            self._episodes[record.episode] = (record.time, record.time)
        elif isinstance(record, Call | LookUp):
            self._open.setdefault((record.episode, record.turn), []).append((index, record))
        elif isinstance(record, Turn):
            yield from self._turn(record)
        elif isinstance(record, EpisodeEnded) and record.episode in self._episodes:
            yield self._episode(record.episode, record)
        if not isinstance(record, Call | LookUp):
            self._end = max(self._end, record.time)

    def rest(self) -> Iterator[ReadableSpan]:
        """The calls that no turn came of, the episodes that did not end, and the run."""
        for (episode, _), found in self._open.items():
            parent = self._span_id(f"episode {episode}")
            yield from self._within(found, self._end, self._end, parent)
        self._open.clear()
        for episode in list(self._episodes):
            yield self._episode(episode, None)
        header = self._header
        name = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": header.world}
        told = {"sim.run": self._log.name, "sim.seed": str(header.seed), "sim.language": header.language}
        yield self._made(f"invoke_workflow {header.world}", "run", None, 0.0, self._end, {**name, **told})

    def _episode(self, episode: int, ended: EpisodeEnded | None) -> ReadableSpan:
        start, last = self._episodes.pop(episode)
        attributes = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": f"{self._header.world} episode",
            "gen_ai.conversation.id": self._conversation(episode),
        }
        attributes |= {"sim.outcome": ended.outcome, "sim.outcome.kind": ended.kind} if ended else {}
        end = ended.time if ended else last
        name = f"invoke_workflow {self._header.world} episode"
        wrong = ended.breach if ended else None
        return self._made(name, f"episode {episode}", "run", start, end, attributes, wrong=wrong)

    def _turn(self, turn: Turn) -> Iterator[ReadableSpan]:
        name = f"turn {turn.episode} {turn.turn}"
        start = turn.time - turn.minutes
        parent = f"episode {turn.episode}"
        found = self._open.pop((turn.episode, turn.turn), [])
        own = [(index, record) for index, record in found if record.role == turn.speaker]
        others = [(index, record) for index, record in found if record.role != turn.speaker]
        yield from self._within(others, start, start, self._span_id(parent))
        yield from self._within(own, start, turn.time, self._span_id(name))
        began, _ = self._episodes.get(turn.episode, (start, start))
        self._episodes[turn.episode] = (began, max(began, turn.time))
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.agent.id": turn.speaker,
            "gen_ai.agent.name": turn.speaker,
            "gen_ai.conversation.id": self._conversation(turn.episode),
            "sim.turn": turn.turn,
            "sim.state": turn.state,
            "sim.acts": [act.action for act in turn.acts],
        }
        yield self._made(f"invoke_agent {turn.speaker}", name, parent, start, turn.time, attributes)

    def _within(
        self, found: list[tuple[int, Call | LookUp]], start: float, end: float, parent: int
    ) -> Iterator[ReadableSpan]:
        """The calls and look-ups of a turn, which share its time evenly: nothing tells how long each took."""
        step = (end - start) / max(1, len(found))
        for count, (index, record) in enumerate(found):
            begin = start + count * step
            if isinstance(record, Call):
                name, attributes = f"chat {record.model}", self._call(index, record)
                kind = SpanKind.CLIENT
            else:
                name, kind = f"execute_tool {record.tool}", SpanKind.INTERNAL
                attributes = {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": record.tool,
                    "gen_ai.tool.type": "function",
                    "gen_ai.conversation.id": self._conversation(record.episode),
                }
            yield self._made(name, f"record {index}", parent, begin, begin + step, attributes, kind)

    def _call(self, index: int, call: Call) -> dict[str, Any]:
        described: Mapping[str, Any] = self._header.models.get(call.role, {})
        is_remote = isinstance(described.get("base_url"), str)
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": str(described.get("api") or "openai") if is_remote else PROVIDER,
            "gen_ai.request.model": call.model,
            "gen_ai.response.model": call.model,
            "gen_ai.conversation.id": self._conversation(call.episode),
            "gen_ai.agent.name": call.role,
            "gen_ai.usage.input_tokens": call.usage.prompt,
            "gen_ai.usage.output_tokens": call.usage.completion,
            "gen_ai.usage.cache_read.input_tokens": call.usage.cached,
            "sim.tokens.estimated": call.usage.is_estimated,
            "sim.purpose": call.purpose,
            "sim.attempt": call.attempt,
            "sim.cached": call.is_hit,
        }
        if call.cost is not None:
            attributes |= {"sim.cost": call.cost, "sim.currency": call.currency or ""}
        return {**attributes, **self._content(index)}

    def _made(
        self,
        name: str,
        key: str,
        parent: str | int | None,
        start: float,
        end: float,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
        wrong: str | None = None,
    ) -> ReadableSpan:
        above = self._span_id(parent) if isinstance(parent, str) else parent
        status = Status(StatusCode.ERROR, _text(wrong)) if wrong else Status(StatusCode.UNSET)
        whole = {k: _text(v) if isinstance(v, str) else v for k, v in attributes.items()}
        return ReadableSpan(
            name=_text(name),
            context=self._context(self._span_id(key)),
            parent=self._context(above) if above is not None else None,
            resource=self._resource,
            attributes=whole if not wrong else {**whole, "error.type": "invariant"},
            kind=kind,
            status=status,
            start_time=self._nanoseconds(start),
            end_time=self._nanoseconds(max(start, end)),
            instrumentation_scope=self._scope,
        )

    def _context(self, span: int) -> SpanContext:
        return SpanContext(self._trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def _digest(self, key: str) -> bytes:
        digest = self._seed.copy()
        digest.update(f" {key}".encode("utf-8", "replace"))
        return digest.digest()

    def _span_id(self, key: str) -> int:
        return int.from_bytes(self._digest(key)[:8]) or 1

    def _conversation(self, episode: int) -> str:
        return f"{self._log.name}-{episode}"

    def _nanoseconds(self, minutes: float) -> int:
        seconds = self._begun + minutes * 60
        if not 0 <= seconds < 2**63 / 1e9:
            raise RunLogError(f"{self._log.name} has a time that no clock has: minute {minutes:g}")
        return round(seconds * 1e9)


def _begun(header: Header) -> float:
    """Seconds since 1970 when the run was begun; the first day of all runs where the log does not tell."""
    started = header.measured.get("started")
    try:
        return datetime.datetime.fromisoformat(str(started)).timestamp()
    except (ValueError, OverflowError):
        return datetime.datetime.combine(FIRST_DAY, datetime.time(), datetime.UTC).timestamp()


def _text(text: str) -> str:
    """A text that UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def _name_ids(span: dict[str, Any]) -> None:
    """Ids in hex, as OTLP has them in JSON where Protobuf has base64."""
    import base64  # noqa: PLC0415 - only here

    for key in ("traceId", "spanId", "parentSpanId"):
        if span.get(key):
            span[key] = base64.b64decode(span[key]).hex()
        else:
            span.pop(key, None)
