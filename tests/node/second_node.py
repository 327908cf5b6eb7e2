"""A second node for the cluster of the tests, beside the first and as real: it joins, works, and goes again.

Its namespaces are its own, as the first's are; a pair of interfaces leads from the one network to the other, and the
routes to each other's pods are the two nodes' only ones.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import authority
from node_machine import ADDRESS, Machine

from workbench.environments.kubernetes.client import Cluster

_LINK = "second"


class SecondNode(Machine):
    """A node that joins the cluster of `first`, and leaves it when it is stopped."""

    node, address, pods = "node-second", "198.18.79.2", "198.18.81.0/24"

    def __init__(self, first_machine: Machine, cluster: Cluster, folder: Path) -> None:
        super().__init__(folder, housekeeping_s=first_machine.housekeeping_s)
        self.joined, self.cluster = first_machine, cluster

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, by the address at which nodes find the API server."""
        return self.folder / "kubeconfig"

    @property
    def signer(self) -> authority.Pair:
        return self.joined.signer

    def start(self) -> None:
        """Start everything and wait until the node is ready."""
        self._make_cgroups()
        self._start_namespaces()
        self._connect()
        self._start_runtime()
        self._write_kubeconfig()
        self._start_node()
        self.await_ready(self.cluster)

    def stop(self) -> None:
        super().stop()
        node = self.cluster.get("v1", "Node", self.node)
        if node is not None:
            self.cluster.delete(node)

    def _connect(self) -> None:
        """Lay the cable and tell both networks the way; it goes with the second's network."""
        ends = ((self.joined, _LINK, self), (self, "first", self.joined))
        self._run(self.joined, f"ip link add {_LINK} type veth peer name first netns {self.first}")
        for here, cable, there in ends:
            self._run(here, f"ip link set {cable} up")
            self._run(here, f"ip route add {there.address} dev {cable} src {here.address}")
            self._run(here, f"ip route add {there.pods} via {there.address} dev {cable} src {here.address}")

    def _run(self, machine: Machine, command: str) -> None:
        told = subprocess.run([*machine.enter, *command.split()], capture_output=True, text=True)
        assert told.returncode == 0, f"{command}: {told.stderr}"

    def _write_kubeconfig(self) -> None:
        assert self.joined.plane is not None
        shutil.copy(self.joined.kubeconfig.parent / "kubelets.crt", self.folder)
        told = json.loads(self.joined.kubeconfig.read_text())
        told["clusters"][0]["cluster"] |= {
            "server": f"https://{ADDRESS}:{self.joined.plane.port}",
            "tls-server-name": "localhost",
        }
        self.kubeconfig.write_text(json.dumps(told))
