"""What pods, events and conditions say about why something is not ready, in sentences. Pure.

Every wait that ends without its condition asks here, so that a person reads "the image cannot be pulled" and not
"timed out".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.text.redaction import redacted_text

LOG_CHARACTERS = 400
"""How much of a crashed container's log goes into a sentence: its last lines, enough for an exception's."""

_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
_UNMADE = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_CRASH = ("CrashLoopBackOff", "Error")


def statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the status of every container, init containers first (proxies may be there)."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def condition(found: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return a condition of an object's status; empty when there is none."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def crashed(pod: Mapping[str, Any]) -> str:
    """Return the name of a container that ended badly or waits to be restarted; empty without one."""
    for one in statuses(pod):
        state, last = one.get("state") or {}, one.get("lastState") or {}
        waiting = (state.get("waiting") or {}).get("reason", "")
        code = (state.get("terminated") or last.get("terminated") or {}).get("exitCode", 0)
        if waiting == "CrashLoopBackOff" or (code and not one.get("ready")):
            return str(one["name"])
    return ""


def about_pod(pod: Mapping[str, Any], log: str = "", events: Iterable[Mapping[str, Any]] = ()) -> str:
    """Return why a pod is not ready; empty when it is, or when it says nothing.

    A kubelet puts into a pod's status why an image or a container failed, but why a probe fails, a volume is missing or
    a sandbox cannot be made only into ``events``.
    """
    name = pod["metadata"]["name"]
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"pod {name} cannot be scheduled: {shortage(str(scheduled.get('message', '')))}"
    for one in statuses(pod):
        said = _about_container(one, log)
        if said:
            return f"pod {name}, container {one['name']}: {said}"
    if condition(pod, "Ready").get("status") == "True":
        return ""
    waiting = [one["name"] for one in statuses(pod) if not one.get("ready")]
    warned = next((text for _, text in _warnings(events)), "")
    message = warned or condition(pod, "Ready").get("message") or (pod.get("status") or {}).get("message", "")
    if waiting:
        return f"pod {name}: {', '.join(waiting)} not ready" + (f" ({message})" if message else "")
    return f"pod {name} is {(pod.get('status') or {}).get('phase', 'not started')}" + (
        f": {message}" if message else ""
    )


def _about_container(status: Mapping[str, Any], log: str) -> str:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in _PULL:
        return f"the image {status.get('image', '')} cannot be pulled: {message or reason}"
    if reason in _UNMADE:
        return f"it cannot be started: {redacted_text(message or reason)}"
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    if reason in _CRASH or (ended.get("exitCode") and not status.get("ready")):
        code = f" with exit code {ended['exitCode']}" if "exitCode" in ended else ""
        why = ended.get("reason") if ended.get("reason") not in (None, "Error", "Completed") else ""
        times = f", {status['restartCount']} restarts" if status.get("restartCount") else ""
        told = log or str(ended.get("message", "")) or message
        text = redacted_text(told).strip()[-LOG_CHARACTERS:]
        return f"it ended{code}{f' ({why})' if why else ''}{times}" + (f"; it printed last: {text}" if text else "")
    return ""


_SHORT = re.compile(r"Insufficient ([\w./-]+)")


def shortage(message: str) -> str:
    """Return the scheduler's sentence with what is short said first."""
    short = sorted({name.rstrip(".") for name in _SHORT.findall(message)})
    text = message.split(" preemption:")[0].rstrip(" .,") or "no suitable node was found"
    return f"there is too little {' and '.join(short)} ({text})" if short else text


def about_workload(found: Mapping[str, Any]) -> str:
    """Return why a Deployment, DaemonSet or StatefulSet makes no pods: a quota, a webhook, missing rights."""
    for kind in ("ReplicaFailure", "Progressing"):
        one = condition(found, kind)
        if (kind == "ReplicaFailure" and one.get("status") == "True") or one.get("status") == "False":
            return refusal(str(one.get("message") or one.get("reason") or ""))
    return ""


def refusal(message: str) -> str:
    """Return an admission's refusal with its cause said first."""
    if "exceeded quota" in message:
        return f"a quota forbids it: {message[message.index('exceeded quota') :]}"
    if "failed calling webhook" in message or "failed to call webhook" in message:
        named = re.search(r'webhook "([^"]+)"', message)
        return f"the webhook {named[1] if named else ''} does not answer, so pods are refused: {message}"
    return message


def about_events(events: Iterable[Mapping[str, Any]], limit: int = 3) -> list[str]:
    """Return the newest different warnings, each with its object."""
    return [f"{who}: {text}".strip(" :") for who, text in _warnings(events)][:limit]


def _warnings(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return (object, sentence) of different warnings, the newest first."""
    found: dict[str, tuple[str, str]] = {}
    for event in sorted(events, key=_seen, reverse=True):
        if event.get("type") != "Warning":
            continue
        involved = event.get("involvedObject") or event.get("regarding") or {}
        text = refusal(redacted_text(str(event.get("message") or event.get("note") or "")).strip())
        found.setdefault(text[:80], (f"{involved.get('kind', '')} {involved.get('name', '')}", text))
    return list(found.values())


def _seen(event: Mapping[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def joined(complaints: Sequence[str], limit: int = 4) -> str:
    """Return several complaints as one clause; says so when nothing was said."""
    different = list(dict.fromkeys(one for one in complaints if one))
    if not different:
        return "neither its pods nor its events give a reason"
    more = f"; and {len(different) - limit} more" if len(different) > limit else ""
    return "; ".join(different[:limit]) + more
