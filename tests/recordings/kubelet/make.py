"""Record what a real kubelet says of a loaded application: ``python tests/recordings/kubelet/make.py`` (root).

A real node comes up (``tests/node``), whose kubelet reads its containers every 10 s as every kubelet does; the echo
workload is deployed with a CPU limit that throttles its server, and loaded by its own client. Each page is taken twice,
half a minute apart, as it is but for the lines about the machine itself and its file systems. ``recordings.json`` says
with what, and what the kernel itself had counted for each container and for the node at the moments that
``/metrics/resource`` names.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "node"), str(HERE.parents[1] / "cluster")]

from kernel_account import KernelAccount  # noqa: E402
from node_machine import NODE, Machine  # noqa: E402

from workbench.environments.kubernetes.options import Options  # noqa: E402
from workbench.environments.kubernetes.session import OpenCluster  # noqa: E402
from workbench.model.cluster_load import PodCall  # noqa: E402
from workbench.model.cluster_steps import ClusterApplication  # noqa: E402
from workbench.model.experiment import Workload  # noqa: E402
from workbench.model.fortio_rest import PORT, RUN_PATH  # noqa: E402
from workbench.text.prometheus import TextReader  # noqa: E402
from workbench.workloads.echo import ADAPTER  # noqa: E402

PAGES = {
    "summary.json": "stats/summary",
    "summary-cpu-and-memory.json": "stats/summary?only_cpu_and_memory=true",
    "resource.txt": "metrics/resource",
    "cadvisor.txt": "metrics/cadvisor",
}
GAP_S = 30.0
LEFT_OUT = re.compile(rb"^(# (HELP|TYPE) )?(container_(fs|blkio)|machine|cadvisor)_.*\n", re.MULTILINE)


def application() -> ClusterApplication:
    made = ADAPTER.cluster_application(Workload(name="echo", payload_bytes=512))
    for one in made.objects:
        if one["kind"] == "Deployment":
            resources = one["spec"]["template"]["spec"]["containers"][0]["resources"]
            resources["requests"]["cpu"], resources["limits"]["cpu"] = "10m", "30m"
    return made


def moments(page: bytes) -> dict[str, float]:
    """Return container or node -> when it was read."""
    families = ("container_cpu_usage_seconds_total", "node_cpu_usage_seconds_total")
    names = ("namespace", "pod", "container")
    reader = TextReader(families, lambda _, labels: "/".join(labels.get(one, "") for one in names))
    return {name.strip("/"): at for _, name, _, at in reader.read(page) if at is not None}


def record(machine: Machine) -> dict:
    told: dict = {"kernel_cpu_s": []}
    options = Options(kubeconfig=str(machine.kubeconfig))
    with OpenCluster(options) as opened, opened.deploy((), application()) as up:
        cluster = opened.cluster
        with KernelAccount(machine, cluster) as kernel:
            body = {"url": up.application.url, "qps": "120", "c": "4", "t": "75s", "async": "on", "save": "on"}
            up.ask(PodCall(port=PORT, path=RUN_PATH, body=body))
            time.sleep(20)
            for turn in ("first", "second"):
                for name, path in PAGES.items():
                    page = cluster.page(f"/api/v1/nodes/{NODE}/proxy/{path}")
                    (HERE / f"{turn}-{name}").write_bytes(LEFT_OUT.sub(b"", page))
                time.sleep(GAP_S if turn == "first" else 1)
            told["containers"] = sorted(
                f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{one['name']}"
                for pod in cluster.listed("v1", "Pod")[0]
                for one in pod["spec"]["containers"]
            )
        for turn in ("first", "second"):
            read = moments((HERE / f"{turn}-resource.txt").read_bytes())
            known = {what: at for what, at in read.items() if not what.startswith("kube-system")}
            told["kernel_cpu_s"].append({what: [at, kernel.at(what, at)] for what, at in known.items()})
        (node,) = opened.facts().details["nodes"]
        told |= {"kubelet": node["kubelet"], "runtime": node["runtime"]}
    return told


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        try:
            machine.start()
            told = record(machine)
        finally:
            machine.stop()
    told |= {"node": NODE, "cgroup": "v1", "pages": {name: f"GET /{path}" for name, path in PAGES.items()}}
    (HERE / "recordings.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
