"""The registry of metrics: one name, one unit, one definition, one way to print it.

SI base units are stored; conversion happens when showing. Charts take their titles, reports their definitions and
the store its sample columns from here, so that a number can never be shown under two meanings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.errors import UnknownNameError

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a number means.

    Attributes
    ----------
    name
        Identifier, ends in the SI unit where it has one.
    label
        How charts and tables call it, without the unit.
    unit
        Stored unit: ``"s"``, ``"bytes"``, ``"cores"``, ``"1/s"``, ``"1"``.
    shown_unit
        Unit after `scale` is applied, for axes and tables.
    scale
        Shown value = stored value x scale.
    digits
        Decimals shown.
    better
        Which direction is better for the user.
    definition
        The exact definition, one or two sentences.
    sampled
        Whether it is a column of the stored samples (read during a run) rather than derived afterwards.
    """

    name: str
    label: str
    unit: str
    shown_unit: str
    scale: float = 1.0
    digits: int = 1
    better: Better = "lower"
    definition: str
    sampled: bool = False

    def show(self, value: float | None) -> str:
        """``value`` (stored unit) as text with the shown unit; ``None`` or NaN reads ``"–"``."""
        if value is None or value != value:
            return "–"
        number = f"{value * self.scale:,.{self.digits}f}"
        return number if self.shown_unit in ("", "1") else f"{number} {self.shown_unit}"

    @property
    def axis_title(self) -> str:
        """Label with the shown unit, for an axis."""
        return self.label if self.shown_unit in ("", "1") else f"{self.label} ({self.shown_unit})"


_MIB = 1 / 2**20
_US = 1e6


def _sampled(name: str, label: str, unit: str, shown: str, scale: float, definition: str) -> Metric:
    return Metric(name=name, label=label, unit=unit, shown_unit=shown, scale=scale, definition=definition, sampled=True)


_SAMPLED = (
    _sampled(
        "cpu_time_s",
        "CPU time",
        "s",
        "s",
        1.0,
        "CPU time consumed since the part started, all threads, living and dead, user and system (cumulative; "
        "lab: the process CPU clock; for the node: wall time x CPUs minus idle time).",
    ),
    _sampled(
        "mem_pss_bytes",
        "Memory (PSS)",
        "bytes",
        "MiB",
        _MIB,
        "Proportional set size: private pages plus each shared page divided by the processes sharing it.",
    ),
    _sampled(
        "mem_anon_bytes",
        "Memory (anonymous)",
        "bytes",
        "MiB",
        _MIB,
        "Anonymous (private, not file-backed) resident pages; independent of how many siblings run.",
    ),
    _sampled(
        "mem_rss_bytes",
        "Memory (RSS)",
        "bytes",
        "MiB",
        _MIB,
        "Resident set size, shared pages counted in full; summing it over processes counts them twice.",
    ),
    _sampled(
        "mem_working_set_bytes",
        "Memory (working set)",
        "bytes",
        "MiB",
        _MIB,
        "Kubernetes' working set: usage minus inactive file pages.",
    ),
    _sampled(
        "ctx_switches",
        "Context switches",
        "1",
        "",
        1.0,
        "Voluntary and involuntary context switches of all living threads since the part started (cumulative).",
    ),
    _sampled(
        "cpu_throttled_s",
        "CPU throttled",
        "s",
        "s",
        1.0,
        "Time during which the part was held back by its CPU limit (cumulative).",
    ),
    _sampled(
        "psi_some_s",
        "CPU pressure",
        "s",
        "s",
        1.0,
        "Time in which some runnable task of the machine waited for a CPU (Linux PSI, cumulative; node only).",
    ),
    _sampled(
        "steal_s",
        "CPU time stolen",
        "s",
        "s",
        1.0,
        "CPU time taken by the hypervisor, all CPUs (cumulative; node only).",
    ),
    _sampled("net_rx_bytes", "Network received", "bytes", "MiB", _MIB, "Bytes received (cumulative)."),
    _sampled("net_tx_bytes", "Network sent", "bytes", "MiB", _MIB, "Bytes sent (cumulative)."),
)

_DERIVED = (
    Metric(
        name="normalised_cpu",
        label="Normalised CPU (mesh tax)",
        unit="1",
        shown_unit="×",
        digits=2,
        definition="Data-plane CPU divided by the CPU that load generator and application burnt for the very same "
        "requests in the same run: 1.2 means that the data plane costs 1.2 times what the application's request "
        "itself costs. For a data plane inside the kernel: total CPU of all participants minus the same total of "
        "the baseline run of the same block, divided by that baseline total. Compares data planes within one "
        "environment; it is not portable between environments.",
    ),
    Metric(
        name="cpu_per_request_s",
        label="CPU per request, all parts",
        unit="s",
        shown_unit="µs",
        scale=_US,
        definition="CPU time of application, data plane and load generator in the window, divided by the requests "
        "completed in it.",
    ),
    Metric(
        name="data_plane_cpu_per_request_s",
        label="Data-plane CPU per request",
        unit="s",
        shown_unit="µs",
        scale=_US,
        definition="CPU time of sidecars, node proxies, gateways and waypoints in the window, divided by "
        "the requests completed in it. Empty for a data plane inside the kernel: its work is charged to the "
        "processes that send and receive.",
    ),
    Metric(
        name="added_cpu_per_request_s",
        label="Added CPU per request, whole bill",
        unit="s",
        shown_unit="µs",
        scale=_US,
        better="lower",
        definition="CPU per request of all parts minus the same of the baseline run of "
        "the same block: proxies, kernel and the endpoints' extra work together.",
    ),
    Metric(
        name="application_cpu_per_request_s",
        label="Application CPU per request",
        unit="s",
        shown_unit="µs",
        scale=_US,
        definition="CPU time of the application's processes in the window per completed request.",
    ),
    Metric(
        name="cores_per_1000_rps",
        label="Data-plane cores at 1000 requests/s, measured at the stated rate",
        unit="cores",
        shown_unit="cores",
        digits=3,
        definition="Data-plane CPU per request x 1000, valid at the "
        "rate it was measured at only: CPU per request falls as the rate rises.",
    ),
    Metric(
        name="all_cores_per_1000_rps",
        label="For 1000 requests/s, all parts",
        unit="s",
        shown_unit="cores",
        scale=1000,
        digits=3,
        definition="CPU per request of all parts (application, data plane and load generator) x 1000: 55 µs per "
        "request are 0.055 cores for 1000 requests/s, at the rate at which they were measured.",
    ),
    Metric(
        name="node_cores",
        label="CPU of the nodes, all parts",
        unit="cores",
        shown_unit="cores",
        digits=3,
        definition="CPU time that the nodes of the cluster themselves counted in the window, divided by its length: "
        "application, load generator, data plane, control plane, the nodes' own daemons and everything else there, at "
        "the rate of the run. Empty in the lab.",
    ),
    Metric(
        name="latency_p50_s",
        label="Latency p50",
        unit="s",
        shown_unit="µs",
        scale=_US,
        digits=0,
        definition="Median latency from the scheduled send time to the last byte of the answer.",
    ),
    Metric(
        name="latency_p90_s",
        label="Latency p90",
        unit="s",
        shown_unit="µs",
        scale=_US,
        digits=0,
        definition="90th percentile of latency from the scheduled send time.",
    ),
    Metric(
        name="latency_p99_s",
        label="Latency p99",
        unit="s",
        shown_unit="µs",
        scale=_US,
        digits=0,
        definition="99th percentile of latency from the scheduled send time.",
    ),
    Metric(
        name="latency_p999_s",
        label="Latency p99.9",
        unit="s",
        shown_unit="µs",
        scale=_US,
        digits=0,
        definition="99.9th percentile of latency from the scheduled send time.",
    ),
    Metric(
        name="data_plane_memory_bytes",
        label="Data-plane memory (PSS), all replicas",
        unit="bytes",
        shown_unit="MiB",
        scale=_MIB,
        definition="Sum over the data plane's processes of the PSS measured under load.",
    ),
    Metric(
        name="data_plane_working_set_bytes",
        label="Data-plane memory (working set), all replicas",
        unit="bytes",
        shown_unit="MiB",
        scale=_MIB,
        definition="Sum over the data plane's containers of the working set measured under load: what a kubelet counts "
        "against a limit. It holds shared pages and part of the page cache, so it is no PSS.",
    ),
    Metric(
        name="memory_per_replica_bytes",
        label="Memory per data-plane replica (anonymous)",
        unit="bytes",
        shown_unit="MiB",
        scale=_MIB,
        definition="Mean over the data plane's processes of the anonymous memory "
        "measured under load; unlike PSS it does not depend on how many siblings share pages.",
    ),
    Metric(
        name="rss_per_replica_bytes",
        label="Memory per data-plane replica (RSS)",
        unit="bytes",
        shown_unit="MiB",
        scale=_MIB,
        definition="Mean over the data plane's processes of the RSS measured under load; shown "
        "only beside published figures that are RSS.",
    ),
    Metric(
        name="used_cores",
        label="CPU used",
        unit="cores",
        shown_unit="cores",
        digits=3,
        definition="CPU time that containers consumed in the window, divided by its length. Requested: what their "
        "manifests set aside for them on the node (resources.requests.cpu), as their pods run.",
    ),
    Metric(
        name="used_memory_bytes",
        label="Memory used (working set)",
        unit="bytes",
        shown_unit="MiB",
        scale=_MIB,
        digits=0,
        definition="95th percentile in the window of containers' working sets (usage less inactive file pages), summed "
        "over containers. Requested: resources.requests.memory of their pods.",
    ),
    Metric(
        name="ctx_switches_per_request",
        label="Context switches per request",
        unit="1",
        shown_unit="",
        digits=1,
        definition="Context switches of application and data plane in the window per completed request.",
    ),
    Metric(
        name="error_ratio",
        label="Failed requests",
        unit="1",
        shown_unit="%",
        scale=100,
        digits=2,
        definition="Requests without a correct answer divided by requests sent.",
    ),
    Metric(
        name="achieved_ratio",
        label="Achieved rate",
        unit="1",
        shown_unit="%",
        scale=100,
        digits=2,
        better="higher",
        definition="Requests sent per second in the window divided by the asked rate.",
    ),
)

REGISTRY: dict[str, Metric] = {metric.name: metric for metric in (*_SAMPLED, *_DERIVED)}

SAMPLE_COLUMNS: tuple[str, ...] = tuple(metric.name for metric in _SAMPLED)
"""Columns of a stored sample, in order, after ``time_s`` and the component; NULL where not watched."""


def metric(name: str) -> Metric:
    """Return the metric called ``name``.

    Raises
    ------
    UnknownNameError
        Lists the registered metrics.
    """
    try:
        return REGISTRY[name]
    except KeyError:
        raise UnknownNameError("metric", name, REGISTRY) from None
