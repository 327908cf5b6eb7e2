"""Plans for clusters: described as a whole before anything is done, printed, and refused where they cannot be."""

from __future__ import annotations

import pytest
from cluster_cases import MESHES

from workbench.campaigns.deployments import deployments, steps_of
from workbench.cli.planning import plan
from workbench.errors import BadInputError
from workbench.model.cluster_steps import ClusterApplication, Delete, HelmRelease, Uninstall
from workbench.model.experiment import experiment_from_toml
from workbench.model.plan import make_plan


def toml(environment: str, *meshes: str, workload: str = "chain") -> str:
    listed = "".join(f'[[meshes]]\nname = "{name}"\n' for name in meshes)
    return f"""
name = "four"
blocks = 1
[environment]
name = "{environment}"
{listed}
[[workloads]]
name = "{workload}"
[load]
rates_per_s = [50]
generator = "fortio"
"""


def planned(*args, **kwargs):
    return make_plan(experiment_from_toml(toml(*args, **kwargs)))


def test_every_deployment_knows_its_parts_and_its_way_back():
    found = {one.facts.label: one for one in deployments(planned("kubernetes", *MESHES))}
    assert set(found) == set(MESHES)
    for label, one in found.items():
        assert isinstance(one.application, ClusterApplication)
        assert one.outlives and one.prepares
        assert bool(one.parts) == (label != "baseline")
        assert all(isinstance(step, Delete | Uninstall) for step in one.removal)
        charts = sum(isinstance(step, HelmRelease) for step in one.steps)
        assert charts == sum(isinstance(step, Uninstall) for step in one.removal)


def test_what_would_be_done_ends_with_the_application():
    for first, steps in steps_of(planned("kubernetes", *MESHES)):
        names = {one["metadata"]["name"] for one in steps[-1].objects if one["kind"] == "Deployment"}
        assert names == {"client", "frontend", "backend"}, first.mesh.label


def test_the_plan_is_printed_in_words(tmp_path, capsys):
    (tmp_path / "four.toml").write_text(toml("kubernetes", *MESHES))
    plan(str(tmp_path / "four.toml"), data=tmp_path)
    said = capsys.readouterr().out
    for words in (
        "chart istiod 1.30.3",
        "authority root.linkerd.cluster.local",
        "wait for consul-connect-injector: webhooks",
        "MutatingWebhookConfiguration nsm-mutating-webhook",
        "the application: ",
    ):
        assert words in said
    assert "Uninstall(" not in said
    assert "(name=" not in said, "every step is said in words"


@pytest.mark.parametrize(
    ("environment", "mesh", "workload", "words"),
    [
        ("lab", "istio", "echo", "'istio' cannot run in the environment 'lab', only in kubernetes"),
        ("kubernetes", "l7-sidecars", "echo", "'l7-sidecars' cannot run in the environment 'kubernetes', only in lab"),
        ("lab", "node-l7", "own", "'own' cannot run in the environment 'lab', only in kubernetes"),
        ("kubernetes", "istio", "own", "no manifests at"),
    ],
)
def test_what_cannot_run_there_is_refused_in_one_sentence(environment, mesh, workload, words):
    with pytest.raises(BadInputError, match=words):
        deployments(planned(environment, mesh, workload=workload))
