"""A real HTTP server that stands where an API server should, and answers as it is told."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Impostor:
    """The server: what it was asked, and how it answers (method, path) now."""

    answer: Callable[[str, str], Answer] = lambda method, path: (200, {}, b"")
    port: int = 0
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def kubeconfig(self, folder: Path, user: dict[str, Any] | None = None) -> Path:
        """Write a kubeconfig whose only context leads here."""
        path = folder / "kubeconfig.json"
        shown = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "t",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "contexts": [{"name": "t", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "abc"} if user is None else user}],
        }
        path.write_text(json.dumps(shown))
        return path


@contextlib.contextmanager
def impostor() -> Iterator[Impostor]:
    """Serve until the context is left."""
    told = Impostor()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _any(self) -> None:
            told.asked.append((self.command, self.path, dict(self.headers)))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = told.answer(self.command, self.path)
            if status == 0:
                self.wfile.write(body)  # whatever it is, it is no HTTP
                self.close_connection = True
                return
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
