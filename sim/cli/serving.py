"""A page for a browser on this computer, which shows the last picture of ``sim dev`` and changes with it."""

from __future__ import annotations

import json
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from sim.cli.app import say
from sim.errors import DefinitionError

_HOST = "127.0.0.1"
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
_PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>sim dev</title><style>
body { font: 15px/1.45 sans-serif; margin: 0; display: flex; flex-wrap: wrap; gap: 1rem; padding: 1rem; }
#map { flex: 1 1 30rem; overflow: auto; } #map svg { max-width: 100%; height: auto; }
pre { flex: 1 1 30rem; margin: 0; white-space: pre-wrap; font-size: 13px; }
#bad { flex: 1 0 100%; color: #a3261b; } #bad:empty { display: none; } .old #map { opacity: .4; }
</style></head><body><pre id="bad"></pre><div id="map"></div><pre id="text"></pre><script>
let seen = -1;
const look = async () => {
  try {
    const answer = await fetch("/state?seen=" + seen);
    if (answer.status === 200) {
      const now = await answer.json();
      seen = now.number;
      document.body.className = now.old ? "old" : "";
      document.getElementById("bad").textContent =
        now.problems + (now.old ? "\\nthe picture is old, as of " + now.old : "");
      document.getElementById("map").innerHTML = now.picture;
      document.getElementById("text").textContent = now.text;
    }
  } catch { document.getElementById("bad").textContent = "sim dev has ended"; }
  setTimeout(look, 300);
};
look();
</script></body></html>"""


class Page:
    """Serves what was shown last at ``http://127.0.0.1:PORT``, until the program ends.

    Raises:
        DefinitionError: if the port is taken or not allowed.
    """

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._state = b"{}"
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
                """Say nothing of requests."""

        try:
            self._server = ThreadingHTTPServer((_HOST, port), Handler)
        except OSError as error:
            raise DefinitionError(f"--serve {port}: {error.strerror}") from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://{_HOST}:{self._server.server_address[1]}/"
        say(f"the picture is at {self.url}")

    def show(self, picture: bytes, text: str, problems: str, old: str) -> None:
        """Show a picture, what was printed, and problems; ``old`` is since when the picture has not been drawn."""
        with self._lock:
            self._number += 1
            state = {"number": self._number, "text": text, "problems": problems, "old": old}
            self._state = json.dumps({**state, "picture": picture.decode()}, ensure_ascii=False).encode()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request: the page itself, or what it shows if that is not what was seen."""
        address = urlsplit(request.path)
        host = request.headers.get("Host", "").rpartition(":")[0]
        if host not in {_HOST, "localhost"}:  # another site's name that leads here is not let in
            self._send(request, 403, b"only from this computer", "text/plain")
        elif address.path == "/":
            self._send(request, 200, _PAGE.encode(), "text/html")
        elif address.path == "/state":
            seen = parse_qs(address.query).get("seen", [""])[0]
            with self._lock:
                is_new, state = self._number > 0 and seen != str(self._number), self._state
            self._send(request, 200 if is_new else 204, state if is_new else b"", "application/json")
        else:
            self._send(request, 404, escape(f"nothing is at {address.path}").encode(), "text/plain")

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
        request.send_response(status)
        request.send_header("Content-Type", f"{kind}; charset=utf-8")
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Content-Security-Policy", _POLICY)
        request.send_header("Cache-Control", "no-store")
        request.end_headers()
        request.wfile.write(body)
