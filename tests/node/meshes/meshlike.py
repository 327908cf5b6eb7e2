"""``meshlike``: a mesh of the tests, a product of nobody's: a chart of our own and stock Envoy as its sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from workbench.intents import Intent, Rendering, Target, in_order, unsupported
from workbench.model.cluster_steps import (
    Answers,
    ClusterApplication,
    ClusterGate,
    ClusterStep,
    Delete,
    HasProxy,
    HelmRelease,
    MetricMoved,
    PartRule,
    PodSays,
    Uninstall,
    Wait,
)
from workbench.model.experiment import MeshSpec
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

CHART = Path(__file__).parents[2] / "cluster" / "charts" / "meshlike"
RELEASE = NAMESPACE = "meshlike"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.meshlike.test"},
}
SIDECAR = PartRule(role="sidecar", containers=("proxy",))


class Meshlike:
    """The adapter."""

    name = "meshlike"
    environments = ("kubernetes",)
    profiles = ("default",)
    options: Mapping[str, Option] = {
        "webhook_url": Option(help="Where its webhook serves.", default=""),
        "ca_bundle": Option(help="The webhook's certificate, base64.", default=""),
        "enrolled": Option(help="Whether the application's namespace is enrolled.", default=True),
    }

    def facts(self, spec: MeshSpec) -> MeshFacts:
        return MeshFacts(
            label=spec.label,
            title="a mesh of the tests: stock Envoy beside each pod, configured once",
            data_plane="sidecar",
            layer="L7",
            mtls=False,
            archetype=True,
            shape_of=("meshes with sidecars",),
            lacks=("a control plane that does anything", "mTLS"),
        )

    def install(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        asked = spec.options
        chart = HelmRelease(
            name=RELEASE,
            namespace=NAMESPACE,
            repository="",
            chart=str(CHART),
            version="1.2.3",
            values={"webhookUrl": asked["webhook_url"], "caBundle": asked["ca_bundle"]},
            deadline_s=60.0,
        )
        return (
            chart,
            Wait(condition="established", names=(CRD["metadata"]["name"],), deadline_s=20),
            Wait(condition="webhooks", names=(f"{RELEASE}-injector",), deadline_s=20),
            Wait(condition="available", namespace=NAMESPACE, deadline_s=60),
        )

    def enrol(self, spec: MeshSpec, application: ClusterApplication) -> ClusterApplication:
        labels = {"meshlike": "enabled"} if spec.options.get("enrolled", True) else {}
        return replace(application, namespace_metadata={"labels": labels})

    def gates(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterGate, ...]:
        # Outwards: kubelets' probes come in, and only the call goes out.
        moved = MetricMoved(
            name="the call crossed the client's proxy",
            part=SIDECAR,
            port=15000,
            path="/stats/prometheus",
            metric="envoy_http_downstream_rq_total",
            labels={"envoy_http_conn_manager_prefix": "outbound"},
        )
        return (
            Answers(name="the client's call is answered"),
            HasProxy(name="a proxy in every pod", container="proxy"),
            PodSays(name="every pod is injected", where="annotation", key="meshlike/status", value="injected"),
            moved,
        )

    def parts(self, spec: MeshSpec) -> tuple[PartRule, ...]:
        node = PartRule(role="node-proxy", namespace=NAMESPACE, labels={"app": "node"})
        return (SIDECAR, node, PartRule(role="control-plane", namespace=NAMESPACE))

    def remove(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        return (Uninstall(release=RELEASE, namespace=NAMESPACE), Delete(name="the CRD that is kept", objects=(CRD,)))

    def configure(self, spec: MeshSpec, intent: Intent, target: Target) -> Rendering:
        return Rendering(mesh=spec.label, answers=in_order(unsupported(intent, "A mesh of the tests carries nothing.")))


ADAPTER = Meshlike()
