"""Every rendered object against what its own project says of it: Go types that refuse unknown fields, and real CRDs.

Needs what `scripts/schemas/build` makes, and for the API server the control plane of `tests/cluster`. Linkerd's own
kinds are in no module that can be had: its policies are held to their documentation by the golden files alone.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from intent_cases import designs, rendered
from kubernetes import client
from test_cluster_meshes_api_server import Server, server  # noqa: F401 - the fixture

from workbench.intents import identity
from workbench.playground import mesh_specs

BUILD = Path(__file__).parents[2] / "scripts" / "schemas" / "build"
FOLDER = Path(
    subprocess.run([sys.executable, str(BUILD), "--where"], capture_output=True, text=True, check=True).stdout.strip()
)
DECODED = ("networking.istio", "security.istio", "telemetry.istio", "consul.hashicorp", "networkservicemesh")
SERVED = ("networking.istio", "security.istio", "telemetry.istio", "gateway.networking.k8s", "v1")

pytestmark = pytest.mark.skipif(
    not os.access(FOLDER / "strict", os.X_OK),
    reason="the projects' types are not built: run scripts/schemas/build (Go, some two minutes of CPU, once)",
)


def objects_of(groups):
    """Every object of these groups that any mesh makes of any design, each once."""
    found = {}
    for spec in mesh_specs():
        for design in designs():
            for one in rendered(spec, design).objects:
                if one["apiVersion"].startswith(groups):
                    found[json.dumps(one, sort_keys=True)] = one
    return list(found.values())


def strictly(objects):
    done = subprocess.run(
        [str(FOLDER / "strict")], input=json.dumps(objects), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_projects_own_types_know_every_field():
    objects = objects_of(DECODED)
    kinds = {one["kind"] for one in objects}
    assert {"VirtualService", "EnvoyFilter", "ServiceRouter", "ServiceIntentions", "Mesh", "NetworkService"} <= kinds
    assert strictly(objects) == []


def test_they_do_refuse_what_they_do_not_know():
    spoiled = []
    for one in {one["kind"]: one for one in objects_of(DECODED)}.values():
        wrong = copy.deepcopy(dict(one))
        wrong["spec"]["nonesuch"] = 1
        spoiled.append(wrong)
    told = "\n".join(strictly(spoiled))
    assert [one["kind"] for one in spoiled if f"{one['kind']} {one['metadata']['name']}: " not in told] == []
    assert told.count("nonesuch") == len(spoiled)


def crds():
    for path in sorted((FOLDER / "crds").glob("*.yaml")):
        yield from (one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one)


@pytest.fixture(scope="module")
def knowing(server: Server) -> Server:  # noqa: F811
    """The API server with the CRDs of Istio and of the Gateway API."""
    needed = {one["kind"] for one in objects_of(SERVED)}
    for one in crds():
        if one["spec"]["names"]["kind"] in needed:
            client.ApiextensionsV1Api(server.api).create_custom_resource_definition(one)
    namespace = {"metadata": {"name": "shop"}}
    client.CoreV1Api(server.api).create_namespace(namespace)
    return server


def test_an_api_server_with_the_real_crds_takes_every_object(knowing):
    found = {str(identity(one)): objection for one in objects_of(SERVED) if (objection := knowing.apply(one))}
    assert found == {}


def test_it_does_refuse_what_the_crds_forbid(knowing):
    (rule, *_) = (one for one in objects_of(SERVED) if one["kind"] == "PeerAuthentication")
    wrong = copy.deepcopy(dict(rule))
    wrong["spec"]["mtls"]["mode"] = "SOMETIMES"
    assert "mode" in knowing.apply(wrong)
