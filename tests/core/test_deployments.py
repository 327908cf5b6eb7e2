"""What is refused before anything starts, with who cannot and what can."""

from __future__ import annotations

import pytest

from workbench.campaigns.deployments import deployments, estimate_s
from workbench.errors import BadInputError
from workbench.model.experiment import PROTOCOLS, EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.plan import make_plan

ON_CLUSTERS = "http/1.1, http/2, grpc, tcp in the environment kubernetes"


def plan(protocol, *, environment="kubernetes", generator="fortio", workload="echo", meshes=("istio",), **settings):
    protocols = (protocol,) if isinstance(protocol, str) else protocol
    return make_plan(
        Experiment(
            name="protocols",
            environment=EnvironmentSpec(name=environment),
            meshes=tuple(one if isinstance(one, MeshSpec) else MeshSpec(name=one) for one in meshes),
            workloads=(Workload(name=workload, **{"payload_bytes": 0, **settings}),),
            loads=tuple(Load(rate_per_s=200, connections=4, protocol=one, generator=generator) for one in protocols),
            blocks=1,
        )
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_described_on_clusters(protocol):
    described = deployments(plan(protocol, meshes=("istio", "linkerd", "consul", "nsm")))
    assert len(described) == 5
    assert {one.application.url.split(":")[0] for one in described} == {
        {"http/1.1": "http", "http/2": "h2c"}.get(protocol, protocol)
    }


def test_beside_a_tcp_load_it_is_said_that_requests_are_none():
    """Of what parses requests otherwise; its title says that it does."""
    said = {
        protocol: {
            one.facts.label: any("TCP has no requests" in feature for feature in one.facts.features)
            for one in deployments(plan(protocol, meshes=("istio", MeshSpec(name="istio", profile="ambient"))))
        }
        for protocol in ("tcp", "grpc")
    }
    assert said["tcp"] == {"baseline": False, "istio": True, "istio/ambient": False}
    assert not any(said["grpc"].values())


def test_loads_in_several_protocols_have_a_deployment_for_each():
    asked = plan(PROTOCOLS, meshes=("linkerd",))
    described = deployments(asked)
    assert len(described) == 2 * len(PROTOCOLS)
    assert all(len({run.load.protocol for run in one.runs}) == 1 for one in described)
    assert [run for one in described for run in one.runs] == list(asked.runs)
    assert estimate_s(asked) > estimate_s(plan("tcp", meshes=("linkerd",)))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"protocol": "grpc", "environment": "lab", "meshes": ("l7-sidecars",)},
            "http/1.1 in the environment lab; " + ON_CLUSTERS,
        ),
        ({"protocol": "tcp", "environment": "lab", "meshes": (), "generator": "builtin"}, ON_CLUSTERS),
        ({"protocol": "tcp", "workload": "chain"}, "'chain' does not support 'tcp' here: it supports http/1.1"),
        (
            {"protocol": "tcp", "meshes": (MeshSpec(name="consul", profile="http"),)},
            "Mesh consul/http does not support 'tcp' as described here, only http, h2c, grpc",
        ),
        ({"protocol": "http/2", "generator": "builtin"}, 'choose generator = "fortio"'),
        ({"protocol": "grpc", "payload_bytes": 64}, "payload_bytes = 0"),
        ({"protocol": "tcp", "server_delay_s": 0.1}, "server_delay_s = 0"),
    ],
)
def test_a_combination_that_cannot_be_is_refused_with_who_cannot_and_what_can(asked, said):
    with pytest.raises(BadInputError) as caught:
        deployments(plan(asked.pop("protocol"), **asked))
    assert said in str(caught.value)


def test_a_mesh_that_is_there_already_is_said_beside_every_other():
    there = MeshSpec(name="linkerd", existing=True)
    found = {one.facts.label: one for one in deployments(plan("http/1.1", meshes=(there, "istio")))}
    assert {label for label, one in found.items() if one.existing} == {"linkerd as installed"}
    assert {label for label, one in found.items() if any("linkerd" in note for note in one.notes)} == {
        "baseline",
        "istio",
    }
    with pytest.raises(BadInputError, match="existing"):
        deployments(
            plan(
                "http/1.1",
                environment="lab",
                generator="builtin",
                meshes=(MeshSpec(name="l4-sidecars", existing=True),),
            )
        )
