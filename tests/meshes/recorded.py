"""The recorded meshes as a cluster that answers: pods and proxies' pages of two moments under load."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

from workbench.environments.kubernetes.deployment import ClusterDeployment
from workbench.model.cluster_steps import ClusterApplication

FOLDER = Path(__file__).parents[1] / "recordings" / "meshes"
NAMESPACE = "workbench-app"


def content(mesh: str, moment: int, name: str) -> bytes:
    return gzip.decompress((FOLDER / mesh / f"under-load-{moment}" / f"{name}.gz").read_bytes())


def pods(mesh: str, moment: int = 1) -> list:
    return json.loads(content(mesh, moment, "pods.json"))["items"]


def seconds_between(mesh: str) -> float:
    """Return the time from the first moment's start to the second's."""
    first, last = (
        datetime.fromisoformat((FOLDER / mesh / f"under-load-{n}" / "when").read_text().splitlines()[0][:19])
        for n in (1, 2)
    )
    return (last - first).total_seconds()


class RecordedCluster:
    """Answers like the cluster did, at one of the two moments."""

    def __init__(self, mesh: str) -> None:
        self.mesh, self.moment = mesh, 1
        self.asked: list[str] = []

    def listed(self, version, kind, namespace="", selector=""):
        assert (version, kind) == ("v1", "Pod")
        wanted = dict(one.split("=", 1) for one in selector.split(",") if one)
        found = [
            pod
            for pod in pods(self.mesh, self.moment)
            if namespace in ("", pod["metadata"]["namespace"])
            and wanted.items() <= (pod["metadata"].get("labels") or {}).items()
        ]
        return found, ""

    def page_once(self, path: str, timeout_s: float):
        self.asked.append(path)
        _, _, rest = path.partition("/namespaces/")
        namespace, _, pod = rest.split("/")[:3]
        pod = pod.partition(":")[0]
        folder = FOLDER / self.mesh / f"under-load-{self.moment}"
        for file in folder.glob("*.prom.gz"):
            told = file.name.removesuffix(".prom.gz")
            workload = pod.rsplit("-", 2)[0]
            if told.endswith(pod) or told == f"proxy-{namespace}-{workload}":
                return gzip.decompress(file.read_bytes())
        return None


def deployment(mesh, namespace=NAMESPACE):
    """A deployment on the recorded cluster whose gates can be read."""
    application = ClusterApplication(namespace=namespace, client={}, objects=(), url="http://server:8080/")
    return ClusterDeployment(cluster=RecordedCluster(mesh), application=application, parts=(), acting=None, choice=None)
