"""How a service of the lab is described, shared by the workloads."""

from __future__ import annotations

from workbench.spec import Workload
from workbench.steps import Process, Service


def service(name: str, workload: Workload, calls: tuple[str, ...] = ()) -> Service:
    """Describe service ``name`` running the lab's server; it calls at most one other."""
    arguments = ["-P", "-m", "workbench.workloads._server"]
    arguments += ["--bind", f"${{{name}.http.bind}}", "--port", f"${{{name}.http.port}}"]
    arguments += ["--delay", str(workload.server_delay_s)]
    for callee in calls:
        arguments += ["--upstream", f"${{route:{name}>{callee}.host}}:${{route:{name}>{callee}.port}}"]
        arguments += ["--fan-out", str(workload.fan_out)]
    process = Process(name=name, role="application", program="python", arguments=tuple(arguments), ports=("http",))
    return Service(name=name, process=process, calls=calls)
