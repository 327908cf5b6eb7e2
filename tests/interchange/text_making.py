"""Texts in the shape that load generators print, made of the figures that a test is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTHING = ("0.00us", "0.00us", "0.00us", "0.00us")


def wrk(
    *,
    asked: str = "20s",
    table: tuple[str, str, str] = ("3.10ms", "1.00ms", "41.00ms"),
    column: str = "Max",
    sampled: str = "    Req/Sec     1.10k   100.00     2.00k    70.00%",
    shares: tuple[str, ...] = ("2.50ms", "3.20ms", "5.10ms", "17.00ms"),
    requests: int = 40_000,
    took: str = "20.00s",
    rate: str = "2000.00",
    connections: int = 48,
    socket: tuple[int, int, int, int] | None = None,
    status: int = 0,
    before: str = "",
) -> str:
    """What wrk prints; with another column, sampling or calibration what wrk2 does."""
    lines = [f"Running {asked} test @ http://198.51.100.20:8000/", f"  3 threads and {connections} connections"]
    lines += [before] if before else []
    lines += [f"  Thread Stats   Avg      Stdev     {column}   +/- Stdev"]
    lines += [f"    Latency   {table[0]}   {table[1]}  {table[2]}   90.00%", sampled]
    if shares:
        lines.append("  Latency Distribution")
        lines += [f"     {percent}%   {text}" for percent, text in zip((50, 75, 90, 99), shares, strict=True)]
    lines.append(f"  {requests} requests in {took}, 8.00MB read")
    if socket is not None:
        lines.append("  Socket errors: connect {}, read {}, write {}, timeout {}".format(*socket))
    lines += [f"  Non-2xx or 3xx responses: {status}"] if status else []
    return "\n".join([*lines, f"Requests/sec:   {rate}", "Transfer/sec:      1.00MB"]) + "\n"


def summary(
    tool: str,
    *,
    total: str,
    rate: str,
    status: Mapping[str, int],
    errors: Mapping[str, int] | None = None,
    slowest: str,
    fastest: str,
    shares: Mapping[str, str],
    count: int = 0,
) -> str:
    """What hey, oha or ghz prints; each figure is given with its unit."""
    first = {"hey": [], "oha": ["  Success rate:\t99.00%"], "ghz": [f"  Count:\t{count}"]}[tool]
    head = "Response time distribution:" if tool == "oha" else "Latency distribution:"
    lines = ["", "Summary:", *first, f"  Total:\t{total}", f"  Slowest:\t{slowest}", f"  Fastest:\t{fastest}"]
    lines += [
        f"  Average:\t{fastest}",
        f"  Requests/sec:\t{rate}",
        "",
        "Response time histogram:",
        "  0.001 [1]\t|",
        "",
    ]
    lines += [head, *(f"  {percent} in {text}" for percent, text in shares.items()), ""]
    if tool != "ghz":
        lines += ["Details (average, fastest, slowest):", "  DNS+dialup:\t0.0001 secs, 0.0001 secs, 0.0001 secs", ""]
    lines += ["Status code distribution:", *(f"  [{code}]\t{number} responses" for code, number in status.items()), ""]
    if errors:
        lines += ["Error distribution:", *(f"  [{number}]\t{text}" for text, number in errors.items())]
    return "\n".join(lines) + "\n"


def hey(**changes: Any) -> str:
    """What hey prints of 400 requests in 2 s."""
    usual: dict[str, Any] = {
        "total": "2.0000 secs",
        "rate": "200.0000",
        "status": {"200": 390, "503": 4},
        "errors": {"dial tcp: connection refused": 6},
        "slowest": "0.0310 secs",
        "fastest": "0.0011 secs",
        "shares": {"50%": "0.0050 secs", "90%": "0.0100 secs", "99%": "0.0300 secs"},
    }
    return summary("hey", **{**usual, **changes})


def oha(**changes: Any) -> str:
    """What oha prints of 500 requests in 2.5 s, in ms."""
    usual: dict[str, Any] = {
        "total": "2500.0000 ms",
        "rate": "201.2000",
        "status": {"200": 480, "500": 5},
        "errors": {"connection refused": 15, "aborted due to deadline": 3},
        "slowest": "30.5000 ms",
        "fastest": "0.4000 ms",
        "shares": {"50.00%": "1.5000 ms", "99.00%": "9.0000 ms", "99.90%": "30.0000 ms"},
    }
    return summary("oha", **{**usual, **changes})


def ghz(**changes: Any) -> str:
    """What ghz prints of 300 calls in 1.5 s."""
    usual: dict[str, Any] = {
        "count": 300,
        "total": "1.50 s",
        "rate": "200.00",
        "status": {"OK": 280, "Unavailable": 20},
        "errors": {"rpc error: code = Unavailable desc = gone": 20},
        "slowest": "80.00 ms",
        "fastest": "9000 ns",
        "shares": {"50 %": "20.50 ms", "90 %": "40.00 ms", "99 %": "1.20 s"},
    }
    return summary("ghz", **{**usual, **changes})


def h2load(
    *,
    took: str = "2.00s",
    rate: str = "1500.00",
    counts: tuple[int, int, int, int, int] = (3000, 2990, 10, 0, 0),
    head: str = "min         max         median      p95         p99         mean        sd         +/- sd",
    row: str = "110us     14.00ms       620us      2.00ms      5.00ms       790us       310us    88.00%",
    name: str = "request     :",
    timed: str = "3000 total requests",
) -> str:
    """What h2load prints; counts: done, succeeded, failed, errored, timeout."""
    done, succeeded, failed, errored, late = counts
    return f"""starting benchmark...
spawning thread #0: 12 total client(s). {timed}
Application protocol: h2c
progress: 100% done

finished in {took}, {rate} req/s, 1.00MB/s
requests: {done} total, {done} started, {done} done, {succeeded} succeeded, {failed} failed, {errored} errored, {late} timeout
status codes: {succeeded} 2xx, 0 3xx, 0 4xx, {failed - errored} 5xx
traffic: 1.00MB (1000000) total, 1.00KB (1000) headers (space savings 90.00%), 1.00MB (1000000) data
                 {head}
{name}       {row}
connect     :       100us      1.00ms       400us       500us       100us    60.00%
"""  # noqa: E501 - as it prints it
