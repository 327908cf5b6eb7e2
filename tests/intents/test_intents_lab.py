"""What the lab's archetypes make of an intent, with nothing running: every feature answered, what is shown is run."""

import json

import pytest
import yaml
from hypothesis import given, settings
from intent_strategies import DESIGNS

from workbench import adapters
from workbench.campaigns.deployments import deployments
from workbench.environments.lab.describing import target_of
from workbench.errors import BadInputError
from workbench.intents import Abort, Authorization, Delay, Intent, Mtls, Share, Target, Timeout, rendered
from workbench.model.experiment import Experiment, Load, MeshSpec, Workload
from workbench.model.lab_steps import Probe, Process
from workbench.model.plan import make_plan

LAB = [name for name in adapters.names("meshes") if "lab" in adapters.load("meshes", name).environments]
PROXIES = ("l4-sidecars", "l7-sidecars", "node-l7", "node-tunnel")
SPLIT = (Share(version="v1", weight=90), Share(version="v2", weight=10))


@pytest.mark.parametrize("name", LAB)
@given(design=DESIGNS)
@settings(max_examples=12, deadline=None)
def test_every_feature_is_answered_and_every_refusal_has_its_reason(name, design):
    mesh, spec = adapters.load("meshes", name), MeshSpec(name=name)
    rendering = mesh.configure(spec, design.intent, design.target)
    assert [answer.feature for answer in rendering.answers] == list(design.intent.asked)
    assert all(answer.says.endswith(".") for answer in rendering.answers)
    assert rendering.mesh == spec.label
    assert rendering == mesh.configure(spec, design.intent, design.target), "the same each time"
    for text in rendering.files.values():
        assert yaml.safe_load(text)["static_resources"]["listeners"]


def described(name, intent, versions=1):
    plan = make_plan(
        Experiment(
            name="x",
            meshes=(MeshSpec(name=name, intent=intent),),
            workloads=(Workload(versions=versions),),
            loads=(Load(rate_per_s=100),),
            blocks=1,
        )
    )
    return next(one for one in deployments(plan) if one.runs[0].mesh.name == name)


@pytest.mark.parametrize("name", PROXIES)
def test_what_is_shown_is_what_an_experiment_starts(name):
    mode = "off" if name == "node-l7" else "strict"
    intent = Intent(name="shown", mtls=Mtls(mode=mode), proxy_threads=2)
    one = described(name, intent)
    mesh, spec = adapters.load("meshes", name), one.runs[0].mesh
    application = adapters.load("workloads", "echo").application(Workload())
    shown = mesh.configure(MeshSpec(name=name), intent, target_of(application, Workload())).files
    started = {step.name: step for step in one.steps if isinstance(step, Process)}
    assert {name: yaml.safe_load(text) for name, text in shown.items()} == {
        name: json.loads(step.files["envoy.json"]) for name, step in started.items()
    }
    assert all(step.arguments[step.arguments.index("--concurrency") + 1] == "2" for step in started.values())
    assert one.facts.mtls == (mode == "strict")
    assert one.facts.label == f"{name} with shown" == spec.label


def test_a_split_is_weighted_by_requests_or_refused():
    intent = Intent(name="canary", split=SPLIT)
    steps = [step for step in described("l7-sidecars", intent, versions=2).steps if isinstance(step, Process)]
    proxy = next(step for step in steps if step.name == "client-sidecar")
    assert '"weight": 90' in proxy.files["envoy.json"]
    with pytest.raises(BadInputError, match=r"l4-sidecars with canary cannot be measured .*Shares of the connections"):
        described("l4-sidecars", intent, versions=2)
    with pytest.raises(BadInputError, match="has the versions v1"):
        described("l7-sidecars", intent)


@pytest.mark.parametrize(
    ("intent", "says"),
    [
        (Intent(name="a", abort=Abort(percent=100)), "answered with an error on purpose"),
        (
            Intent(name="a", delay=Delay(percent=100, seconds=2), timeout=Timeout(request_s=2)),
            "every request is delayed 2 s, and none may take longer than 2 s, so no request",
        ),
        (Intent(name="a", authorization=Authorization(callers=("web",))), "the load comes from client"),
        (Intent(name="a", authorization=Authorization(methods=("GET",))), "uses POST"),
        (Intent(name="a", authorization=Authorization(paths=("/api/*",))), "the load calls /"),
    ],
)
def test_an_intent_that_answers_nothing_is_refused_before_anything_starts(intent, says):
    with pytest.raises(BadInputError, match=says):
        described("l7-sidecars", intent)


@pytest.mark.parametrize(
    ("mode", "expected"), [("strict", {"refused"}), ("permissive", {"answer", "refused"}), ("off", {"answer"})]
)
def test_gates_prove_what_the_mode_promises(mode, expected):
    one = described("l7-sidecars", Intent(name="m", mtls=Mtls(mode=mode)))
    others = [gate for gate in one.gates[1:] if isinstance(gate, Probe) and gate.identity != "client"]
    assert {gate.expect for gate in others} | ({"answer"} if not others else set()) == expected
    assert any("plaintext" in gate.name for gate in others) == (mode != "off")


def test_gates_are_as_patient_as_the_intent_needs():
    one = described("l7-sidecars", Intent(name="p", abort=Abort(percent=50), split=SPLIT), versions=2)
    tries = {gate.name: gate.tries for gate in one.gates}
    assert tries["the whole chain gives the right answer"] == 20
    assert tries["the call crossed server-v2-sidecar"] > tries["the call crossed server-sidecar"] > 20
    none = described("l7-sidecars", Intent(name="p", split=(Share(version="v1", weight=100),)), versions=2)
    assert not [gate for gate in none.gates if gate.name == "the call crossed server-v2-sidecar"]


def test_a_mesh_that_answers_no_intents_is_said_so():
    class Silent:
        name = "silent"

    with pytest.raises(BadInputError, match="'silent' does not support intents"):
        rendered(Silent(), MeshSpec(name="silent"), Intent(name="a"), Target())
