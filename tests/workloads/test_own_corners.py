"""Manifests of one's own in every corner: recipes in place of manifests, kinds of other groups, what distorts a run."""

from __future__ import annotations

import json

import pytest
import yaml
from test_own_manifests import DEPLOYMENT, MESHES, SERVICE, changed, own, written

from workbench import adapters
from workbench.cli import main
from workbench.errors import BadInputError
from workbench.model.experiment import MeshSpec


def named(name, **more):
    return {"metadata": {"name": name}, **more}


def test_two_kinds_of_one_name_are_two_objects(tmp_path):
    knative = named("web", apiVersion="serving.knative.dev/v1", kind="Service", spec={"template": {"spec": {}}})
    gateways = [
        named("edge", apiVersion=f"{group}/v1", kind="Gateway", spec={})
        for group in ("networking.istio.io", "gateway.networking.k8s.io")
    ]
    app = own(written(tmp_path, DEPLOYMENT, knative, SERVICE, *gateways))
    assert sum(one["kind"] == "Gateway" for one in app.objects) == 2
    for name in MESHES:  # a Service of Knative has neither ports nor a selector, and no mesh stumbles over it
        adapters.load("meshes", name).enrol(MeshSpec(name=name), app)
    with pytest.raises(BadInputError, match="twice"):
        older = changed(gateways[0], "apiVersion", value="networking.istio.io/v1beta1")
        own(written(tmp_path, DEPLOYMENT, SERVICE, older, gateways[0]))
    with pytest.raises(BadInputError, match="no Service"):
        own(written(tmp_path, DEPLOYMENT, knative))


def test_a_namesake_of_a_kind_without_a_namespace_is_taken(tmp_path):
    node = named("edge", apiVersion="edge.example.com/v1", kind="Node")
    assert own(written(tmp_path, DEPLOYMENT, SERVICE, node)).objects[-1]["kind"] == "Node"
    with pytest.raises(BadInputError, match="cluster-scoped"):
        own(written(tmp_path, DEPLOYMENT, SERVICE, changed(node, "apiVersion", value="v1")))


@pytest.mark.parametrize(
    ("file", "text", "command"),
    [
        ("kustomization.yaml", "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1\n", "kubectl kustomize"),
        ("kustomization.yml", "resources: [app.yaml]\n", "kubectl kustomize"),
        ("Kustomization", "resources: [app.yaml]\n", "kubectl kustomize"),
        ("part.yaml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n", "kubectl kustomize"),
        ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "helm template"),
    ],
)  # fmt: skip
def test_a_recipe_for_manifests_says_what_makes_them(file, text, command, tmp_path):
    written(tmp_path, DEPLOYMENT, SERVICE)
    (tmp_path / file).write_text(text)
    with pytest.raises(BadInputError) as caught:
        own(tmp_path)
    assert f"{command} {tmp_path} > " in str(caught.value)
    assert file in str(caught.value)


def test_a_namespace_is_to_be_left_out(tmp_path):
    with pytest.raises(BadInputError, match="Namespace 'shop': leave it out") as caught:
        own(written(tmp_path, named("shop", apiVersion="v1", kind="Namespace"), DEPLOYMENT, SERVICE))
    assert "beforehand" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "words"),
    [({"kind": "X", "apiVersion": "v1"}, "without metadata.name"), ({"services": {}}, "apiVersion and kind and meta")],
)  # fmt: skip
def test_exactly_what_lacks_is_named(one, words, tmp_path):
    with pytest.raises(BadInputError, match=words):
        own(written(tmp_path, one))


def test_numbers_reach_the_server_as_kubectl_sends_them(tmp_path):
    text = yaml.safe_dump_all([SERVICE, DEPLOYMENT]) + (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nimmutable: no\n"
        "data: {at: 2024-05-01T10:00:00Z, took: 1:30}\n"
        "---\napiVersion: example.com/v1\nkind: Job\nmetadata: {name: j}\nspec: {mode: 0o644, old: 0640, limit: 1e3}\n"
    )
    (tmp_path / "a.yaml").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    config, job = own(tmp_path).objects[-2:]
    assert config["data"] == {"at": "2024-05-01T10:00:00Z", "took": "1:30"}
    assert config["immutable"] is False
    assert json.dumps(job["spec"]) == '{"mode": 420, "old": 416, "limit": 1000}'


def config(*texts):
    return named("c", apiVersion="v1", kind="ConfigMap", data={f"t{n}": text for n, text in enumerate(texts)})


def cron(image):
    pod = {"template": {"spec": {"containers": [{"name": "x", "image": image}]}}}
    return named("nightly", apiVersion="batch/v1", kind="CronJob", spec={"jobTemplate": {"spec": pod}})


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (changed(DEPLOYMENT, "metadata", "name", value="loadgenerator"), "loadgenerator looks like a load gen"),
        (cron("ghcr.io/grafana/k6:0.54.0"), "CronJob nightly looks like a load generator"),
        (named("s", apiVersion="autoscaling/v2", kind="HorizontalPodAutoscaler"), "HorizontalPodAutoscaler s changes"),
        (named("s", apiVersion="keda.sh/v1alpha1", kind="ScaledObject"), "ScaledObject s changes"),
        (config("redis://db.stores.svc.cluster.local:6379"), "namespace stores"),
        (config("http://web.elsewhere:80/"), "namespace elsewhere"),
    ],
)  # fmt: skip
def test_what_distorts_a_run_is_noted(one, words, tmp_path):
    first = changed(DEPLOYMENT, "metadata", "name", value="first")
    (note,) = own(written(tmp_path, first, SERVICE, one)).notes
    assert words in note


def test_what_is_plain_has_no_notes(tmp_path):
    plain = config("web.workbench-app.svc", "example.com:80 monkey hey-you.txt", "https://k6.io")
    assert own(written(tmp_path, DEPLOYMENT, changed(SERVICE, "metadata", value={"name": "web"}), plain)).notes == ()


def test_the_plan_says_the_notes(tmp_path, capsys):
    scaler = named("s", apiVersion="autoscaling/v2", kind="HorizontalPodAutoscaler")
    app = written(tmp_path, DEPLOYMENT, SERVICE, scaler)
    (tmp_path / "x.toml").write_text(
        f'name = "x"\nenvironment = {{name = "kubernetes"}}\n[[meshes]]\nname = "baseline"\n[[workloads]]\nname = "own"'
        f'\nmanifests = "{app}"\nurl = "http://web:80/"\n[load]\ngenerator = "fortio"\n'
        "rates_per_s = [100]\nduration_s = 60\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(tmp_path / "x.toml"), "--data", str(tmp_path)])
    out, err = capsys.readouterr()
    assert ended.value.code == 0, err
    assert "note  The HorizontalPodAutoscaler s changes" in out
