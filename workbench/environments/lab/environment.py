"""The lab: data planes as ordinary processes of this machine, on loopback or in network namespaces of its own.

Nothing is needed but what pip installs, and no rights. Every port is chosen by the kernel, everything lives in one
private folder, and whatever ends this program, no process, namespace or socket stays behind: the kernel kills the
processes when their parent dies, a janitor removes the folder, and namespaces end with their last process.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from workbench.environments.lab import describing
from workbench.environments.lab._enter import enter_command
from workbench.environments.lab.certificates import write_certificates
from workbench.environments.lab.envoy import envoy_path
from workbench.environments.lab.facts import lab_facts
from workbench.environments.lab.folder import LabFolder
from workbench.environments.lab.job import JobRun
from workbench.environments.lab.names import Names
from workbench.environments.lab.namespaces import Namespaces
from workbench.environments.lab.namespaces import probe as probe_namespaces
from workbench.environments.lab.probes import Outcome, Request, call
from workbench.environments.lab.reconfiguring import counters, refusal, replace_file
from workbench.environments.lab.supervisor import (
    START_DEADLINE_S,
    Child,
    Supervisor,
    admin,
    program_path,
    wait_until,
)
from workbench.errors import BadInputError, UnknownNameError, UnsupportedError
from workbench.model.cluster_steps import PartRule
from workbench.model.deployment import Described
from workbench.model.experiment import EnvironmentSpec, Load, RunSpec, Workload
from workbench.model.lab_steps import (
    Application,
    Carried,
    Certificates,
    Crossing,
    Gate,
    Job,
    Network,
    Probe,
    Process,
    Step,
)
from workbench.model.protocols import JobOutput, SampleSink, TelemetrySource
from workbench.model.records import Component, Facts, GateResult, Placed

_COUNTERS = "downstream_rq_total|downstream_cx_total|downstream_cx_rx_bytes_total"


@dataclass(slots=True, kw_only=True)
class LabDeployment:
    """A data plane and application that are up."""

    folder: Path
    names: Names
    supervisor: Supervisor
    namespaces: Namespaces | None
    application: Application
    children: tuple[Child, ...]
    started: tuple[tuple[str, str | None], ...] = ()
    _jobs: int = 0

    def check(self, gates: Sequence[Gate]) -> tuple[GateResult, ...]:
        """Try every gate and return the evidence."""
        return tuple(self._check(gate) for gate in gates)

    def _check(self, gate: Gate) -> GateResult:
        if isinstance(gate, Carried):
            call = Probe(name=gate.name, target=self.application.target, namespace=self.application.client_namespace)
            return self._moved(call, lambda: self._packets(gate.namespace), "its devices' packet counters")
        for tried in range(1, gate.tries + 1):
            result = self._try(gate)
            if result.passed or tried == gate.tries:
                break
            time.sleep(gate.pause_s)
        return result if tried == 1 else replace(result, evidence=f"{result.evidence} (call {tried} of {gate.tries})")

    def _try(self, gate: Probe | Crossing) -> GateResult:
        if isinstance(gate, Crossing):
            target, namespace = self.application.target, self.application.client_namespace
            call = Probe(name=gate.name, target=target, namespace=namespace, slow_s=gate.slow_s)
            return self._moved(call, lambda: self._crossings(gate.component), "its listeners' counters")
        outcome = self._call(gate)
        passed = outcome.answered if gate.expect == "answer" else outcome.refused
        return GateResult(name=gate.name, passed=passed, evidence=outcome.evidence)

    def _moved(self, call: Probe, read: Callable[[], int], what: str) -> GateResult:
        before = read()
        outcome = self._call(call)
        moved = read() - before
        evidence = f"{what} moved by {moved}; {outcome.evidence}"
        return GateResult(name=call.name, passed=outcome.answered and moved > 0, evidence=evidence)

    def _child(self, component: str) -> Child:
        for child in self.children:
            if child.name == component:
                return child
        raise BadInputError(f"{component!r} is not part of this deployment.")

    def counters(self, component: str, pattern: str = "") -> dict[str, int]:
        """Return the counters of an Envoy whose names match the regular expression ``pattern``; empty: all."""
        return counters(self._child(component), pattern)

    def refusal(self, component: str) -> str:
        """Return in Envoy's own words why it refused the files that it was started with; empty when it took them."""
        return refusal(self._child(component))

    @contextmanager
    def paused(self, component: str) -> Iterator[None]:
        """Hold a component still for the time of the context."""
        child = self._child(component)
        child.popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            child.popen.send_signal(signal.SIGCONT)

    def replace_file(self, component: str, file: str, text: str) -> None:
        """Replace a file that a running Envoy watches, placeholders filled in, and wait until it has taken it up.

        Raises
        ------
        BadInputError
            When Envoy refuses it, in its own words; what it had before stays in force.
        DeadlineExceededError, RunFailedError
            When nothing happens; when it has died.
        """
        child = self._child(component)
        given = {"certs": str(self.folder / "certs"), "dir": str(child.folder)}
        replace_file(child, file, self.names.fill(text, given))

    def _crossings(self, component: str) -> int:
        found = self.counters(component, f"^(http|tcp).*({_COUNTERS})$")
        return sum(value for name, value in found.items() if not name.startswith("http.admin."))

    def _packets(self, namespace: str) -> int:
        return sum(self._networks().counters(namespace).values())

    def _networks(self) -> Namespaces:
        if self.namespaces is None:
            raise BadInputError("This deployment has no network namespaces.")
        return self.namespaces

    def _call(self, probe: Probe) -> Outcome:
        place = self.names.place(probe.target)
        if probe.namespace is None:
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        else:
            stream = self._networks().open_socket(probe.namespace)
        request = Request(
            certs=self.folder / "certs",
            identity=probe.identity,
            server_name=probe.server_name,
            tunnel_to=probe.tunnel_to,
            slow_s=probe.slow_s,
        )
        return call(stream, (place.host, place.port), request)

    def _enter(self, namespace: str | None, argv: list[str]) -> list[str]:
        return enter_command(argv) if namespace is None else self._networks().enter_command(namespace, argv)

    def components(self) -> tuple[Component, ...]:
        """Return the watched parts, without the load generator."""
        parts = [Component(name=child.name, role=child.role, instance=str(child.popen.pid)) for child in self.children]
        return (*parts, Component(name="node", role="node"))

    def inventory(self) -> tuple[Placed, ...]:
        """Return the processes that are up; the lab reserves nothing for anybody."""
        return tuple(
            Placed(component=child.name, role=child.role, where=where or "this machine", program=program, ready=True)
            for child, (program, where) in zip(self.children, self.started, strict=True)
        )

    def run(self, job: Job, source: TelemetrySource, sink: SampleSink) -> JobOutput:
        """Run the job to its end while watching every part."""
        self._jobs += 1
        folder = self.folder / f"job-{self._jobs}"
        folder.mkdir(mode=0o700)
        target = self.names.place(self.application.target)
        given = {
            "dir": str(folder),
            "certs": str(self.folder / "certs"),
            "target.host": target.host,
            "target.port": str(target.port),
        }
        argv = [program_path(job.program), *(self.names.fill(argument, given) for argument in job.arguments)]
        argv = self._enter(self.application.client_namespace, argv)
        generator = self.supervisor.start("load-generator", "load-generator", argv, folder)
        try:
            return JobRun(job=job, generator=generator, others=self.children).watch(self.components(), source, sink)
        finally:
            self.supervisor.stop([generator])

    def start(self, processes: Sequence[Process]) -> None:
        """Start the processes together and wait until every one is ready."""
        given = {"certs": str(self.folder / "certs")}
        started: list[Child] = []
        for process in processes:
            folder = self.folder / process.name
            folder.mkdir(mode=0o700)
            mine = {**given, "dir": str(folder)}
            for name, text in process.files.items():
                (folder / name).write_text(self.names.fill(text, mine), encoding="utf-8")
            argv = [program_path(process.program), *(self.names.fill(a, mine) for a in process.arguments)]
            argv = self._enter(process.namespace, argv)
            started.append(self.supervisor.start(process.name, process.role, argv, folder))
        self.children = tuple(started)
        self.started = tuple((process.program, process.namespace) for process in processes)
        for process, child in zip(processes, started, strict=True):
            wait_until(_ready(process, child), started, f"{process.name} becoming ready", START_DEADLINE_S)


def _ready(process: Process, child: Child) -> Callable[[], bool]:
    """Return the question whether a started process is ready."""
    if process.admin is None:
        return (child.folder / "ready").exists
    address = child.folder / process.admin
    return lambda: admin(address, "/ready")[0] == 200


class OpenLab:
    """The lab in use."""

    telemetry = "processes"

    def __init__(self) -> None:
        self.say: Callable[[str], None] = lambda _: None  # everything here takes less than a second
        self.left_behind: tuple[str, ...] = ()  # nothing outlives the lab
        self._folder = LabFolder()
        self._supervisor = Supervisor()
        self._deployments = 0

    def __enter__(self) -> OpenLab:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.stop_all()
        self._folder.__exit__(kind, error, trace)

    def facts(self) -> Facts:
        """Return machine and software."""
        return lab_facts()

    def refuses(self, steps: Sequence[Step], *, existing: bool = False) -> str:
        """Why these steps cannot be done on this machine; empty when they can."""
        for step in steps:
            if isinstance(step, Process) and step.program == "envoy":
                try:
                    envoy_path()
                except UnsupportedError as error:
                    return str(error)
            if isinstance(step, Network):
                reason = probe_namespaces()
                if reason:
                    return reason
        return ""

    @contextmanager
    def deploy(
        self,
        steps: Sequence[Step],
        application: Application,
        *,
        parts: Sequence[PartRule] = (),
        removal: Sequence[Step] = (),
        existing: bool = False,
    ) -> Iterator[LabDeployment]:
        """Bring steps and application up; leaving the context ends all of it.

        The lab has no use for the keywords: it knows whom each process is charged to, and ends what it started.
        """
        self._deployments += 1
        folder = self._folder.path / str(self._deployments)
        (folder / "certs").mkdir(parents=True, mode=0o700)
        networks = [step for step in steps if isinstance(step, Network)]
        if len(networks) > 1:
            raise BadInputError("A deployment can have one Network step only.")
        services = [service.process for service in application.services]
        processes = [*services, *(step for step in steps if isinstance(step, Process))]
        namespaces = Namespaces.open(networks[0], folder) if networks else None
        names = Names(application, networks[0].addresses if networks else {})
        try:
            deployment = LabDeployment(
                folder=folder,
                names=names,
                supervisor=self._supervisor,
                namespaces=namespaces,
                application=application,
                children=(),
            )
            for step in steps:
                if isinstance(step, Certificates):
                    write_certificates(step, folder / "certs")
            names.reserve(processes)
            deployment.start(processes)
            yield deployment
        finally:
            self._supervisor.stop_all()
            names.close()
            if namespaces is not None:
                namespaces.close()


class Lab:
    """The adapter: opens the lab and says what this machine can do."""

    name = "lab"
    kind = describing.KIND
    generator = "builtin"

    def pinned(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        """Return it as it is: the lab takes nothing from a default."""
        return spec

    def describe(self, spec: EnvironmentSpec, runs: Sequence[RunSpec]) -> Described[Application, Step, Gate]:
        """Describe the deployment that ``runs`` share; see `workbench.model.environment.Environment`."""
        return describing.describe(runs)

    def load_of(self, spec: EnvironmentSpec, load: Load, workload: Workload, seed: int) -> Job:
        """Return the program that makes the load."""
        return describing.load_of(load, workload, seed)

    def estimate_s(self, spec: EnvironmentSpec, runs: Sequence[RunSpec], deployments: int) -> float:
        """Return about how many seconds the runs take in so many deployments."""
        return describing.estimate_s(runs, deployments)

    def __call__(self, spec: EnvironmentSpec) -> OpenLab:
        """Return the lab, to be used as a context manager.

        Raises
        ------
        UnsupportedError
            When this is not Linux.
        UnknownNameError
            For an option; the lab has none.
        """
        for key in spec.options:
            raise UnknownNameError("option", key, (), "environment lab")
        if sys.platform != "linux":
            raise UnsupportedError(
                f"The lab needs Linux's process accounting, but this is {sys.platform}; "
                "run it in a Linux virtual machine or container."
            )
        return OpenLab()

    def diagnose(self, spec: EnvironmentSpec | None = None) -> tuple[GateResult, ...]:
        """Say what this machine can do and why not."""
        from workbench.environments.lab.diagnosis import diagnose

        return diagnose()


ADAPTER = Lab()
