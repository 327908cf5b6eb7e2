"""A campaign whose texts are markup, scripts, formulas and commands to a terminal, as an import may bring it.

It is written as any other and changed on disk afterwards, since nothing that the workbench offers writes such names.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from report_store import _as_spec, write_campaign

from workbench.store import Store

ESC = "\x1b]0;owned\x07\x1b[31m\x1b]8;;http://evil\x07\u009b2J"
MESHES = ("baseline", "l4-sidecars", "l7-sidecars")


@dataclass
class Leaks:
    """What was asked of a server that nobody should ask."""

    port: int
    asked: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A hostile text that begins with ``name``, so that it can be found as text."""
        return (
            f"{name}<b class=pwned>!</b> {ESC} $\\unicode{{x41}}$ $\\href{{javascript:window.PWNED=1}}{{x}}$ "
            f'<img class=pwned src=x onerror="window.PWNED=2"><script>window.PWNED=3</script>'
            f'<svg class=pwned onload="window.PWNED=4"></svg>[x](javascript:window.PWNED=5) '
            f"![y](http://127.0.0.1:{self.port}/leak) <iframe class=pwned src=http://127.0.0.1:{self.port}/leak>"
            "</iframe> [bold red]b[/bold red] [/nothing] {{7*7}} </script></title><!--"
        )

    def formula(self, name: str) -> str:
        """A hostile text that a spreadsheet takes for a formula."""
        return f'=HYPERLINK("http://127.0.0.1:{self.port}/leak","{name}")'


@contextmanager
def leak_server() -> Iterator[Leaks]:
    leaks = Leaks(0)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            leaks.asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    leaks.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield leaks
    finally:
        server.shutdown()
        server.server_close()


def hostile_store(data: Path, leaks: Leaks) -> Store:
    campaign = write_campaign(
        data, blocks=2, rates=(293.0,), duration_s=2.0, meshes={one: _as_spec(one) for one in MESHES},
        failing="l4-sidecars",
    )  # fmt: skip
    folder = data / "runs" / campaign
    _changed(folder / "campaign.json", lambda document: _campaign(document["campaign"], leaks))
    for manifest in folder.glob("*/manifest.json"):
        _changed(manifest, lambda document: _run(document["run"], leaks))
    (data / "experiments").mkdir()
    quoted = json.dumps(leaks.text("question")).replace("\\u009b", "\\u009B")
    toml = f'name = "evil"\nquestion = {quoted}\n[[meshes]]\nname = "baseline"\n[load]\nrates_per_s = [100]\n'
    (data / "experiments" / "evil.toml").write_text(toml, encoding="utf-8")
    return Store(data)


def _changed(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def _campaign(campaign: dict[str, Any], leaks: Leaks) -> None:
    campaign["reason"] = leaks.text("campaign-reason")
    campaign["plan"]["experiment"]["question"] = leaks.text("question")
    for workload in [
        *campaign["plan"]["experiment"]["workloads"],
        *(run["workload"] for run in campaign["plan"]["runs"]),
    ]:
        workload["name"] = leaks.text("workload")
    for mesh in [*campaign["plan"]["experiment"]["meshes"], *(run["mesh"] for run in campaign["plan"]["runs"])]:
        mesh["version"] = leaks.text("version")
    facts = campaign["facts"]
    facts["environment"], facts["fingerprint"] = leaks.text("environment"), leaks.text("fingerprint")
    facts["details"][leaks.text("fact-name")] = leaks.text("fact")


def _run(run: dict[str, Any], leaks: Leaks) -> None:
    text = leaks.text
    run["experiment"], run["environment"], run["fingerprint"] = (
        text("experiment"),
        text("environment"),
        text("fingerprint"),
    )
    run["reason"] = text("reason") if run["reason"] else ""
    run["spec"]["workload"]["name"] = text("workload")
    mesh = run["mesh"]
    formula = mesh["label"] == "l7-sidecars"
    mesh.update(
        label=leaks.formula(mesh["label"]) + text("") if formula else text(mesh["label"]),
        title=text("title"),
        shape_of=[text("shape")],
        lacks=[text("lack")],
        features=[text("feature")],
    )
    for part in run["components"]:
        part.update(name=text(part["name"]), instance=text("instance"), node=text("node"))
    for gate in run["gates"]:
        gate.update(name=text("gate"), evidence=text("evidence"))
    if run["load_result"]:
        result = run["load_result"]
        result.update(generator=text("generator"), generator_version=text("generator-version"), limited=text("limited"))
        result["counts_by_status"] = {text("status"): one for one in result["counts_by_status"].values()}
