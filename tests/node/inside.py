"""The first process of the node's namespaces: prepares them, starts what it is told, reaps, and takes all along.

Run by `node_machine.Machine` behind ``unshare``. Its own mounts hide the machine's folders that a container runtime and
a kubelet insist on; its network has no way out; when it ends, the kernel ends every process, mount and interface made
since. Orders come as JSON lines on the standard input: ``{"start": NAME, "argv": [...]}``, ``{"stop": NAME}``; an end
of the input ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
NETWORK = """
ip link set lo up
ip link add node0 type bridge
ip addr add {address}/32 dev node0
ip link set node0 up
ip route add {services} dev node0 src {address}
sysctl -q -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.ipv4.conf.all.route_localnet=1
"""


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def mounts(folder: Path) -> None:
    """Give the node its own /run, /var/lib and /var/log, and cgroups whose root is the node's own."""
    mount("-t", "tmpfs", "run", "/run")
    for name in ("lib", "log"):
        (folder / name).mkdir()
        mount("--bind", str(folder / name), f"/var/{name}")
    subprocess.run(["umount", "-R", "/sys/fs/cgroup"], check=True)
    mount("-t", "sysfs", "sysfs", "/sys")
    mount("-t", "tmpfs", "cgroup", "/sys/fs/cgroup")
    for name, option in (*((one, one) for one in CONTROLLERS), ("systemd", "none,name=systemd")):
        place = Path("/sys/fs/cgroup", name)
        place.mkdir()
        mount("-t", "cgroup", "-o", option, "cgroup", str(place))


def join(name: str) -> None:
    """Move this process into a cgroup of its own, as an init system does with its units; an empty name: stay."""
    for controller in CONTROLLERS if name else ():
        if controller != "cpuset":  # which would want to be told its CPUs first
            place = Path("/sys/fs/cgroup", controller, name)
            place.mkdir(parents=True, exist_ok=True)
            (place / "cgroup.procs").write_text(str(os.getpid()))


class Children:
    """What was started here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: dict[str, subprocess.Popen] = {}

    def obey(self, order: dict) -> None:
        if "start" in order:
            with (self.folder / f"{order['start']}.log").open("ab") as log:
                self.started[order["start"]] = subprocess.Popen(
                    order["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    preexec_fn=lambda: join(order.get("cgroup", "")),
                )
        elif (one := self.started.pop(order["stop"], None)) is not None:
            one.kill()
            one.wait()

    def reap(self) -> None:
        """Collect orphans; whose parents are ours are collected by `subprocess`."""
        known = {one.pid for one in self.started.values()}
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid in known:
                next(one for one in self.started.values() if one.pid == ended.si_pid).wait()
                known.discard(ended.si_pid)
                continue
            os.waitpid(ended.si_pid, os.WNOHANG)


def serve(folder: Path) -> None:
    children, rest = Children(folder), b""
    waking, bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([0, waking], [], [])
        if waking in ready:
            os.read(waking, 4096)
            with contextlib.suppress(ChildProcessError):
                children.reap()
        if 0 in ready:
            told = os.read(0, 65536)
            if not told:
                return
            *lines, rest = (rest + told).split(b"\n")
            for line in lines:
                children.obey(json.loads(line))


if __name__ == "__main__":
    where = Path(sys.argv[1])
    mounts(where)
    subprocess.run(["sh", "-e", "-c", NETWORK.format(address=sys.argv[2], services=sys.argv[3])], check=True)
    serve(where)
