"""What an API server answers, looked at once at the door; and what is not an API server, named as such.

In place of an API server may stand a login page, a proxy's complaint, another program, or nothing. Every verb says so,
with what came, instead of going on with it.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, ParamSpec, TypeVar
from urllib.parse import urlsplit

from workbench.errors import NotKubernetesError

P = ParamSpec("P")
T = TypeVar("T")

MOST_BYTES = 256 * 2**20
"""Of one answer: a list of all pods of a cluster of thousands of nodes is smaller, and a kubelet's page."""

LONGEST_S = 120.0
"""How long one answer may go on arriving."""

DEEPEST = 200
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_CERTIFICATE = re.compile(r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|doesn't match|Hostname mismatch", re.I)
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|wrong version number|record layer failure|UNEXPECTED_MESSAGE", re.I)


def no_server(who: str, what: str, came: str) -> NotKubernetesError:
    """Return the error that says what came in place of an API server's answer to ``what``."""
    return NotKubernetesError(
        f"The server at {who} is not a Kubernetes API server: it answered {what} with {came}. Check the "
        "address in the kubeconfig and the proxies (HTTPS_PROXY, NO_PROXY), and log in if you must."
    )


def whole(answer: Any) -> bytes | None:
    """Return the body of an open answer; None when it is larger or takes longer than any answer may."""
    parts: list[bytes] = []
    size, end = 0, time.monotonic() + LONGEST_S
    for part in answer.stream(2**16, decode_content=True):
        size += len(part)
        if size > MOST_BYTES or time.monotonic() > end:
            answer.close()
            return None
        parts.append(part)
    return b"".join(parts)


def events_in(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield the events of an open watch, one a line; ValueError for a line that is none."""
    rest = b""
    for part in answer.stream(65536):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.strip():
                event = json.loads(line)
                if not isinstance(event, dict):
                    raise ValueError("no event")
                yield event


def understood(body: bytes | None, who: str, what: str) -> dict[str, Any]:
    """Return the JSON object in an answer.

    Raises
    ------
    NotKubernetesError
        When it is none, saying what it is.
    """
    if body is None:
        raise no_server(who, what, f"more than {MOST_BYTES // 2**20} MiB, or an endless answer")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        raise no_server(who, what, "JSON with endless nesting" if deep else described(body)) from None
    if not isinstance(told, dict):
        raise no_server(who, what, f"JSON that is not an object ({json.dumps(told)[:60]})")
    if _too_deep(body, told):
        raise no_server(who, what, f"JSON of more than {DEEPEST} levels")
    return told


def _too_deep(body: bytes, told: Any) -> bool:
    """Whether something is nested more deeply than anything of Kubernetes' (CRDs' schemas have some sixty levels)."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return False
    level = [told]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def described(body: bytes) -> str:
    """Return what an answer is that is not JSON, in words."""
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return "nothing"
    if text[:1] == b"<":
        title = _TITLE.search(text[:20_000])
        named = " ".join(title[1].decode(errors="replace").split()) if title else ""
        return f"a page of HTML{f' ({named!r})' if named else ''}"
    return f"no JSON ({text[:60].decode(errors='replace')!r})"


def foreign(status: int, headers: Mapping[str, str] | None, body: bytes, reason: str = "") -> str:
    """Return what is wrong with a refusal that no API server sends; empty for what may be one's."""
    if 300 <= status < 400:
        place = urlsplit(str((headers or {}).get("Location", "")))
        where = f" to {place.scheme}://{place.hostname}{place.path[:80]}" if place.hostname else ""
        return f"a redirect (status {status}){where}, such as to a login page"
    if status == 407:
        return "a proxy that requires a password (status 407)"
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return f"{described(body)}, status {status}"
    return f"no HTTP ({reason[:80]!r})" if status and not 100 <= status < 600 else ""


def insecure(said: str) -> str:
    """Return why a connection cannot be trusted or is none of TLS, which no waiting mends; empty for other trouble."""
    if _CERTIFICATE.search(said):
        return "the kubeconfig does not trust the signer of its certificate, or the certificate is for another server"
    return "it does not speak TLS: should its address begin with http://?" if _NO_TLS.search(said) else ""


# ---------------------------------------------------------------------- the last line
_MISTAKEN = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)


@contextmanager
def sense(who: str) -> Iterator[None]:
    """Say of answers that no sense could be made of that it was the answers: what else a server may say, nobody lists.

    Raises
    ------
    NotKubernetesError
        In place of the error that came of it, which is chained.
    """
    try:
        yield
    except _MISTAKEN as error:
        _senseless(who, error)


def _senseless(who: str, error: Exception) -> NoReturn:
    why = " ".join(str(error).split())[:120]
    raise NotKubernetesError(
        f"{who} does not answer like a Kubernetes API server ({type(error).__name__}: {why}). Check the "
        "address in the kubeconfig; --traceback shows where it was read."
    ) from error


def sensible(act: Callable[P, T]) -> Callable[P, T]:
    """Wrap a method of something that has a `cluster` in `sense`."""

    @functools.wraps(act)
    def wrapped(*given: P.args, **named: P.kwargs) -> T:
        cluster = getattr(given[0], "cluster")  # noqa: B009 - whatever has one
        with sense(cluster.who):
            return act(*given, **named)

    return wrapped
