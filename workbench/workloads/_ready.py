"""Applications that others publish, described as data: which images, which ports, who calls whom.

The manifests are made here, the same way for all: a Deployment and a ServiceAccount for each unit, and a Service whose
port says by name and appProtocol what it speaks. Three things differ from what the projects publish: no load generator
of their own, no CPU limits, which would throttle what is measured, and readiness by an open port, because a proxy that
lets in mTLS only would refuse a probe by HTTP or gRPC, and the pod would never be ready.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.errors import BadInputError
from workbench.model.cluster_steps import ClusterApplication, KubernetesObject
from workbench.model.experiment import Workload
from workbench.model.lab_steps import Application
from workbench.workloads._cluster import CLIENT, NAMESPACE, account, client, labels
from workbench.workloads._settings import refuse_unused


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One Deployment of one pod, and the Service that leads to it; several may stand behind one Service.

    Attributes
    ----------
    name, image
        Of the Deployment; the image with registry and exact tag.
    service
        Name of the Service; empty: `name`.
    port, service_port
        Where it listens, and the Service's port; 0: the same.
    speaks
        On that port.
    version
        As a label, where several units stand behind one Service.
    calls
        Services that it calls.
    folders
        Where it writes, empty at the start.
    user
        To run as; None: the image's own.
    """

    name: str
    image: str
    port: int
    service: str = ""
    service_port: int = 0
    speaks: Literal["http", "grpc", "tcp"] = "http"
    version: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    user: int | None = None
    cpu: str = "100m"
    memory: str = "64Mi"

    @property
    def called(self) -> str:
        """Name of its Service."""
        return self.service or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A workload made of units: the adapter. The first unit is the one that the client calls.

    Attributes
    ----------
    path
        Of the client's call.
    uses
        Settings of a `Workload` that it has a use for.
    """

    name: str
    title: str
    units: tuple[Unit, ...]
    path: str
    uses: tuple[str, ...] = ()
    environments: tuple[str, ...] = ("kubernetes",)
    protocols: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"kubernetes": ("http/1.1",)})

    def application(self, workload: Workload) -> Application:
        """Refuse: the lab runs no containers.

        Raises
        ------
        BadInputError
            Always, saying where it runs.
        """
        raise BadInputError(
            f"The workload {self.name!r} consists of containers, so it runs on clusters only, not in the lab."
        )

    def cluster_application(
        self, workload: Workload, protocol: str = "http/1.1", *, namespace: str = NAMESPACE, registry: str = ""
    ) -> ClusterApplication:
        """Return its objects in ``namespace``, the images from ``registry`` where one is named.

        Raises
        ------
        BadInputError
            For settings that it would overlook.
        """
        refuse_unused(workload, self.uses)
        first = self.units[0]
        objects = [one for unit in self.units for one in _objects(unit, namespace, registry)]
        unique = {(one["kind"], one["metadata"]["name"]): one for one in objects}
        return ClusterApplication(
            namespace=namespace,
            objects=(account(CLIENT, namespace), *unique.values()),
            client=client(namespace, registry),
            url=f"http://{first.called}:{first.service_port or first.port}{self.path_of(workload)}",
            calls=((CLIENT, first.called), *_calls(self.units)),
        )

    def path_of(self, workload: Workload) -> str:
        """Return the path of the client's call."""
        return self.path


def _calls(units: Sequence[Unit]) -> Iterator[tuple[str, str]]:
    return ((unit.name, callee) for unit in units for callee in unit.calls)


def _objects(unit: Unit, namespace: str, registry: str) -> tuple[KubernetesObject, ...]:
    return account(unit.name, namespace), _service(unit, namespace), _deployment(unit, namespace, registry)


def _service(unit: Unit, namespace: str) -> dict[str, Any]:
    port = {
        "name": unit.speaks,
        "port": unit.service_port or unit.port,
        "targetPort": unit.port,
        "appProtocol": unit.speaks,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": unit.called, "namespace": namespace, "labels": labels(unit.called)},
        "spec": {"selector": {"app": unit.called}, "ports": [port]},
    }


def _deployment(unit: Unit, namespace: str, registry: str) -> dict[str, Any]:
    borne = labels(unit.called) | ({"version": unit.version} if unit.version else {})
    selected = {key: borne[key] for key in ("app", "version") if key in borne}
    pod: dict[str, Any] = {"serviceAccountName": unit.name, "containers": [_container(unit, registry)]}
    if unit.folders:
        pod["volumes"] = [{"name": _volume(folder), "emptyDir": {}} for folder in unit.folders]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": unit.name, "namespace": namespace, "labels": borne},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selected},
            "template": {"metadata": {"labels": borne}, "spec": pod},
        },
    }


def _container(unit: Unit, registry: str) -> dict[str, Any]:
    image = f"{registry}/{unit.image.rsplit('/', 1)[-1]}" if registry else unit.image
    security: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if unit.user is not None:
        security |= {"runAsNonRoot": True, "runAsUser": unit.user}
    made: dict[str, Any] = {
        "name": "app",
        "image": image,
        "ports": [{"name": unit.speaks, "containerPort": unit.port}],
        "readinessProbe": {"tcpSocket": {"port": unit.port}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": unit.cpu, "memory": unit.memory}},
        "securityContext": security,
    }
    if unit.env:
        made["env"] = [{"name": name, "value": value} for name, value in unit.env.items()]
    if unit.folders:
        made["volumeMounts"] = [{"name": _volume(folder), "mountPath": folder} for folder in unit.folders]
    return made


def _volume(folder: str) -> str:
    return folder.strip("/").replace("/", "-")
