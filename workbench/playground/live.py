"""A live session: an archetype of the lab under a light steady stream, its real proxies reconfigured as one plays.

::

    with LiveLab() as live:
        live.start(design)        # servers, proxies and the stream are up, the design is in force
        live.frame(30)            # what the last 30 seconds' answers were
        live.apply(another)       # the same proxies, without a restart, while requests flow
        live.explain()            # what Envoy's own counters say of it
        live.revert()             # back to what was before

The configuration is the one that an experiment with this intent starts its proxies with (`Mesh.install`), put into
files that Envoy watches. All that starts, changes or stops happens on one thread of the session's own, whose end ends
every process: the kernel kills them with it, so that a session that is forgotten leaves nothing. Times are seconds
since the session's start.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from workbench import adapters
from workbench.errors import BadInputError, UnsupportedError, WorkbenchError
from workbench.intents import METHODS, Design, Intent, rendered
from workbench.model.experiment import EnvironmentSpec, MeshSpec
from workbench.model.lab_steps import Application, Endpoint, Process
from workbench.playground import _stream, counting, dynamic, traffic
from workbench.playground._session import (
    CALLS,
    PLAIN,
    STREAM,
    Applied,
    Running,
    Server,
    calls_for,
    change,
    check_target,
    notes,
    patient,
    say_calls,
    threads,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PLAIN", "Applied", "LiveLab", "Server"]

_CALL = re.compile(rf"({'|'.join(METHODS)}) /[!-~]*")
_Given = TypeVar("_Given")


class LiveLab:
    """A live session; use as a context manager, or `close` it. Every method may be called from any thread.

    Parameters
    ----------
    mesh
        The lab archetype to play on.
    rate_per_s
        Requests each second, 1 to 200.
    connections
        The most that are under way at a time; what is due beyond them is not sent.
    calls
        What the clients ask for in turn: a method and a path each. None: as the design needs, see `Applied.calls`.
    servers
        Version -> how it behaves; versions that are not named answer at once and rightly.
    longest_s
        Seconds after which the stream stops by itself.
    """

    def __init__(
        self,
        mesh: MeshSpec | str = "l7-sidecars",
        *,
        rate_per_s: float = 100.0,
        connections: int = 16,
        calls: Sequence[str] | None = None,
        servers: Mapping[str, Server] | None = None,
        longest_s: float = 1800.0,
    ) -> None:
        if not 1 <= rate_per_s <= 200 or not 1 <= connections <= 64 or not 1 <= longest_s <= 7200:
            raise BadInputError(
                "A live session sends 1 to 200 requests/s over 1 to 64 connections, for two hours at most."
            )
        for call in ("none",) if calls == () else calls or ():
            if not _CALL.fullmatch(call):
                raise BadInputError(f"The clients cannot call {call!r}: use a method and a path, such as POST /.")
        self.mesh = MeshSpec(name=mesh) if isinstance(mesh, str) else mesh
        self._adapter = adapters.load("meshes", self.mesh.name)
        self._asked = {"rate": rate_per_s, "connections": connections, "seconds": longest_s}
        self._calls, self._servers = tuple(calls or ()), dict(servers or {})
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-lab")
        self._running: Running | None = None
        self._closed = False

    def __enter__(self) -> LiveLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ acting
    def start(self, design: Design | None = None) -> Applied:
        """Bring servers, proxies and the stream up with ``design`` in force, and return what was applied.

        None: the workbench's own service in two versions, nothing asked. A session that is up is ended first.

        Raises
        ------
        UnsupportedError
            When this machine cannot run it, saying why.
        BadInputError
            When the design cannot be played, or Envoy refuses it.
        """
        return self._do(lambda: self._start(design or Design(intent=PLAIN)))

    def apply(self, design: Design) -> Applied:
        """Bring another intent for the same target into force while requests flow, and return what was applied.

        Raises
        ------
        BadInputError
            When Envoy refuses it, in Envoy's words, or the target is another one; what was in force stays so.
        """
        return self._do(lambda: self._apply(design))

    def revert(self) -> Applied:
        """Bring back what was in force before the last design, again and again; before the first: the mesh as it comes.

        Raises
        ------
        BadInputError
            When no session is up.
        """
        return self._do(self._revert)

    def close(self) -> None:
        """End everything; a closed session can be started again, and closing twice does nothing."""
        if not self._closed:
            self._do(self._stop)
            self._closed = True
            self._thread.shutdown()

    def prove(self) -> pd.DataFrame:
        """Try the design's gates on what runs now, with the stream held still: the columns what, holds, evidence.

        A gate's call is ``POST /``; where authorization does not let that in, gates that need an answer do not hold.
        """
        import pandas as pd

        found = self._do(self._prove)
        return pd.DataFrame([{"what": one.name, "holds": one.passed, "evidence": one.evidence} for one in found])

    # ------------------------------------------------------------------ looking
    @property
    def running(self) -> bool:
        """Whether a session is up."""
        return self._running is not None

    @property
    def applied(self) -> Applied | None:
        """What is in force; None while nothing is up."""
        running = self._running
        return running.history[-1] if running else None

    @property
    def now_s(self) -> float:
        """Seconds since the session's start; 0 while nothing is up."""
        return time.time() - self._running.began_s if self._running else 0.0

    @property
    def events(self) -> pd.DataFrame:
        """The designs that were brought into force: the columns second, design, how (see `Applied`), says, notes."""
        import pandas as pd

        columns = ["second", "design", "how", "says", "notes"]
        history = tuple(self._running.history) if self._running else ()
        rows = [
            (one.second, one.design.intent.name, one.how, one.design.intent.says, "; ".join(one.notes))
            for one in history
        ]
        return pd.DataFrame(rows, columns=columns)

    def frame(self, last_s: float = 60.0) -> pd.DataFrame:
        """Return the answers of the last seconds, second by second; never waits, and is empty while nothing is up.

        Returns
        -------
        pandas.DataFrame
            second: whole seconds since the session's start, the unfinished present one left out. by: ``"version"``,
            ``"status"`` or ``"all"``. group: the version that answered (``"proxy"``: no version did, a proxy answered
            by itself), the status (``"none"``: no answer came), or ``"all"``. count, and p50_s, p95_s of the latency
            in seconds, as the caller felt it. A group without answers in a second has no row.
        """
        running = self._running
        if running is None:
            return traffic.frame([], 0.0, 0.0, last_s)
        return traffic.frame(traffic.read(running.ring), running.began_s, time.time(), last_s)

    def explain(self) -> pd.DataFrame:
        """Return what the real proxies' own counters say since the last change.

        Returns
        -------
        pandas.DataFrame
            feature: name in `workbench.intents.FEATURES`. component, counter: whose, and Envoy's own name for it.
            moved: by how much since the design was applied (ejected instances: how many now). says: the same in words.
            Counters of what is asked are there even when they have not moved; others only when they have.
        """
        return self._do(self._explain)

    # ------------------------------------------------------------------ on the session's own thread
    def _do(self, what: Callable[[], _Given]) -> _Given:
        if self._closed:
            raise BadInputError("This live session is closed; open another one.")
        return self._thread.submit(what).result()

    def _steps(self, intent: Intent, application: Application) -> tuple[Any, ...]:
        steps: tuple[Any, ...] = self._adapter.install(replace(self.mesh, intent=intent), application)
        return steps

    def _start(self, design: Design) -> Applied:
        self._stop()
        check_target(design.target, self._servers)
        behaves = {version: server.arguments for version, server in self._servers.items()}
        application = adapters.load("workloads", "echo").played(design.target, behaves)
        enrolled = self._adapter.enrol(self.mesh, application)
        steps = self._steps(design.intent, application)
        proxies = [step for step in steps if dynamic.is_proxy(step)]
        if not proxies:
            raise UnsupportedError(f"{self.mesh.name} has no proxies to reconfigure: play on l7-sidecars.")
        began_s = time.time()
        with ExitStack() as stack:
            lab = stack.enter_context(adapters.load("environments", "lab")(EnvironmentSpec()))
            refused = lab.refuses(steps)
            if refused:
                raise UnsupportedError(refused)
            lively = (dynamic.live(step) if dynamic.is_proxy(step) else step for step in steps)
            deployment = stack.enter_context(
                lab.deploy((*lively, self._stream(enrolled.target, self._calls or calls_for(design.intent))), enrolled)
            )
            self._running = Running(
                stack=stack.pop_all(),
                deployment=deployment,
                application=application,
                target=design.target,
                threads=threads(proxies),
                ring=deployment.folder / STREAM / "ring",
                began_s=began_s,
                files={proxy.name: dynamic.resources(proxy) for proxy in proxies},
            )
        self._require_taken(self._running)
        return self._record(self._running, design, "started")

    def _require_taken(self, running: Running) -> None:
        for name in running.files:
            said = running.deployment.refusal(name)
            if said:
                self._stop()
                raise BadInputError(f"{name} refuses the configuration: {said}")

    def _stream(self, target: Endpoint, calls: Sequence[str]) -> Process:
        arguments = ["-I", "-S", _stream.__file__, "--ring", "${dir}/ring", "--calls", f"${{dir}}/{CALLS}"]
        arguments += ["--host", f"${{{target}.host}}", "--port", f"${{{target}.port}}"]
        for name, value in self._asked.items():
            arguments += [f"--{name}", str(value)]
        files = {CALLS: "\n".join(calls)}
        return Process(name=STREAM, role="load-generator", program="python", arguments=tuple(arguments), files=files)

    def _apply(self, design: Design) -> Applied:
        running = self._up()
        if design.target != running.target:
            raise BadInputError(
                f"The live session plays on {running.target.service} ({', '.join(running.target.versions)}), the "
                f"design {design.intent.name!r} has another target: start the session with it."
            )
        before = running.history[-1].design
        self._reconfigure(running, design.intent)
        running.undo.append(before)
        return self._record(running, design, "applied")

    def _reconfigure(self, running: Running, intent: Intent) -> None:
        """Change all proxies, or none: what some took already is taken back when another refuses."""
        steps = self._steps(intent, running.application)
        wanted = {step.name: dynamic.resources(step) for step in steps if dynamic.is_proxy(step)}
        before = dict(running.files)
        try:
            for name, files in wanted.items():
                change(running, name, files)
        except WorkbenchError:
            for name, files in before.items():
                change(running, name, files)
            raise

    def _record(self, running: Running, design: Design, how: str) -> Applied:
        calls = self._calls or calls_for(design.intent)
        if how != "started":
            say_calls(running, calls)
        rendering = rendered(self._adapter, self.mesh, design.intent, running.target)
        applied = Applied(
            second=time.time() - running.began_s,
            how=how,
            design=design,
            rendering=rendering,
            calls=calls,
            notes=notes(rendering, design.intent, running.threads),
            counters={name: running.deployment.counters(name) for name in running.files},
        )
        running.history.append(applied)
        return applied

    def _revert(self) -> Applied:
        running = self._up()
        last = running.history[-1].design
        design = running.undo[-1] if running.undo else replace(last, intent=PLAIN)
        self._reconfigure(running, design.intent)
        del running.undo[-1:]
        return self._record(running, design, "reverted")

    def _prove(self) -> Any:
        running = self._up()
        spec = replace(self.mesh, intent=running.history[-1].design.intent)
        enrolled = self._adapter.enrol(spec, running.application)
        gates = (patient(gate, self._servers.values()) for gate in self._adapter.gates(spec, enrolled))
        with running.deployment.paused(STREAM):
            return running.deployment.check(tuple(gates))

    def _explain(self) -> pd.DataFrame:
        running = self._up()
        last = running.history[-1]
        now = {
            name: counting.of_clusters(running.deployment.counters(name), files[dynamic.CLUSTERS])
            for name, files in running.files.items()
        }
        return counting.explained(last.counters, now, last.design.intent)

    def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.stack.close()

    def _up(self) -> Running:
        if self._running is None:
            raise BadInputError("There is no live session: start one.")
        return self._running
