"""An environment in one file: everything happens on paper. Its applications, steps, gates and loads are its own types.

Beside it, so that it has something to run: a mesh of its kind, and a workload, a load generator and a source of
telemetry that describe for it. Nothing of the lab or of clusters is used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy

from workbench.errors import UnsupportedError
from workbench.intents.rendering import Rendering
from workbench.model.deployment import Described
from workbench.model.describing import facts_of, generator_of, mesh_of, workload_of
from workbench.model.experiment import EnvironmentSpec, Load, MeshSpec, RunSpec, Workload
from workbench.model.histograms import record
from workbench.model.protocols import GeneratorTraits, JobOutput, Option
from workbench.model.records import Component, Facts, GateResult, LoadResult, MeshFacts, Noise, Placed, Window

START_S = 1_800_000_000.0
SECONDS_PER_REQUEST = {"paper": 0.001, "paper-mesh": 0.003}


@dataclass(frozen=True)
class Line:
    """A step, a gate and an application alike: a line on the paper."""

    text: str


class Written:
    """A deployment on paper."""

    def __init__(self, application: Line) -> None:
        self.application = application

    def check(self, gates: Sequence[Line]) -> tuple[GateResult, ...]:
        held = self.application.text in SECONDS_PER_REQUEST
        return tuple(GateResult(name=gate.text, passed=held, evidence="it is written down") for gate in gates)

    def inventory(self) -> tuple[Placed, ...]:
        return (Placed(component="page", role="application", where="desk", program="pencil", ready=True),)

    def run(self, job: dict, source, sink) -> JobOutput:
        window = Window(start_s=START_S, end_s=START_S + job["duration_s"])
        parts = (Component(name="page", role="application"), Component(name="node", role="node"))
        requests = round(job["rate_per_s"] * job["duration_s"])
        cpu_s = requests * SECONDS_PER_REQUEST[self.application.text]
        for moment, used in ((window.start_s, 0.0), (window.end_s, cpu_s)):
            reading = source.parse(None, used)
            sink(parts, [(moment, 0, reading), (moment, 1, {"cpu_time_s": used * 2})])
        told = json.dumps({"requests": requests, "seconds": 0.002})
        return JobOutput(
            window=window, outputs={"paper.json": told.encode()}, stdout="", stderr="", cpu_s=0.0, noise=Noise(cpus=1)
        )


class OpenPaper:
    """Paper in use."""

    telemetry = "paper"

    def __init__(self) -> None:
        self.say = lambda text: None
        self.left_behind: tuple[str, ...] = ()

    def facts(self) -> Facts:
        return Facts(environment="paper", fingerprint="a4", details={})

    def refuses(self, steps: Sequence[Line], *, existing: bool = False) -> str:
        return "the paper is full" if any("full" in step.text for step in steps) else ""

    @contextmanager
    def deploy(self, steps, application, *, parts=(), removal=(), existing=False):
        if existing:
            raise UnsupportedError("nothing is on the paper yet")
        yield Written(application)


class Paper:
    """The environment."""

    name = "paper"
    kind = "paper"
    generator = "pencil"

    @contextmanager
    def __call__(self, spec: EnvironmentSpec):
        yield OpenPaper()

    def pinned(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        return spec

    def describe(self, spec: EnvironmentSpec, runs: Sequence[RunSpec]) -> Described[Line, Line, Line]:
        first = runs[0]
        mesh = mesh_of(first.mesh, self.kind)
        application = workload_of(first.workload, self.kind, first.load.protocol).lines()
        return Described(
            runs=tuple(runs),
            facts=facts_of(mesh.facts(first.mesh), first.mesh, first.load.protocol),
            steps=mesh.install(first.mesh, application),
            application=mesh.enrol(first.mesh, application),
            gates=mesh.gates(first.mesh, application),
            notes=("everything here happened on paper",),
        )

    def load_of(self, spec: EnvironmentSpec, load: Load, workload: Workload, seed: int) -> dict:
        return generator_of(load.generator, self.kind).told(load)

    def estimate_s(self, spec: EnvironmentSpec, runs: Sequence[RunSpec], deployments: int) -> float:
        return 0.001 * len(runs)

    def diagnose(self, spec: EnvironmentSpec | None = None) -> tuple[GateResult, ...]:
        return (GateResult(name="paper", passed=True, evidence="there is a sheet"),)


class Letters:
    """A mesh, and no mesh."""

    environments = ("paper",)
    profiles = ("default",)
    options: ClassVar[dict[str, Option]] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def facts(self, spec: MeshSpec) -> MeshFacts:
        plane = "none" if self.name == "paper" else "sidecar"
        return MeshFacts(label=spec.label, title=self.name, data_plane=plane, layer="L7", mtls=False, archetype=True)

    def install(self, spec: MeshSpec, application: Line) -> tuple[Line, ...]:
        return (Line(f"write {self.name}"),)

    def enrol(self, spec: MeshSpec, application: Line) -> Line:
        return Line(self.name)

    def gates(self, spec: MeshSpec, application: Line) -> tuple[Line, ...]:
        return (Line("it can be read"),)

    def configure(self, spec, intent, target) -> Rendering:
        return Rendering(mesh=spec.label)


class Page:
    """The workload."""

    name = "page"
    title = "A page"
    environments = ("paper",)
    protocols: ClassVar = {"paper": ("http/1.1",)}

    def lines(self) -> Line:
        return Line("page")


class Pencil:
    """The load generator."""

    name = "pencil"
    traits = GeneratorTraits(
        title="Pencil", arrivals=("constant",), protocols=("http/1.1",), latency_from="send", environments=("paper",)
    )

    def told(self, load: Load) -> dict:
        return {"rate_per_s": load.rate_per_s, "duration_s": load.duration_s}

    def parse(self, load: Load, output: JobOutput) -> LoadResult:
        told = json.loads(output.outputs["paper.json"])
        return LoadResult(
            generator=self.name,
            generator_version="HB",
            arrival="constant",
            latency_from="send",
            asked_rate_per_s=load.rate_per_s,
            achieved_rate_per_s=load.rate_per_s,
            requests=told["requests"],
            errors=0,
            counts_by_status={"200": told["requests"]},
            histograms={"from_send": record(numpy.full(told["requests"], told["seconds"] * 1e9))},
        )

    def requests(self, output: JobOutput) -> None:
        return None


class Reading:
    """The source of telemetry."""

    name = "paper"

    def queries(self, components):
        return ()

    def parse(self, query, reply):
        return {"cpu_time_s": reply}


ENVIRONMENT, NO_MESH, MESH, WORKLOAD, GENERATOR, TELEMETRY = (
    Paper(),
    Letters("paper"),
    Letters("paper-mesh"),
    Page(),
    Pencil(),
    Reading(),
)
