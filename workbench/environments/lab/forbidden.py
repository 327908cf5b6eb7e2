"""Why a machine refuses network namespaces, said for people, with what would mend it.

The kernel says only a number; the causes that are common in practice can be told apart by a few files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

_CONTAINER = (
    "a seccomp filter is in force, as in a container by default: start the container with --privileged, "
    "or with --cap-add SYS_ADMIN --cap-add NET_ADMIN and a seccomp profile that allows unshare and setns"
)
_APPARMOR = (
    "AppArmor restricts user namespaces, as in Ubuntu since 23.10: run as root, or "
    "set kernel.apparmor_restrict_unprivileged_userns=0 with sysctl"
)
_SWITCHED_OFF = "they are switched off or used up: run as root, or raise {name} with sysctl"
_NO_DEVICE = "the kernel has no device of this kind: load its module (as root: modprobe veth bridge vxlan)"
_NO_RIGHT = "this user has no right to do this: run as root, or with the capabilities SYS_ADMIN and NET_ADMIN"


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _filtered(status: str) -> bool:
    """Whether ``/proc/self/status`` says that a seccomp filter is in force."""
    return any(line.split() == ["Seccomp:", "2"] for line in status.splitlines())


def _cause(number: int, doing: str, read: Callable[[str], str]) -> str:
    if number == errno.EOPNOTSUPP:
        return _NO_DEVICE
    if number == errno.ENOSPC:
        kind = "user" if "user namespace" in doing else "net"
        return _SWITCHED_OFF.format(name=f"user.max_{kind}_namespaces")
    if number not in (errno.EPERM, errno.EACCES):
        return ""
    if read("/proc/sys/user/max_user_namespaces") == "0":
        return _SWITCHED_OFF.format(name="user.max_user_namespaces")
    if read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "ordinary users may not: run as root, or set kernel.unprivileged_userns_clone=1 with sysctl"
    if _filtered(read("/proc/self/status")):
        return _CONTAINER
    if read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _APPARMOR
    return _NO_RIGHT


def why(number: int, doing: str, read: Callable[[str], str] = _read) -> str:
    """Return a sentence for the error ``number`` that came while ``doing``; ``read`` gives a file's text."""
    cause = _cause(number, doing, read)
    what = f"The kernel refused to {doing} ({os.strerror(number)})"
    return f"{what}: {cause}." if cause else f"{what}."
