"""A collector of OpenTelemetry spans on this machine, and the spans of a log as plain values."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sim.read.spans import to_json, to_spans
from sim.record.log import RunLog

Json = dict[str, Any]


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A collector on this machine: its address, and the spans that it was sent, decoded."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a batch."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            if status == 200 and self.path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(body)
                got.extend(s for r in request.resource_spans for c in r.scope_spans for s in c.spans)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def written(log: RunLog) -> list[Json]:
    """The spans as JSON, with their attributes as plain values."""
    found = []
    for line in to_json(to_spans(log)):
        for resource in json.loads(line)["resourceSpans"]:
            for span in (s for c in resource["scopeSpans"] for s in c["spans"]):
                told = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                found.append({**span, "attributes": told})
    return found
