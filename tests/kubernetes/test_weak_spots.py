"""Refused while planning, failed at once, shared out: what was found out only after a wait, or not at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.campaigns.deployments import deployments
from workbench.environments.kubernetes.attribution import reservations, shared
from workbench.environments.kubernetes.deployment import ClusterDeployment
from workbench.environments.kubernetes.rights import requests_of
from workbench.errors import BadInputError
from workbench.model.cluster_steps import MetricMoved, PartRule
from workbench.model.experiment import experiment_from_toml
from workbench.model.plan import make_plan


def toml(mesh, metrics):
    return (
        f'name = "x"\nenvironment = {{name = "kubernetes"}}\n[[meshes]]\nname = "{mesh}"\n'
        f'[meshes.intent]\nname = "quiet"\nmetrics = {metrics}\n[[workloads]]\nname = "echo"\npayload_bytes = 0\n'
        '[load]\ngenerator = "fortio"\nrates_per_s = [10]\n'
    )


def test_an_intent_without_metrics_is_refused_while_planning():
    for mesh in ("istio", "consul"):
        assert deployments(make_plan(experiment_from_toml(toml(mesh, "true"))))
        with pytest.raises(BadInputError, match="metrics = false switches off"):
            deployments(make_plan(experiment_from_toml(toml(mesh, "false"))))


def pod(name, *containers, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": one, **more} for one, more in containers], **spec},
        "status": {},
    }


class Pods:
    def __init__(self, *pods):
        self.found = list(pods)

    def listed(self, *_, **__):
        return self.found, ""

    def page_once(self, *_):
        raise AssertionError("no pod has a proxy to ask")


def test_a_counter_of_a_proxy_that_no_pod_has_is_not_waited_for():
    application = type("Application", (), {"namespace": "shop", "url": "http://web/"})()
    deployment = ClusterDeployment(
        cluster=Pods(pod("web-1", ("app", {})), pod("client-1", ("fortio", {}))),
        application=application, parts=(), acting=None, choice=None,
    )  # fmt: skip
    gate = MetricMoved(
        name="moved", part=PartRule(role="sidecar", containers=("proxy",)), port=1, path="m", metric="requests"
    )
    begun = time.monotonic()
    (result,) = deployment.check((gate,))
    assert time.monotonic() - begun < 1
    assert not result.passed
    assert "no container proxy in web-1, client-1" in result.evidence


def asked(cpu=None, memory=None):
    told = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    return {"resources": {"requests": told}}


def test_what_a_pod_reserves_as_a_whole_is_what_its_containers_add_up_to():
    whole = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "4"}}
    one = pod("web", ("app", asked("500m")), ("proxy", {}), ("log", {}), resources=whole)
    found = reservations(one)
    assert {key: part.cpu_request_cores for key, part in found.items()} == {"app": 0.5, "proxy": 0.75, "log": 0.75}
    assert sum(part.memory_request_bytes for part in found.values()) == pytest.approx(2**30)
    assert [part.cpu_limit_cores for part in found.values()] == [pytest.approx(4 / 3)] * 3
    assert {part.memory_limit_bytes for part in found.values()} == {None}
    assert requests_of(one["spec"]) == (2.0, 2**30)


@pytest.mark.parametrize(
    ("resources", "cores"),
    [
        ({}, 0.5),
        ({"limits": {"cpu": "3"}}, 0.5),
        ({"requests": {"cpu": "0"}}, 0.0),
        ({"requests": {"memory": "1Gi"}}, 0.5),
    ],
)  # fmt: skip
def test_a_pods_request_stands_in_place_of_the_sum_where_there_is_one(resources, cores):
    assert requests_of(pod("web", ("app", asked("500m")), resources=resources)["spec"])[0] == cores
    assert requests_of(pod("web", ("app", {}), resources={"limits": {"cpu": "3"}})["spec"])[0] == 3.0


@given(st.dictionaries(st.text(max_size=2), st.none() | st.floats(0, 64), min_size=1, max_size=5), st.floats(0.01, 64))
def test_shares_add_up(own, total):
    shares = shared(own, total)
    assert shares.keys() == own.keys()
    assert sum(shares.values()) == pytest.approx(total)
    assert all(share >= 0 for share in shares.values())
