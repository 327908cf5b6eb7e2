"""How fast others' files come in and our documents go out: a gigabyte of CSV, bundles, validation, figures."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "interchange"))

from campaign_making import make_campaign  # noqa: E402

from workbench.files import shipped  # noqa: E402
from workbench.interchange.documents import parse_json  # noqa: E402
from workbench.interchange.importing.imported import Options  # noqa: E402
from workbench.interchange.landing import Landing  # noqa: E402
from workbench.interchange.published_figures import read_folder  # noqa: E402
from workbench.interchange.receiving import receive  # noqa: E402
from workbench.interchange.smp.bundle import export_bundle  # noqa: E402
from workbench.interchange.smp.unbundling import documents, open_bundle  # noqa: E402
from workbench.store import Store  # noqa: E402

GIGABYTE = 10**9
RECORDINGS = TESTS / "recordings"

CHILD = """
import json, resource, sys, time
from pathlib import Path
from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
receive(Path(sys.argv[2]), [sys.argv[1]], Options(), Landing())
spent = time.perf_counter() - started
print(json.dumps([spent, before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def gigabyte_of_csv(path: Path) -> int:
    """Repeat a recording of k6 until there is a gigabyte; return its bytes."""
    head, _, body = (RECORDINGS / "k6" / "arrival.csv").read_bytes().partition(b"\n")
    piece = body * (16 * 2**20 // len(body))
    with path.open("wb") as stream:
        stream.write(head + b"\n")
        while stream.tell() < GIGABYTE:
            stream.write(piece)
    return path.stat().st_size


def csv_rows(folder: Path) -> list[dict]:
    source = folder / "k6.csv"
    size = gigabyte_of_csv(source)
    found = []
    for turn in range(3):
        command = [sys.executable, "-c", CHILD, str(source), str(folder / f"data{turn}")]
        found.append(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    source.unlink()
    return [
        row("import of 1 GB of k6's CSV, distribution kept", [size / 1e6 / one[0] for one in found], "MB/s", ">= 100"),
        row("memory of that import, the program's own included", [one[2] for one in found], "MiB", "<= 768"),
    ]


def timed(call, turns: int = 3) -> list[float]:
    spent = []
    for turn in range(turns):
        started = time.perf_counter()
        call(turn)
        spent.append(time.perf_counter() - started)
    return spent


def bundle_rows(folder: Path) -> list[dict]:
    campaign = make_campaign(folder / "own", blocks=18)
    store = Store(folder / "own")
    store.runs()  # indexed
    out = timed(lambda turn: export_bundle(store, [campaign], folder / f"bundle{turn}"))
    check = timed(lambda turn: documents(open_bundle(folder / "bundle0")))
    back = timed(lambda turn: receive(folder / f"back{turn}", [str(folder / "bundle0")], Options(), Landing()))
    return [
        row("SMP bundle of 36 runs, written", out, "s", "<= 2"),
        row("its 144 documents, validated", check, "s", "<= 2"),
        row("the bundle, imported", back, "s", "<= 4"),
    ]


def file_rows(folder: Path) -> list[dict]:
    files = [str(RECORDINGS / "fortio" / "normal.json")] * 100
    spent = timed(lambda turn: receive(folder / f"fortio{turn}", files, Options(), Landing()))
    text = "[" + ",".join([(RECORDINGS / "fortio" / "large-payload.json").read_text()] * 200) + "]"
    parsed = timed(lambda turn: parse_json(text, "it"))
    published = timed(lambda turn: read_folder(shipped.reference()))
    return [
        row("Fortio's JSON, read, checked and stored", [one / len(files) * 1e3 for one in spent], "ms a run", "<= 50"),
        row("JSON read with the line of every value", [len(text) / 1e6 / one for one in parsed], "MB/s", ""),
        row("all published figures, read and checked", [one * 1e3 for one in published], "ms", "<= 500"),
    ]


def rows() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        return [*csv_rows(home), *bundle_rows(home), *file_rows(home)]


def row(what: str, values: list[float], unit: str, target: str) -> dict:
    return {"what": what, "value": float(statistics.median(values)), "unit": unit, "target": target}


if __name__ == "__main__":
    for one in rows():
        print(one)
