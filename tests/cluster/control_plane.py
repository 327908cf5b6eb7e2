"""A real control plane for the tests: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on loopback.

The programs are taken from KUBEBUILDER_ASSETS, else from the user's cache, where ``scripts/control_plane/build`` puts
them; the tests never build, because that takes minutes. Nodes and pods are `node_agent`'s.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import authority
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BUILD = Path(__file__).parents[2] / "scripts" / "control_plane" / "build"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
ADMIN_TOKEN, LIMITED_TOKEN = "rig-admin-token-7f3a9c51", "rig-limited-token-1b2c3d4e"


def assets() -> Path | None:
    """Return the folder with the programs, or None."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if named and all(os.access(Path(named) / name, os.X_OK) for name in PROGRAMS):
        return Path(named)
    cached = Path(
        subprocess.run(
            [sys.executable, str(BUILD), "--where"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    return cached if all(os.access(cached / name, os.X_OK) for name in PROGRAMS) else None


def why_not() -> str:
    """Why there is no control plane here, and what mends it; empty when there is one."""
    if assets() is not None:
        return ""
    if shutil.which("go") is None:
        return "no control plane: set KUBEBUILDER_ASSETS, or install Go and run scripts/control_plane/build"
    return "no control plane built yet: run scripts/control_plane/build (some minutes, once)"


def helm() -> str | None:
    """Return a helm program: on PATH or beside the control plane's programs."""
    cached = Path(
        subprocess.run(
            [sys.executable, str(BUILD), "--where"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    return shutil.which("helm") or (str(cached / "helm") if os.access(cached / "helm", os.X_OK) else None)


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as one:
        one.bind((host, 0))
        return one.getsockname()[1]


def machine_address() -> str:
    """Return an address of this machine that is not loopback: the API server proxies to no other. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("198.51.100.1", 9))
        except OSError:
            return ""
        return one.getsockname()[0]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


@dataclass
class ControlPlane:
    """Four programs and the kubeconfigs to reach them.

    Attributes
    ----------
    nodes
        Who signs the certificates with which kubelets serve.
    inside
        What goes before every command, so that it runs elsewhere.
    address, services
        Where the API server is told to be found by pods, and the range of ClusterIPs.
    kubelets
        Whether nodes are real: then their heartbeats are judged and their pods get the authority's certificate.
    """

    folder: Path
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    nodes: authority.Pair = field(init=False)
    port: int = 0
    inside: tuple[str, ...] = ()
    address: str = "127.0.0.1"
    services: str = "10.96.0.0/16"
    kubelets: bool = False

    @property
    def url(self) -> str:
        return f"https://{'localhost' if self.kubelets else '127.0.0.1'}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def start(self) -> None:
        self._keys()
        self.etcd_port, peer = free_port(), free_port()
        self.port = self.port or free_port()
        client = f"http://127.0.0.1:{self.etcd_port}"
        self._start(
            "etcd",
            *(
                "--data-dir",
                str(self.folder / "etcd"),
                "--listen-client-urls",
                client,
                "--advertise-client-urls",
                client,
            ),
            *(
                "--listen-peer-urls",
                f"http://127.0.0.1:{peer}",
                "--initial-advertise-peer-urls",
                f"http://127.0.0.1:{peer}",
            ),
            *("--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync"),
        )
        self.start_api()
        self.write_kubeconfig("kubeconfig", ADMIN_TOKEN)
        self.write_kubeconfig("limited", LIMITED_TOKEN)
        self._start_controllers()

    def _start_controllers(self) -> None:
        """Start whoever works for the API server; who runs already is replaced."""
        hasty = (assets() / "namespaces").exists()
        admin = ("--kubeconfig", str(self.kubeconfig), "--leader-elect=false")
        self._start(
            "kube-controller-manager",
            *admin,
            *self._judging(hasty),
            *("--service-account-private-key-file", str(self.folder / "sa.key"), "--concurrent-gc-syncs=5"),
            *("--use-service-account-credentials=false", "--secure-port=0"),
            *("--kube-api-qps=200", "--kube-api-burst=400"),
        )
        if hasty:
            self._start("namespaces", str(self.kubeconfig))
        self._start("kube-scheduler", *admin, "--secure-port=0")

    def _judging(self, hasty: bool) -> tuple[str, ...]:
        """Played nodes send no heartbeats, so nobody may judge them by those; `hasty`: another removes namespaces."""
        fewer = ("" if self.kubelets else ",-node-lifecycle-controller") + (",-namespace-controller" if hasty else "")
        given = ("--root-ca-file", str(self._roots())) if self.kubelets else ()
        return (*given, f"--controllers=*{fewer}")

    def _roots(self) -> Path:
        """Write what the cluster tells its pods to trust: its API server, and who signs its nodes' certificates."""
        path = self.folder / "roots.crt"
        path.write_bytes((self.folder / "certs/apiserver.crt").read_bytes() + self.nodes.crt.read_bytes())
        return path

    def start_api(self) -> None:
        """Start the API server and wait until it is ready; also after `stop_api`."""
        self._start(
            "kube-apiserver",
            *("--etcd-servers", f"http://127.0.0.1:{self.etcd_port}", "--secure-port", str(self.port)),
            *("--advertise-address", self.address, "--allow-privileged=true"),
            *(() if self.kubelets else ("--bind-address=127.0.0.1", "--endpoint-reconciler-type=none")),
            *("--cert-dir", str(self.folder / "certs"), "--token-auth-file", str(self.folder / "tokens")),
            *("--service-account-issuer=https://rig.test", "--service-account-key-file", str(self.folder / "sa.pub")),
            *("--service-account-signing-key-file", str(self.folder / "sa.key"), "--authorization-mode=RBAC"),
            *("--service-cluster-ip-range", self.services, "--kubelet-preferred-address-types=InternalIP"),
            *self._to_kubelets(),
            *self._to_extensions(),
            "--shutdown-delay-duration=0s",
        )
        self._wait_ready()
        if "kube-scheduler" in self.processes:  # they would come back by themselves, after up to 30 s of patience
            self._start_controllers()

    def _to_kubelets(self) -> tuple[str, ...]:
        """With what the API server asks real kubelets, which let nobody in whom they do not know."""
        if not self.kubelets:
            return ()
        pair = ("--kubelet-client-certificate", self.folder / "kubelets.crt", "--kubelet-client-key")
        return (*map(str, pair), str(self.folder / "kubelets.key"))

    def _to_extensions(self) -> tuple[str, ...]:
        """With what the API server shows who asks when it passes a question on, to metrics-server for one."""
        if not self.kubelets:
            return ()
        headers = {"username-headers": "X-Remote-User", "group-headers": "X-Remote-Group"}
        headers |= {"extra-headers-prefix": "X-Remote-Extra-", "client-ca-file": str(self.folder / "kubelets.crt")}
        pair = ("--proxy-client-cert-file", self.folder / "kubelets.crt", "--proxy-client-key-file")
        told = (*map(str, pair), str(self.folder / "kubelets.key"), "--enable-aggregator-routing=true")
        return (*told, *(f"--requestheader-{name}={value}" for name, value in headers.items()))

    def stop_api(self) -> None:
        self._end("kube-apiserver")

    def _end(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes.clear()

    def _start(self, name: str, *arguments: str) -> None:
        found = assets()
        assert found is not None
        if name in self.processes:
            self._end(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*self.inside, str(found / name), *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_die_with_parent,
            )

    def _keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        authority.made(self.folder / "kubelets", "rig-api-server", group="system:masters")  # who may do everything
        self.nodes = authority.made(self.folder / "nodes", "rig-nodes")
        (self.folder / "sa.key").write_bytes(private)
        (self.folder / "sa.pub").write_bytes(public)
        (self.folder / "tokens").write_text(
            f'{ADMIN_TOKEN},rig-admin,1,"system:masters"\n{LIMITED_TOKEN},rig-limited,2\n'
        )

    def write_kubeconfig(self, name: str, token: str) -> Path:
        """Write a kubeconfig with one context, ``rig``."""
        path = self.folder / name
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "rig",
                    "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "rig"}}],
                    "clusters": [
                        {
                            "name": "rig",
                            "cluster": {
                                "server": self.url,
                                "certificate-authority": str(self.folder / "certs/apiserver.crt"),
                            },
                        }
                    ],
                    "users": [{"name": "rig", "user": {"token": token}}],
                }
            )
        )
        return path

    def _wait_ready(self) -> None:
        trusting = ssl._create_unverified_context()
        asked = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            process = self.processes["kube-apiserver"]
            if process.poll() is not None:
                raise AssertionError((self.folder / "kube-apiserver.log").read_text()[-2000:])
            with contextlib.suppress(OSError), urllib.request.urlopen(asked, timeout=2, context=trusting) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.2)
        raise AssertionError("kube-apiserver is not ready: " + (self.folder / "kube-apiserver.log").read_text()[-2000:])
