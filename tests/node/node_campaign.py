"""One campaign on the real node for many tests: the baseline and the mesh of the tests, run as a user runs them."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import images
import injector
import sidecar
from kernel_account import KernelAccount
from node_machine import Machine

import workbench.meshes
from workbench import adapters
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.environments.kubernetes.client import Cluster
from workbench.environments.lab.envoy import envoy_path
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.records import Run
from workbench.store import read_run

MESH = "meshlike"


@dataclass(frozen=True)
class Campaign:
    """What the workbench stored (runs by their mesh's name), what the kernel counted, what differs from before."""

    data: Path
    folder: Path
    runs: dict[str, Run]
    kernel: KernelAccount
    differences: tuple[str, ...]


def add_images(machine: Machine) -> None:
    """Give the node images of stock Envoy and of iptables, laid out from the programs that are here."""
    envoy, iptables = Path(envoy_path()), Path(shutil.which("iptables") or "").resolve()
    machine.add_image(sidecar.ENVOY, {"/usr/bin/envoy": envoy, **images.libraries(envoy)}, ["/usr/bin/envoy"])
    plugins = next(Path("/usr/lib").glob("*/xtables"))
    files = {str(one): one for one in plugins.glob("lib*t_*.so")}
    files |= {"/usr/sbin/iptables": iptables, **images.libraries(iptables)}
    machine.add_image(sidecar.REDIRECT, files, ["/usr/sbin/iptables"])


@contextlib.contextmanager
def webhook(machine: Machine, folder: Path) -> Iterator[dict[str, str]]:
    """Serve the injector where the API server can reach it; yield the mesh's options."""
    (folder / "patch.json").write_text(json.dumps(sidecar.patch()))
    program = [sys.executable, injector.__file__, str(folder), str(folder / "patch.json")]
    with subprocess.Popen([*machine.enter, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as served:
        told = json.loads(served.stdout.readline())
        yield {"webhook_url": told["url"], "ca_bundle": told["ca"]}
        served.stdin.close()


@contextlib.contextmanager
def known() -> Iterator[None]:
    """Put the mesh's one file where meshes are found."""
    usual = list(workbench.meshes.__path__)
    workbench.meshes.__path__.append(str(Path(__file__).parent / "meshes"))
    adapters._modules.cache_clear()
    try:
        yield
    finally:
        workbench.meshes.__path__[:] = usual
        adapters._modules.cache_clear()
        sys.modules.pop(f"workbench.meshes.{MESH}", None)


def experiment(kubeconfig: Path, *meshes: MeshSpec) -> Experiment:
    """Return a short one; its edges too, because this kubelet reads its containers every second or two."""
    options = {"kubeconfig": str(kubeconfig), "edge_s": 4.0, "poll_s": 1.0}
    return Experiment(
        name="on-a-real-node",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=meshes,
        workloads=(Workload(name="echo", payload_bytes=512),),
        loads=(Load(rate_per_s=200, duration_s=8.0, warmup_s=1.0, connections=4, generator="fortio"),),
        blocks=1,
    )


def carry_out(machine: Machine, cluster: Cluster, folder: Path) -> Campaign:
    """Run the baseline and the mesh, and read the kernel's counters beside it."""
    add_images(machine)
    before = snapshot.take(cluster)
    with webhook(machine, folder) as options, known(), KernelAccount(machine, cluster) as kernel:
        asked = experiment(machine.kubeconfig, MeshSpec(name="baseline"), MeshSpec(name=MESH, options=options))
        where, runs = stored(folder, run_experiment(asked, data=folder / "data"))
    return Campaign(folder / "data", where, runs, kernel, snapshot.differences(before, snapshot.take(cluster)))


def stored(folder: Path, campaign_id: str) -> tuple[Path, dict[str, Run]]:
    """Return the folder of a campaign and its runs, by their mesh's name."""
    where = folder / "data" / "runs" / campaign_id
    runs = [read_run(path.parent) for path in where.glob("*/manifest.json")]
    return where, {run.spec.mesh.name: run for run in runs}
