"""How a service of the lab is described, shared by the workloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.model.experiment import Workload
from workbench.model.lab_steps import Process, Service


def service(
    name: str,
    workload: Workload,
    calls: tuple[str, ...] = (),
    *,
    version: str = "",
    answers_for: str = "",
    behaves: Sequence[str] = (),
) -> Service:
    """Describe service ``name`` running the lab's server; it calls at most one other.

    ``behaves``: further arguments of the server, such as ``("--fails", "0.5")``; never in an experiment.
    """
    arguments = ["-P", "-m", "workbench.workloads._server"]
    arguments += ["--bind", f"${{{name}.http.bind}}", "--port", f"${{{name}.http.port}}"]
    arguments += ["--delay", str(workload.server_delay_s)]
    if version:
        arguments += ["--version", version]
    for callee in calls:
        arguments += ["--upstream", f"${{route:{name}>{callee}.host}}:${{route:{name}>{callee}.port}}"]
        arguments += ["--fan-out", str(workload.fan_out)]
    arguments += behaves
    process = Process(name=name, role="application", program="python", arguments=tuple(arguments), ports=("http",))
    return Service(name=name, process=process, calls=calls, version=version, answers_for=answers_for)


def versions(name: str, workload: Workload, calls: tuple[str, ...] = ()) -> Iterator[Service]:
    """Describe every version of service ``name``: ``name`` itself is v1, and ``name-v2`` and so on share its calls.

    One version alone does not say which it is, so that nothing is added to what is measured.
    """
    if workload.versions == 1:
        yield service(name, workload, calls)
        return
    yield service(name, workload, calls, version="v1")
    for number in range(2, workload.versions + 1):
        yield service(f"{name}-v{number}", workload, calls, version=f"v{number}", answers_for=name)
