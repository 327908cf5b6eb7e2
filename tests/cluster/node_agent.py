"""Nodes and pods for the control plane of the tests: a kubelet's outside, with local processes as pods.

The agent registers nodes, runs what the scheduler binds to them and answers as a kubelet does (logs,
``/stats/summary``, ``/metrics/cadvisor``), behind the real API server's
real proxy. What a container does follows from its image:

* ``.../fortio:...``  a real Fortio, at an address of its own, that finds the cluster's Services by name;
* ``...nosuch...``    cannot be pulled; ``...crash...`` crashes; ``...never...`` never becomes ready;
* ``...once...``      ends well at once; everything else runs and is ready.

Addresses are of 198.18.N.0/24 (set aside for benchmarks) routed to this machine itself, which needs root; N is this
process's own, so that several may run side by side.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import http.server
import ipaddress
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from control_plane import machine_address
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from workbench.environments.kubernetes.client import Cluster
from workbench.errors import WorkbenchError

NETWORK = f"198.18.{1 + os.getpid() % 250}"
PORT = 8080


def certificate(folder: Path, name: str, address: str = "127.0.0.1") -> tuple[Path, Path, bytes]:
    """Write a self-signed certificate and its key; return both places and the certificate's PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    cert_path, key_path = folder / f"{name}.crt", folder / f"{name}.key"
    cert_path.write_bytes(pem)
    key_path.write_bytes(key_pem)
    return cert_path, key_path, pem


def can_be_live() -> str:
    """Why pods cannot be real processes here; empty when they can."""
    if os.getuid() != 0:
        return "live pods need root (addresses of their own, names of Services)"
    for program in ("ip", "unshare", "fortio"):
        if shutil.which(program) is None:
            return f"live pods need the program {program!r} on PATH"
    return "" if machine_address() else "live pods need a network interface besides loopback"


class Pod:
    """One pod on a node."""

    def __init__(self, manifest: dict, address: str) -> None:
        self.manifest, self.address = manifest, address
        self.key = (manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        self.processes: dict[str, subprocess.Popen] = {}
        self.started = time.time()
        self.logs: dict[str, str] = {}

    @property
    def containers(self) -> list[dict]:
        lasting = [
            one for one in self.manifest["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"
        ]
        return [*lasting, *self.manifest["spec"]["containers"]]


class NodeAgent:
    """Two nodes (or more) of a control plane."""

    def __init__(self, cluster: Cluster, folder: Path, *, live: bool, nodes: int = 2, cores: str = "4") -> None:
        self.cluster, self.folder, self.live, self.cores = cluster, folder, live, cores
        self.names = [f"node-{n + 1}" for n in range(nodes)]
        self.pods: dict[tuple[str, str], Pod] = {}
        self.lock = threading.RLock()
        self._end = threading.Event()
        self._next = 10
        self.refresh_s = 1.0
        self._accounts: dict[tuple[str, str, str], tuple[float, float, float, float]] = {}
        self._nodes: dict[str, tuple[float, float]] = {}
        self._born = time.time()
        self.hosts = folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.servers: list[http.server.ThreadingHTTPServer] = []

    # ------------------------------------------------------------------ life
    def start(self) -> None:
        if self.live:
            subprocess.run(["ip", "route", "replace", "local", f"{NETWORK}.0/24", "dev", "lo"], check=True)
        address = machine_address() or "127.0.0.1"
        paths = certificate(self.folder, "kubelet", address)
        for name in self.names:
            self._register(name, address, self._serve(name, address, paths))
        for target in (self._follow, self._account):
            threading.Thread(target=target, daemon=True, name=f"agent-{target.__name__}").start()

    def stop(self) -> None:
        self._end.set()
        with self.lock:
            for pod in self.pods.values():
                self._kill(pod)
        for server in self.servers:
            server.shutdown()
            server.server_close()
        if self.live:
            subprocess.run(["ip", "route", "del", "local", f"{NETWORK}.0/24", "dev", "lo"], check=False)

    def _serve(self, name: str, address: str, paths: tuple[Path, Path, bytes]) -> int:
        agent = self

        class Kubelet(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, content = agent.answer(name, self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer((address, 0), Kubelet)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(paths[0], paths[1])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
        return server.server_port

    def _register(self, name: str, address: str, port: int) -> None:
        labels = {"kubernetes.io/hostname": name, "node.kubernetes.io/instance-type": "rig"}
        self.cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
        status = {
            "capacity": {"cpu": self.cores, "memory": "8Gi", "pods": "110"},
            "allocatable": {"cpu": self.cores, "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Rig", "message": ""}],
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "nodeInfo": {
                **dict.fromkeys(("machineID", "systemUUID", "bootID", "kubeProxyVersion", "operatingSystem"), "rig"),
                "kernelVersion": os.uname().release,
                "osImage": "rig",
                "containerRuntimeVersion": "rig://1",
                "kubeletVersion": "v1.34.4",
                "architecture": "amd64",
            },
        }
        self._status(f"/api/v1/nodes/{name}", status)
        node = self.cluster.get("v1", "Node", name)
        if node["spec"].get("taints"):
            self.cluster.merge(node, {"spec": {"taints": None}})

    def _status(self, path: str, status: dict) -> None:
        with contextlib.suppress(WorkbenchError):
            kind = {"content_type": "application/merge-patch+json"}
            self.cluster.json("patch", f"{path}/status", {"status": status}, **kind)

    # ------------------------------------------------------------------ pods
    def _follow(self) -> None:
        while not self._end.is_set():
            try:
                found, version = self.cluster.listed("v1", "Pod")
                for one in found:
                    self._see(one)
                alive = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in found}
                for key in set(self.pods) - alive:
                    self._gone(key)
                for event in self.cluster.watch(self.cluster.kind("v1", "Pod"), "", "", version, 10):
                    if self._end.is_set():
                        return
                    if event["type"] == "DELETED":
                        meta = event["object"]["metadata"]
                        self._gone((meta["namespace"], meta["name"]))
                    elif event["type"] != "BOOKMARK":
                        self._see({**event["object"], "apiVersion": "v1", "kind": "Pod"})
            except (WorkbenchError, ValueError):
                if not self._end.is_set():
                    time.sleep(0.3)

    def _gone(self, key: tuple[str, str]) -> None:
        with self.lock:
            pod = self.pods.pop(key, None)
        if pod is not None:
            self._kill(pod)

    def _see(self, manifest: dict) -> None:
        meta = manifest["metadata"]
        key = (meta["namespace"], meta["name"])
        if "deletionTimestamp" in meta:
            self._gone(key)
            body = {"gracePeriodSeconds": 0}
            with contextlib.suppress(WorkbenchError):
                self.cluster.json("delete", self.cluster.path_of(manifest), body)
            return
        if manifest["spec"].get("nodeName") not in self.names or key in self.pods:
            return
        with self.lock:
            self._next = self._next + 1 if self._next < 250 else 10
            pod = self.pods[key] = Pod(manifest, f"{NETWORK}.{self._next}")
        for container in pod.containers:
            if self.live and "/fortio:" in container["image"]:
                # From this thread, which lives on: the kernel ends them when the thread that started them ends.
                pod.processes[container["name"]] = self._fortio(pod, container)
        threading.Thread(target=self._run, args=(pod,), daemon=True).start()

    def _run(self, pod: Pod) -> None:
        self._write_hosts()
        deadline = time.monotonic() + 10
        while pod.processes and time.monotonic() < deadline and not self._end.is_set():
            with contextlib.suppress(OSError), socket.create_connection((pod.address, PORT), 0.5):
                break
            time.sleep(0.1)
        states = [self._state(pod, container) for container in pod.containers]
        init = {one["name"] for one in pod.manifest["spec"].get("initContainers") or ()}
        ready = all(one["ready"] for one in states)
        ended = all("terminated" in one["state"] for one in states)
        truth = "True" if ready else "False"
        conditions = [
            {"type": kind, "status": "True" if kind == "Initialized" else truth, "lastTransitionTime": _now()}
            for kind in ("Initialized", "ContainersReady", "Ready")
        ]
        status = {
            "phase": "Succeeded" if ended else "Running" if ready else "Pending",
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "startTime": _now(),
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": _now()}, *conditions],
            "containerStatuses": [one for one in states if one["name"] not in init],
            "initContainerStatuses": [one for one in states if one["name"] in init],
        }
        self._status(self.cluster.path_of({**pod.manifest, "apiVersion": "v1", "kind": "Pod"}), status)

    def _state(self, pod: Pod, container: dict) -> dict:
        image = container["image"]
        base = {"name": container["name"], "image": image, "imageID": f"{image}@sha256:{'0' * 64}", "restartCount": 0}
        if "nosuch" in image:
            message = f'Back-off pulling image "{image}": not found'
            waiting = {"reason": "ImagePullBackOff", "message": message}
            return {**base, "ready": False, "started": False, "state": {"waiting": waiting}}
        if "crash" in image:
            pod.logs[container["name"]] = "starting\npanic: no configuration at /etc/rig\n"
            ended = {"exitCode": 2, "reason": "Error", "startedAt": _now(), "finishedAt": _now()}
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
            return {
                **base,
                "ready": False,
                "started": False,
                "restartCount": 3,
                "state": {"waiting": waiting},
                "lastState": {"terminated": ended},
            }
        if "once" in image:
            ended = {"exitCode": 0, "reason": "Completed", "startedAt": _now(), "finishedAt": _now()}
            return {**base, "ready": False, "started": False, "state": {"terminated": ended}}
        ready = "never" not in image
        return {**base, "ready": ready, "started": True, "state": {"running": {"startedAt": _now()}}}

    def _fortio(self, pod: Pod, container: dict) -> subprocess.Popen:
        data = self.folder / f"data-{pod.key[1]}"
        data.mkdir(exist_ok=True)
        arguments = []
        for before, argument in zip(["", *container["args"]], container["args"], strict=False):
            if before in ("-http-port", "-grpc-port", "-tcp-port") and argument.isdigit():
                argument = f"{pod.address}:{argument}"
            if before == "-M":
                argument = f"{pod.address}:{argument}"
            arguments.append(str(data) if argument == "/var/lib/fortio" else argument)
        script = 'mount --bind "$0" /etc/hosts && exec fortio "$@"'
        log = (self.folder / f"{pod.key[1]}-{container['name']}.log").open("wb")
        with log:
            return subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(self.hosts), *arguments],
                stdout=log,
                stderr=log,
                preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0),
            )

    def _write_hosts(self) -> None:
        """Write the names of Services into the file that live pods have as /etc/hosts."""
        lines = ["127.0.0.1 localhost"]
        for service in self.cluster.listed("v1", "Service")[0]:
            wanted = (service["spec"].get("selector") or {}).items()
            name, place = service["metadata"]["name"], service["metadata"]["namespace"]
            for pod in list(self.pods.values()):
                if wanted and pod.key[0] == place and wanted <= (pod.manifest["metadata"].get("labels") or {}).items():
                    lines.append(f"{pod.address} {name} {name}.{place} {name}.{place}.svc.cluster.local")
        self.hosts.write_text("\n".join(lines) + "\n")

    def _kill(self, pod: Pod) -> None:
        for process in pod.processes.values():
            process.kill()
            process.wait()

    # ------------------------------------------------------------------ what a kubelet says
    def _account(self) -> None:
        """Read what live containers have consumed, now and then, as a kubelet's housekeeping does."""
        while not self._end.wait(self.refresh_s):
            used = dict.fromkeys(self.names, 0.0)
            for pod in list(self.pods.values()):
                for container in pod.containers:
                    process = pod.processes.get(container["name"])
                    cpu, rss = _consumed(process) if process else (0.001 * (time.time() - pod.started), 4e6)
                    self._accounts[(*pod.key, container["name"])] = (time.time(), cpu, rss, pod.started)
                    used[pod.manifest["spec"]["nodeName"]] += cpu
            now = time.time()  # the node itself burns a twentieth of a core beside its pods
            self._nodes = {node: (now, 0.05 * (now - self._born) + cpu) for node, cpu in used.items()}

    def answer(self, node: str, path: str) -> tuple[int, bytes]:
        """Return status and content of a kubelet's page."""
        place, _, _query = path.partition("?")
        if place == "/stats/summary":
            return 200, json.dumps(self._summary(node)).encode()
        if place == "/metrics/cadvisor":
            return 200, self._cadvisor(node)
        if place == "/metrics":
            return 200, b"# TYPE kubelet_cgroup_version gauge\nkubelet_cgroup_version 2\n"
        if place.startswith("/containerLogs/"):
            _, _, namespace, name, container = place.split("/")
            pod = self.pods.get((namespace, name))
            file = self.folder / f"{name}-{container}.log"
            text = (pod.logs.get(container) if pod else None) or (file.read_text() if file.exists() else "")
            return 200, text.encode()
        return 404, b"not a page of this kubelet"

    def _on(self, node: str) -> list[Pod]:
        return [pod for pod in list(self.pods.values()) if pod.manifest["spec"]["nodeName"] == node]

    def _summary(self, node: str) -> dict:
        pods, (read_at, total) = [], self._nodes.get(node, (time.time(), 0.0))
        for pod in self._on(node):
            said = []
            for container in pod.containers:
                at, cpu, rss, _ = self._accounts.get((*pod.key, container["name"]), (time.time(), 0.0, 0.0, 0.0))
                said.append(
                    {
                        "name": container["name"],
                        "startTime": _now(pod.started),
                        "cpu": {"time": _now(at), "usageCoreNanoSeconds": int(cpu * 1e9)},
                        "memory": {"time": _now(at), "workingSetBytes": int(rss * 0.9), "rssBytes": int(rss)},
                    }
                )
            sent = int(1e6 * (time.time() - pod.started))
            interfaces = [{"name": "eth0", "rxBytes": sent, "txBytes": sent}]
            reference = {"name": pod.key[1], "namespace": pod.key[0], "uid": pod.manifest["metadata"]["uid"]}
            pods.append({"podRef": reference, "containers": said, "network": {"interfaces": interfaces}})
        system = {"name": "kubelet", "cpu": {"time": _now(), "usageCoreNanoSeconds": int(0.1e9)}}
        cpu = {"time": _now(read_at), "usageCoreNanoSeconds": int(total * 1e9)}
        memory = {"time": _now(), "workingSetBytes": 2 * 10**9, "rssBytes": 10**9}
        return {"node": {"nodeName": node, "cpu": cpu, "memory": memory, "systemContainers": [system]}, "pods": pods}

    def _cadvisor(self, node: str) -> bytes:
        families = {"container_cpu_usage_seconds_total": 1, "container_memory_rss": 2}
        lines = []
        for family, position in families.items():
            lines += [f"# HELP {family} As cAdvisor says it.", f"# TYPE {family} gauge"]
            for pod in self._on(node):
                for container in pod.containers:
                    account = self._accounts.get((*pod.key, container["name"]))
                    if account:
                        labels = f'container="{container["name"]}",namespace="{pod.key[0]}",pod="{pod.key[1]}"'
                        lines.append(f"{family}{{{labels}}} {account[position]:.9f} {int(account[0] * 1e3)}")
            if position == 1 and node in self._nodes:
                read_at, total = self._nodes[node]
                lines.append(f'{family}{{id="/"}} {total:.9f} {int(read_at * 1e3)}')
        return ("\n".join(lines) + "\n").encode()


def _now(moment: float | None = None) -> str:
    at = (
        datetime.datetime.now(datetime.UTC) if moment is None else datetime.datetime.fromtimestamp(moment, datetime.UTC)
    )
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is None else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _consumed(process: subprocess.Popen) -> tuple[float, float]:
    """Return (CPU seconds, resident bytes) of a process."""
    try:
        cpu = time.clock_gettime_ns(((~process.pid) << 3) | 2) / 1e9
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0, 0.0
    return cpu, pages * 4096.0
