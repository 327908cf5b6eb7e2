"""Sources for imports: the recordings of real tools, and texts in the shape of tools that cannot be had here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.interchange.importing import kinds
from workbench.interchange.importing.imported import Imported, Options
from workbench.interchange.importing.source import InputFile

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"

WRK2 = """Running 30s test @ http://10.0.0.1:80/index.html
  2 threads and 100 connections
  Thread calibration: mean lat.: 10087 usec, rate sampling interval: 22 msec
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.50ms    1.12ms   4.00ms   68.46%
    Req/Sec     1.04k     1.08k    2.50k    64.98%
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%    2.00ms
 75.000%    3.00ms
 90.000%    4.00ms
 99.000%    4.00ms
 99.900%    4.00ms
100.000%    4.00ms

  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       1.000     0.000000           10         1.00
       2.000     0.500000           50         2.00
       3.000     0.750000           75         4.00
       4.000     1.000000          100          inf
#[Mean    =        2.650, StdDeviation   =        1.119]
#[Max     =        4.000, Total count    =          100]
#[Buckets =           27, SubBuckets     =         2048]
----------------------------------------------------------
  60018 requests in 30.00s, 19.81MB read
Requests/sec:   2000.28
Transfer/sec:    676.18KB
"""
"""In the shape that wrk2's own documentation shows; not a recording: no package of wrk2 was to be had."""


def nighthawk(open_loop: bool = True, overflow: int = 7) -> dict[str, Any]:
    """A result in the shape of Nighthawk's own golden files; not a recording: there is no package of Nighthawk."""
    points = [(0, 1, "0.000100000s"), (0.5, 100, "0.000400s"), (0.9, 180, "0.001s"), (1, 200, "0.0030s")]
    statistic = {
        "id": "benchmark_http_client.request_to_response",
        "count": "200",
        "mean": "0.0006s",
        "pstdev": "0.0002s",
        "percentiles": [{"percentile": q, "count": str(n), "duration": text} for q, n, text in points],
    }
    counters = {
        "benchmark.http_2xx": 190,
        "benchmark.http_5xx": 10,
        "benchmark.pool_overflow": overflow,
        "upstream_rq_total": 200,
    }
    result = {
        "name": "global",
        "statistics": [statistic],
        "counters": [{"name": name, "value": str(value)} for name, value in counters.items()],
        "execution_duration": "2s",
    }
    return {
        "options": {
            "requests_per_second": 50,
            "connections": 4,
            "duration": "2s",
            "open_loop": open_loop,
            "h2": False,
            "labels": ["l7"],
            "request_options": {"request_body_size": 1024},
        },
        "results": [{**result, "name": "worker_0"}, {**result, "name": "worker_1"}, result],
        "timestamp": "2026-02-13T23:31:31.567Z",
    }


ISTIO = """StartTime,ActualDuration,Labels,NumThreads,ActualQPS,p50,p90,p99,cpu_mili_avg_istio_proxy_fortioclient,\
cpu_mili_avg_istio_proxy_fortioserver,cpu_mili_avg_istio_proxy_istio-ingressgateway,mem_Mi_avg_istio_proxy_fortioclient,\
mem_Mi_avg_istio_proxy_fortioserver,mem_Mi_avg_istio_proxy_istio-ingressgateway
2020-08-12T04:29:06.197272127Z,240,ff93ac4f_qps_1000_c_16_1024_none_mtls_baseline,16,1000,316,421,547,2.6,2.8,11.7,66.0,92.4,83.7
2020-08-12T04:33:08.908753423Z,240,ff93ac4f_qps_1000_c_16_1024_none_mtls_both,16,1000,1214,1696,2186,177.9,225.1,12.6,66.3,93.7,83.9
2020-08-12T05:17:58.805106487Z,240,ccdf912e_qps_1000_c_16_1024_none_mtls_baseline,16,1000,359,534,694,2.7,3.0,13.1,68.1,165.8,85.9
2020-08-12T05:22:01.646059665Z,240,ccdf912e_qps_1000_c_16_1024_none_mtls_both,16,1000,1444,2070,2730,197.0,213.2,12.0,68.2,166.3,86.0
"""
"""Four lines (figures cut to one decimal) of istio/tools, perf/benchmark/graph_plotter/example_plot/benchmark.csv, of
2020-08-12."""


def meshery(mesh: str = "Istio", generator: str = "fortio") -> dict[str, Any]:
    """A page of results in the shape of Meshery's ``MesheryResult``, around a recording of Fortio."""
    fortio = json.loads((RECORDINGS / "fortio" / "normal.json").read_text(encoding="utf-8"))
    result = {
        "meshery_id": "1f",
        "name": "a test",
        "mesh": mesh,
        "runner_results": {**fortio, "load-generator": generator},
    }
    return {"page": 0, "page_size": 10, "total_count": 1, "results": [result]}


def read(path: Path, **options: Any) -> list[Imported]:
    """The runs in a file, whatever it is."""
    return kinds.read(InputFile(path), Options(**options))[1]


def written(folder: Path, name: str, content: Any) -> Path:
    """A file with a text, or with a value as JSON."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
    return path
