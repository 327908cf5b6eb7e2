"""Charts by repository, local file, folder of copies and OCI reference, at their exact version, with either Helm."""

from __future__ import annotations

import shutil

import control_plane
import pytest
from chart_sources import certificate, packed, registry, repository

from workbench import adapters
from workbench.environments.kubernetes import helm_sdk
from workbench.environments.kubernetes.helm import HelmProgram, find_helm
from workbench.environments.kubernetes.helm_sdk import HelmSdk
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_steps import HelmRelease
from workbench.model.experiment import MeshSpec, Workload

PLACE = "from-charts"
VERSIONS = ("1.0.0", "1.1.0")
CHARTS = {("mesh", version): packed("mesh", version) for version in VERSIONS}


@pytest.fixture(params=["program", "package"])
def helm(request, cluster):
    if request.param == "package":
        if not helm_sdk.is_there():
            pytest.skip("no helm-python-sdk: pip install 'mesh-workbench[helm]'")
        return HelmSdk(cluster=cluster)
    request.getfixturevalue("needs_helm")
    return HelmProgram(cluster=cluster, program=control_plane.helm())


@pytest.fixture(autouse=True)
def place(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
    yield
    cluster.delete({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one-told", "namespace": PLACE}})


def installed(helm, cluster, **where):
    """Install, and return what the chart's own object says; then remove it again."""
    said = {"said": "word"}
    helm.install(HelmRelease(name="one", namespace=PLACE, values=said, deadline_s=20.0, **where), "wb-charts")
    try:
        return cluster.get("v1", "ConfigMap", "one-told", PLACE)["data"]
    finally:
        helm.uninstall("one", PLACE)


def test_from_a_repository_at_the_exact_version(helm, cluster):
    with repository(CHARTS) as source:
        url = f"http://{source.address}/charts"
        for version in VERSIONS:
            told = installed(helm, cluster, repository=url, chart="mesh", version=version)
            assert told == {"version": version, "said": "word"}
        with pytest.raises(RunFailedError) as caught:
            installed(helm, cluster, repository=url, chart="mesh", version="9.9.9")
        for word in ("helm install one failed", "9.9.9", "not found", source.address):
            assert word in str(caught.value)
        assert "comes from the experiment's [[meshes]]" in str(caught.value)
        with pytest.raises(RunFailedError, match=r"nosuch.* not found"):
            installed(helm, cluster, repository=url, chart="nosuch", version="1.0.0")


def test_from_an_oci_registry(helm, cluster, tmp_path, monkeypatch):
    made = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    with registry(CHARTS, made) as source:
        chart = f"oci://{source.address}/charts/mesh"
        assert installed(helm, cluster, repository="", chart=chart, version="1.1.0")["version"] == "1.1.0"
        with pytest.raises(RunFailedError, match=r"helm install one failed: .*9\.9\.9"):
            installed(helm, cluster, repository="", chart=chart, version="9.9.9")


def test_from_a_file_and_from_a_folder_of_copies(helm, cluster, tmp_path):
    file = tmp_path / "mesh-1.0.0.tgz"
    file.write_bytes(CHARTS["mesh", "1.0.0"])
    assert installed(helm, cluster, repository="", chart=str(file), version="1.0.0")["version"] == "1.0.0"
    with pytest.raises(RunFailedError, match=r"is version 1\.0\.0, not 1\.1\.0"):
        installed(helm, cluster, repository="", chart=str(file), version="1.1.0")
    copying = type(helm)(
        **{**{name: getattr(helm, name) for name in helm.__dataclass_fields__}, "charts": str(tmp_path)}
    )
    nowhere = "http://127.0.0.1:9/charts"
    assert installed(copying, cluster, repository=nowhere, chart="mesh", version="1.0.0")["version"] == "1.0.0"
    with pytest.raises(RunFailedError, match=r"127\.0\.0\.1:9"):
        installed(copying, cluster, repository=nowhere, chart="mesh", version="1.1.0")


def test_a_file_that_is_no_chart(helm, cluster, tmp_path):
    (tmp_path / "mesh-1.0.0.tgz").write_bytes(b"not found")
    with pytest.raises(RunFailedError, match="is not a Helm chart"):
        installed(helm, cluster, repository="", chart=str(tmp_path / "mesh-1.0.0.tgz"), version="1.0.0")
    with pytest.raises(RunFailedError, match="There is no chart at"):
        installed(helm, cluster, repository="", chart=str(tmp_path / "other"), version="1.0.0")


def test_two_versions_of_a_mesh_are_installed_as_two_from_one_folder(helm, cluster, tmp_path):
    """An upgrade can be measured: each spec's own version is what Helm is given, and what the cluster then holds."""
    mesh = adapters.load("meshes", "linkerd")
    for version in ("2026.8.3", "2026.9.1"):
        (tmp_path / f"linkerd-crds-{version}.tgz").write_bytes(packed("linkerd-crds", version))
        spec = MeshSpec(name="linkerd", version=version.replace("2026", "edge-26"), options={"charts": str(tmp_path)})
        app = adapters.load("workloads", "echo").cluster_application(Workload())
        (step,) = (one for one in mesh.install(spec, app) if getattr(one, "chart", "").endswith(f"crds-{version}.tgz"))
        assert installed(helm, cluster, repository=step.repository, chart=step.chart, version=step.version) == {
            "version": version,
            "said": "word",
        }


def test_without_either_helm_it_is_said_how_to_get_one(cluster, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(helm_sdk, "is_there", lambda: False)
    with pytest.raises(
        UnsupportedError, match=r"no helm on PATH.*install Helm 3\.13.*pip install 'mesh-workbench\[helm\]'"
    ):
        find_helm(cluster)
    with pytest.raises(UnsupportedError, match="The environment's option helm names myhelm"):
        find_helm(cluster, "myhelm")
    monkeypatch.setattr(helm_sdk, "is_there", lambda: True)
    assert isinstance(find_helm(cluster), HelmSdk)
    assert shutil.which("helm") is None
