"""An API server's refusal: what it says, what it means, and what to do. Pure."""

from __future__ import annotations

import json
import re

from kubernetes.client import ApiException

from workbench.errors import RefusedError as RefusedError

_NO_RIGHT = re.compile(r"\bcannot \w+ (resource|path) ")
_VERDICTS = (b"DisruptionBudget", b"error trying to reach service", b"error dialing backend")


def is_verdict(error: ApiException) -> bool:
    """Whether a busy server's status means something else: a budget that forbids, a pod or kubelet out of reach."""
    return any(sign in body_of(error) for sign in _VERDICTS)


def body_of(error: ApiException) -> bytes:
    """Return what came with a refusal."""
    body = error.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)


def refused(error: ApiException, what: str, anonymous: str = "") -> RefusedError:
    """Return a refusal with the server's own sentence and what to do; see `Cluster.anonymous`."""
    try:
        told = json.loads(body_of(error))
        message, reason, details = str(told.get("message", "")), str(told.get("reason", "")), told.get("details")
    except (ValueError, AttributeError):
        message, reason, details = body_of(error)[:300].decode(errors="replace"), "", None
    details = details if isinstance(details, dict) else None
    said = message or str(error.reason)
    hint = " The ClusterRole from `workbench rbac` grants this right." if _NO_RIGHT.search(said) else ""
    if anonymous or "system:anonymous" in said:
        why = anonymous or "it rejected the kubeconfig's credentials"
        hint = f" It does not know you ({why}): log in, or choose another context. Grant nothing to system:anonymous."
    sentence = f"The API server refused {what}: {said} (status {error.status}).{hint}"
    return RefusedError(sentence, int(error.status or 0), reason, said, details)


def first_line(error: BaseException) -> str:
    """Return the first line of an error, or its kind where it says nothing."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
