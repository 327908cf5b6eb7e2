"""The measuring loop: deploy, verify, load and watch, record, remove; for every run of the plan.

This module only orchestrates: adapters describe, the environment acts, the campaign's folder stores. A failed run is
recorded as failed, with its reason, and does not end the others. If the program ends, every finished run is complete,
and the current one is recorded as interrupted, with all captured data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench import adapters
from workbench.campaigns.deployments import Proven, deployments, environment_of, estimate_s, pinned, proven, steps_of
from workbench.errors import RunFailedError, StoppedError, UnsupportedError
from workbench.files.places import placed
from workbench.model.environment import AnyDescribed, AnyOpenEnvironment
from workbench.model.events import Event
from workbench.model.experiment import Experiment, Plan, RunSpec
from workbench.model.plan import make_plan
from workbench.model.protocols import JobOutput, LoadGenerator, SampleRow
from workbench.model.records import Component, GateResult, LoadResult, Noise, Run, Status
from workbench.store import CampaignWriter, RunWriter, read_campaign, recover
from workbench.store.formats import with_texts

__all__ = ["STOP_NAME", "estimate_s", "request_stop", "run_experiment", "steps_of"]

ENOUGH_RATIO = 0.9
"""Share of a window's requests that the data plane must have counted itself: with less, the load did not go through it.
Not
1, because requests without a connection were sent but never arrived."""

STOP_NAME = "stop"
"""A file of this name in a campaign's folder requests a stop; the runner checks five times a second."""


def request_stop(folder: Path) -> None:
    """Request the campaign in ``folder`` to stop; the current run is recorded as interrupted."""
    (folder / STOP_NAME).touch()


def run_experiment(
    experiment: Experiment,
    *,
    data: Path,
    toml: str = "",
    campaign_id: str | None = None,
    resume: str | None = None,
    on_event: Callable[[Event], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> str:
    """Run ``experiment`` and return the campaign's id.

    Parameters
    ----------
    data
        Folder that contains ``runs/``.
    toml
        Text of the experiment's file, stored with the campaign.
    campaign_id
        Id to use; None: made from the time and the experiment's name.
    resume
        Id of an interrupted campaign to continue where it stopped; its own stored plan is used.
    on_event
        Called with every event, which is also appended to the campaign's ``events.jsonl``.
    should_stop
        Called five times a second; True stops the campaign as interrupted.

    Raises
    ------
    BadInputError, UnsupportedError
        Before anything is started.
    StoppedError
        When it was stopped; everything captured is kept.
    RunFailedError
        When no run finished, with the first reason.
    """
    recover(data)
    if resume:  # before its lock is taken: later stop requests are for this campaign
        (data / "runs" / resume / STOP_NAME).unlink(missing_ok=True)
    plan = _stored_plan(data, resume) if resume else make_plan(pinned(experiment))
    todo = deployments(plan)
    with environment_of(plan.experiment.environment)(plan.experiment.environment) as opened:
        if resume:
            writer = CampaignWriter.resume(data, resume)
        else:
            writer = CampaignWriter.create(data, plan, toml, opened.facts(), campaign_id=campaign_id)
        with writer:
            campaign = _Campaign(opened, writer, plan, on_event, should_stop)
            return campaign.carry_out(todo)


def _stored_plan(data: Path, campaign_id: str) -> Plan:
    """Return a campaign's plan, with paths relative to here."""
    return with_texts(read_campaign(data / "runs" / campaign_id).plan, lambda text: placed(text, data))


class _Campaign:
    """A running plan."""

    def __init__(
        self,
        environment: AnyOpenEnvironment,
        writer: CampaignWriter,
        plan: Plan,
        on_event: Callable[[Event], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.environment, self.writer, self.plan = environment, writer, plan
        self._on_event, self._should_stop = on_event, should_stop
        self._adapter = environment_of(plan.experiment.environment)
        self._source = adapters.load("telemetry", environment.telemetry)
        self._facts = environment.facts()
        self._done = len(writer.finished)
        self._skipped_before = self._done
        self._started = time.monotonic()
        self._recorded: set[int] = set()
        self._reasons: dict[str, str] = {}
        self.counts = dict.fromkeys(("finished", "failed", "skipped", "interrupted"), 0)
        self._up = ""
        environment.say = lambda text: self.event("step", f"{self._up}: {text}", mesh=self._up)

    # ------------------------------------------------------------------ events
    def event(self, kind: str, message: str, **data: Any) -> None:
        """Send an event to all listeners."""
        event = Event(
            kind=kind,
            time_s=time.time(),
            message=message,
            done=self._done,
            total=len(self.plan.runs),
            remaining_s=self._remaining_s(),
            data=data,
        )
        self.writer.event(event)
        if self._on_event is not None:
            self._on_event(event)

    def _remaining_s(self) -> float:
        """Return the first estimate, scaled by this campaign's own pace once it has one."""
        total = estimate_s(self.plan)
        share = self._done / max(1, len(self.plan.runs))
        fresh = self._done - self._skipped_before
        if fresh < 3:
            return total * (1 - share)
        return (time.monotonic() - self._started) / fresh * (len(self.plan.runs) - self._done)

    def stop_wanted(self) -> bool:
        """Whether a stop was requested."""
        return (self.writer.folder / STOP_NAME).exists() or (self._should_stop is not None and self._should_stop())

    # ------------------------------------------------------------------ the loop
    def carry_out(self, todo: Sequence[AnyDescribed]) -> str:
        """Go through the deployments; return the campaign's id."""
        self.event(
            "campaign-started",
            f"{self.plan.experiment.name}: {len(self.plan.runs)} runs",
            experiment=self.plan.experiment.name,
            measured_s=self.plan.measured_s,
        )
        if held := self._facts.details.get("cluster"):
            self.event("note", f"on the cluster of context {held['context']}, server {held['server']}")
        try:
            for one in todo:
                pending = tuple(run for run in one.runs if run.ordinal not in self.writer.finished)
                if pending:
                    self._deploy(replace(one, runs=pending))
        except (StoppedError, KeyboardInterrupt) as error:
            reason = str(error) or "stopped by Ctrl-C"
            self.event("campaign-ended", f"interrupted: {reason}", status="interrupted")
            self.writer.finish("interrupted", reason)
            raise StoppedError(
                f"Campaign {self.writer.campaign_id} was interrupted ({reason}); {self.counts['finished']} finished "
                f"runs are kept. Continue with: workbench run --resume {self.writer.campaign_id}"
            ) from error
        except BaseException as error:
            self.writer.finish("failed", f"{type(error).__name__}: {error}")
            raise
        return self._conclude()

    def _conclude(self) -> str:
        counts = self.counts
        bad = ", ".join(f"{count} {status}" for status, count in counts.items() if count and status != "finished")
        usable = counts["finished"] + self._skipped_before
        status: Status = "finished" if usable else "failed"
        first = next(iter(self._reasons.values()), "")
        self.event("campaign-ended", f"{usable} runs finished" + (f", {bad}" if bad else ""), status=status)
        self.writer.finish(status, bad and f"{bad}: {first}")
        if not usable:
            raise RunFailedError(f"No run of campaign {self.writer.campaign_id} finished. The first reason: {first}")
        return self.writer.campaign_id

    def _deploy(self, one: AnyDescribed) -> None:
        """Deploy one data plane, verify it, do its runs, and remove it."""
        label, workload = one.facts.label, one.runs[0].workload.name
        self._raise_if_stopped()
        refused = self.environment.refuses(one.everything, existing=one.existing)
        if refused:
            self._record_all(one, "skipped", refused)
            return
        self._up = label
        self.event("mesh-started", f"block {one.runs[0].block}: starting {label} ({workload})", mesh=label)
        for said in one.notes:
            self.event("note", f"{workload}: {said}")
        try:
            with proven(self.environment, one) as up:
                self._run_all(one, up)
        except (RunFailedError, UnsupportedError) as error:
            self._record_all(one, "failed", str(error))
        left = list(self.environment.left_behind)
        said = f"{label} removed" + (f"; the cluster is not as it was: {'; '.join(left)}" if left else "")
        self.event("mesh-removed", said, mesh=label, left_behind=left)

    def _run_all(self, one: AnyDescribed, up: Proven) -> None:
        for gate in up.gates:
            if not gate.passed:
                self.event("gate", f"{one.facts.label}: {gate.name}: FAILED ({gate.evidence})", mesh=one.facts.label)
        if up.failure:
            self._record_all(one, "failed", up.failure, up.gates)
            return
        for spec in one.runs:
            noise = self._run(spec, one, up)
            if noise and self.plan.experiment.rerun_noisy:
                self.event("note", f"{spec.mesh.label} runs once more: {noise}")
                self._run(replace(spec, attempt=2), one, up)

    def _record_all(self, one: AnyDescribed, status: Status, reason: str, gates: tuple[GateResult, ...] = ()) -> None:
        """Record runs of ``one`` that have no record yet as not measured."""
        for spec in one.runs:
            if spec.ordinal in self._recorded:
                continue
            run = self.writer.begin(spec, one.facts)
            now = time.time()
            self._finish(run, self._record(run, spec, one, status, reason, now, gates=gates))

    # ------------------------------------------------------------------ one run
    def _run(self, spec: RunSpec, one: AnyDescribed, up: Proven) -> str:
        """Do one run and record it; return why it was noisy, or nothing."""
        self._raise_if_stopped()
        generator: LoadGenerator = adapters.load("loadgens", spec.load.generator)
        writer = self.writer.begin(spec, one.facts)
        seen = _Seen(writer, self.stop_wanted)
        self.event(
            "run-started",
            f"block {spec.block}: {one.facts.label} at {spec.load.rate_per_s:g}/s",
            mesh=one.facts.label,
            rate_per_s=spec.load.rate_per_s,
            block=spec.block,
            run_id=writer.run_id,
        )
        started = time.time()
        output: JobOutput | None = None
        result: LoadResult | None = None
        status: Status = "failed"
        reason = "an unexpected error ended the run"
        try:
            job = self._adapter.load_of(self.plan.experiment.environment, spec.load, spec.workload, spec.seed)
            output = up.deployment.run(job, self._source, seen.take)
            found = self._read(generator, spec, output, writer)
            output = replace(output, gates=held_against(output.gates, found.requests))
            result = _proven(found, output)
            status, reason = "finished", ""
        except (RunFailedError, UnsupportedError) as error:
            reason = str(error)
        except (StoppedError, KeyboardInterrupt) as error:
            status, reason = "interrupted", str(error) or "stopped by Ctrl-C"
            raise
        finally:
            record = self._record(writer, spec, one, status, reason, started, gates=up.gates)
            self._finish(writer, _completed(record, seen.components, output, result))
        return output.noise.noisy if output else ""

    def _read(self, generator: LoadGenerator, spec: RunSpec, output: JobOutput, writer: RunWriter) -> LoadResult:
        for name, content in output.outputs.items():
            writer.raw(name, content)
        result = generator.parse(spec.load, output)
        requests = generator.requests(output)
        if requests is not None:
            writer.requests(requests)
        if result.requests and result.cpu_per_request_s is None and output.cpu_s is not None:
            result = replace(result, cpu_per_request_s=output.cpu_s / result.requests)
        return result

    def _record(
        self,
        writer: RunWriter,
        spec: RunSpec,
        one: AnyDescribed,
        status: Status,
        reason: str,
        started: float,
        *,
        gates: tuple[GateResult, ...],
    ) -> Run:
        return Run(
            run_id=writer.run_id,
            campaign_id=self.writer.campaign_id,
            experiment=self.plan.experiment.name,
            spec=spec,
            mesh=one.facts,
            status=status,
            reason=reason,
            started_at_s=started,
            ended_at_s=time.time(),
            gates=gates,
            environment=self._facts.environment,
            fingerprint=self._facts.fingerprint,
            notes=one.notes,
        )

    def _finish(self, writer: RunWriter, run: Run) -> None:
        writer.finish(run)
        self._recorded.add(run.spec.ordinal)
        if run.spec.attempt == 1:
            self._done += 1
            self.counts[run.status] += 1
        if run.reason:
            self._reasons.setdefault(run.reason, f"{run.mesh.label}: {run.reason}")
        said = f"{run.mesh.label} at {run.spec.load.rate_per_s:g}/s: {run.status}"
        self.event(
            "run-ended",
            said + (f" ({run.reason})" if run.reason else ""),
            run_id=run.run_id,
            status=run.status,
            reason=run.reason,
            mesh=run.mesh.label,
        )

    def _raise_if_stopped(self) -> None:
        if self.stop_wanted():
            raise StoppedError("a stop was requested")


class _Seen:
    """Passes samples to the run's folder with their components; stops the run on request."""

    def __init__(self, writer: RunWriter, stop_wanted: Callable[[], bool]) -> None:
        self._writer, self._stop_wanted = writer, stop_wanted
        self.components: tuple[Component, ...] = ()

    def take(self, components: Sequence[Component], rows: Sequence[SampleRow]) -> None:
        """Keep the samples."""
        self.components = tuple(components)
        self._writer.samples(components, rows)
        if self._stop_wanted():
            raise StoppedError("a stop was requested")


def _proven(result: LoadResult, output: JobOutput) -> LoadResult:
    """Return ``result`` if the load went through the data plane and was answered.

    Raises
    ------
    RunFailedError
        With the failed gates and their evidence, or with the replies to the requests.
    """
    unproven = [f"{gate.name} ({gate.evidence})" for gate in output.gates if not gate.passed]
    if unproven:
        raise RunFailedError(f"gate failed: {'; '.join(unproven)}")
    if not result.requests or result.errors >= result.requests:
        raise RunFailedError(f"None of {result.requests} requests got a right answer: {dict(result.counts_by_status)}")
    return result


def held_against(gates: tuple[GateResult, ...], requests: float) -> tuple[GateResult, ...]:
    """Return the gates tried during a load; a request counter must move by nearly the number of requests sent.

    The counter also sees what was sent before and after the window, so it moves by more than the window's ``requests``.
    """
    return tuple(
        gate
        if gate.counted is None or gate.counted >= ENOUGH_RATIO * requests
        else replace(gate, passed=False, evidence=f"{gate.evidence}, and {requests:g} requests were sent")
        for gate in gates
    )


def _completed(
    record: Run, components: tuple[Component, ...], output: JobOutput | None, result: LoadResult | None
) -> Run:
    """Return the record with what was measured, as far as it got."""
    return replace(
        record,
        window=output.window if output else None,
        noise=output.noise if output else Noise(),
        components=components,
        load_result=result,
        sources=output.sources if output else (),
        gates=(*record.gates, *(output.gates if output else ())),
    )
