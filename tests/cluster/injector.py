"""A mutating webhook that puts a container into every pod, as a mesh's injector does.

As a program (``injector.py FOLDER PATCH``, the JSON patch in a file) it says where it serves and with which
certificate, and serves until its input ends.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from node_agent import certificate

PATCH = (
    {"op": "add", "path": "/spec/containers/-", "value": {"name": "proxy", "image": "rig/proxy:1"}},
    {"op": "add", "path": "/metadata/annotations", "value": {"meshlike/status": "injected"}},
)


class Injector:
    """Serves until `stop`; `url` and `ca` are what a webhook configuration needs."""

    def __init__(self, folder: Path, patch: Sequence[dict] = PATCH) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                response = {
                    "uid": review["request"]["uid"],
                    "allowed": True,
                    "patchType": "JSONPatch",
                    "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
                }
                content = json.dumps(
                    {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
                )
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: object) -> None:
                pass

        cert, key, pem = certificate(folder, "injector")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/inject"
        self.ca = base64.b64encode(pem).decode()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    served = Injector(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
    print(json.dumps({"url": served.url, "ca": served.ca}), flush=True)
    sys.stdin.read()
    served.stop()
