"""Every object that a mesh describes, given to a real API server that refuses fields which it does not know.

Needs the control plane of `tests/cluster`; nothing runs the pods. Objects of kinds that charts bring (Istio's,
Consul's, the Gateway API's) are not among them.
"""

from __future__ import annotations

import copy
import importlib
import json
import sys
import time
from pathlib import Path

import pytest
import yaml
from cluster_cases import MESHES, manifests
from kubernetes import config, dynamic

from workbench import adapters
from workbench.model.experiment import PROTOCOLS, MeshSpec, Workload

RIG = Path(__file__).parents[1] / "cluster"
FROM_CHARTS = ("ProxyDefaults", "ServiceDefaults", "Gateway")
ASKED = {
    "echo": {"server_delay_s": 0.1},
    "chain": {"fan_out": 2, "server_delay_s": 0.1},
    **{name: {"payload_bytes": 0} for name in ("bookinfo", "emojivoto", "httpbin", "online-boutique")},
}


class Server:
    """Server-side apply with strict field validation, and nothing else."""

    def __init__(self, kubeconfig: Path) -> None:
        self.api = config.new_client_from_config(str(kubeconfig))
        self.kinds = dynamic.DynamicClient(self.api)
        user = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]
        self.authorization = f"Bearer {user['token']}"

    def path(self, one) -> str:
        """Where the object is; a CRD applied just now takes a moment to be served."""
        end = time.monotonic() + 10
        while True:
            try:
                kind = self.kinds.resources.get(api_version=one["apiVersion"], kind=one["kind"])
                return kind.path(name=one["metadata"]["name"], namespace=one["metadata"].get("namespace"))
            except dynamic.exceptions.ResourceNotFoundError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
                self.kinds.resources.invalidate_cache()

    def apply(self, one) -> str:
        """Apply and return what the server objects to, or warns of."""
        answer = self.api.rest_client.pool_manager.request(
            "PATCH",
            f"{self.api.configuration.host}{self.path(one)}?fieldManager=test&force=true&fieldValidation=Strict",
            body=json.dumps(one).encode(),
            headers={"Content-Type": "application/apply-patch+yaml", "Authorization": self.authorization},
        )
        objection = answer.headers.get("Warning", "")
        return objection if answer.status < 300 else json.loads(answer.data)["message"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not (RIG / "control_plane.py").exists():
        pytest.skip("the control plane of tests/cluster is not there")
    sys.path.insert(0, str(RIG))
    control_plane = importlib.import_module("control_plane")
    if control_plane.why_not():
        pytest.skip(control_plane.why_not())
    plane = control_plane.ControlPlane(tmp_path_factory.mktemp("api-server"))
    try:
        plane.start()
        yield Server(plane.kubeconfig)
    finally:
        plane.stop()


def harmless(one):
    """The object without what would keep this server from taking further ones.

    No pod runs, so a webhook that fails closed would refuse everything after it; and the server may be started without
    leave for privileged pods, which NSM's forwarder needs.
    """
    one = copy.deepcopy(dict(one))
    for hook in one.get("webhooks", ()):
        hook["failurePolicy"] = "Ignore"
    for container in one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
        container.get("securityContext", {}).pop("privileged", None)
    return one


@pytest.mark.parametrize("workload", list(ASKED))
@pytest.mark.parametrize("name", MESHES)
def test_a_real_api_server_takes_every_object(server, name, workload):
    mesh = adapters.load("meshes", name)
    spec = MeshSpec(name=name, options={"joins": "entry"} if "joins" in mesh.options else {})
    app = adapters.load("workloads", workload).cluster_application(
        Workload(name=workload, **ASKED[workload]), namespace=f"{name}-{workload}"
    )
    enrolled = mesh.enrol(spec, app)
    own = {"name": app.namespace, **enrolled.namespace_metadata}
    objects = [
        *manifests(mesh.install(spec, app)),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": own},
        *enrolled.objects,
        enrolled.client,
    ]
    found = {
        f"{one['kind']} {one['metadata']['name']}": server.apply(harmless(one))
        for one in objects
        if one["kind"] not in FROM_CHARTS
    }
    assert {name: objection for name, objection in found.items() if objection} == {}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_real_api_server_takes_the_echo_of_every_protocol(server, protocol):
    place = f"echo-{protocol.replace('/', '-').replace('.', '-')}"
    app = adapters.load("workloads", "echo").cluster_application(Workload(), protocol, namespace=place)
    enrolled = adapters.load("meshes", "linkerd").enrol(MeshSpec(name="linkerd"), app)
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}, *enrolled.objects]
    assert {server.apply(harmless(one)) for one in objects} == {""}


def test_the_server_does_refuse(server):
    app = adapters.load("workloads", "echo").cluster_application(Workload(), namespace="default")
    wrong = copy.deepcopy(dict(app.client))
    wrong["spec"]["template"]["spec"]["containrs"] = []
    assert "containrs" in server.apply(wrong)
