"""``istiod-stock-envoy``: istiod and pilot-agent built from Istio's source, with stock Envoy in place of Istio's.

**Not Istio's released data plane**: its own extensions (statistics of requests, peers' metadata, ALPN) are not in stock
Envoy and are switched off, so what runs here costs something else than Istio does and bears another name. What is tried
with it is the description of Istio: charts and their order, waits, injection, mTLS, attribution, removal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.meshes.istio import Istio
from workbench.model.cluster_steps import ClusterApplication, ClusterGate, ClusterStep, MetricMoved, PartRule
from workbench.model.experiment import MeshSpec
from workbench.model.records import MeshFacts

VERSION, REGISTRY = "1.0.0", "rig.test/istio"
"""Charts out of the source bear this version, whatever their release."""

VALUES: Mapping[str, Any] = {
    "istiod": {
        "env": {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"},
        "telemetry": {"enabled": False},
        "autoscaleEnabled": False,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "meshConfig": {"defaultConfig": {"proxyStatsMatcher": {"inclusionPrefixes": ["cluster.outbound"]}}},
    }
}


class IstiodStockEnvoy(Istio):
    """The adapter for Istio but for what stock Envoy lacks."""

    name = "istiod-stock-envoy"
    profiles = ("default",)

    def facts(self, spec: MeshSpec) -> MeshFacts:
        title = "istiod and pilot-agent built from Istio's source with stock Envoy: not Istio's released data plane"
        return replace(super().facts(_with_values(spec)), title=title, archetype=True, shape_of=("istio",))

    def install(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterStep, ...]:
        return super().install(_with_values(spec), application)

    def gates(self, spec: MeshSpec, application: ClusterApplication) -> tuple[ClusterGate, ...]:
        """Put Envoy's own counters of the client's calls in place of Istio's, which stock Envoy does not have."""
        own = [one for one in super().gates(spec, application) if not isinstance(one, MetricMoved)]
        labels = {"cluster_name": f"outbound|8080||server.{application.namespace}.svc.cluster.local"}
        told = {
            "part": PartRule(role="sidecar", containers=("istio-proxy",)),
            "port": 15020,
            "path": "/stats/prometheus",
        }
        return (
            *own,
            MetricMoved(
                name="the call left by its proxy", metric="envoy_cluster_upstream_rq_total", labels=labels, **told
            ),
            MetricMoved(
                name="the call was mTLS", metric="envoy_cluster_ssl_handshake", labels=labels, already=True, **told
            ),
        )


def _with_values(spec: MeshSpec) -> MeshSpec:
    options = {**spec.options, "registry": REGISTRY, "values": VALUES}
    return replace(spec, version=VERSION, options=options)


ADAPTER = IstiodStockEnvoy()
