"""How to tell the Fortio in a client's pod what to call; gates and the load generator share it."""

from __future__ import annotations

from urllib.parse import urlsplit

PORT = 8080
"""Where its REST interface listens."""

RUN_PATH = "fortio/rest/run"
"""Path that starts a run."""

PING_PATH = "/fgrpc.PingServer/Ping"
"""Path of a ``grpc`` URL whose server is Fortio's: its ping is called. With any other path the standard health check
is, of the service that the path names, of the server as a whole without one."""


def asked_of(url: str) -> dict[str, str]:
    """Return the fields of Fortio's REST interface that say whom to call and in which protocol."""
    parts = urlsplit(url)
    if parts.scheme == "h2c":
        return {"url": f"http{url[len('h2c') :]}", "h2": "on"}
    if parts.scheme != "grpc":
        return {"url": url}
    asked = {"url": parts.netloc, "runner": "grpc"}
    return asked | ({"ping": "on"} if parts.path == PING_PATH else {"healthservice": parts.path.strip("/")})
