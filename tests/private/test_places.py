"""Where the user's things are: in nothing that is stored, reported or sent, and found again where it is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.files.places import Places, data_of, placed
from workbench.model.events import Event
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.histograms import record
from workbench.model.plan import make_plan
from workbench.model.records import Facts
from workbench.store import CampaignWriter, read_campaign
from workbench.text.redaction import redacted_text

TINY = """
name = "tiny"
blocks = 1
[[meshes]]
name = "baseline"
[load]
rates_per_s = [100]
duration_s = 0.4
warmup_s = 0.0
connections = 2
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with data in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "project" / "data").mkdir(parents=True)
    return tmp_path / "home"


def test_what_paths_become(home):
    places = Places(home / "project" / "data")
    for text, told in {
        f"Cannot write ({home}/project/data/runs/a/b.json): full": "Cannot write (runs/a/b.json): full",
        f"data is {home}/project/data, and {home}/project/data/": "data is ., and .",
        f"{home}/.kube/config and {home}": "~/.kube/config and ~",
        f"{home}-other/x": "…/x",
        f"{home}/project/data2/x": "~/project/data2/x",
        f'File "{home}/a b/c.py", line 3': 'File "~/a b/c.py", line 3',
        f"\x1b[32m{home}/x.py\x1b[39m": "\x1b[32m~/x.py\x1b[39m",
        "/etc/kube/config: no; /usr/local/bin/helm": "…/config: no; …/helm",
        "http://web:8080/home/x GET /apis/apps/v1 /proc/1/smaps docker.io/data/x": None,
        "rate/s 1/2 and/or /productpage /stats?x=/y": None,
        "C:\\Users\\joe\\data\\x.csv": "…\\x.csv",
    }.items():
        assert places.relative(text) == (text if told is None else told)
        assert places.relative(places.relative(text)) == places.relative(text)


@given(st.text())
def test_other_text_stays(text):
    if "/" not in text and "\\" not in text:
        assert Places(Path("/srv/data")).relative(text) == text


def test_binary_content_stays_as_it_is():
    places = Places(Path("/srv/data"))
    for content in (b"\xff\x00/srv/data/x", b"PAR1\x00/srv/data/x", b"plain"):
        assert places.content(content) == content
    assert places.content(b'{"x": "/srv/data/runs/a"}') == b'{"x": "runs/a"}'


@given(st.lists(st.integers(1, 10**14), max_size=3000))
def test_a_distribution_stays_as_it_is(nanoseconds):
    encoded = record(numpy.array(nanoseconds, dtype=numpy.int64)).encoded
    assert Places(Path("/srv/data")).kept({"h": {"encoded": encoded}}) == {"h": {"encoded": encoded}}
    assert redacted_text(f'{{"encoded": "{encoded}"}}') == f'{{"encoded": "{encoded}"}}'


def test_a_plan_is_stored_without_paths_and_leads_where_it_led(home, tmp_path):
    data = home / "project" / "data"
    for name in ("home/.kube/config", "charts", "home/project/data/own.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir() if name == "charts" else (tmp_path / name).write_text("")
    options = {"kubeconfig": str(home / ".kube" / "config"), "charts": str(tmp_path / "charts"), "context": "bench"}
    experiment = Experiment(
        name="tiny",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="own", manifests=str(data / "own.yaml"), url="http://web:80/tmp/x"),),
        loads=(Load(rate_per_s=10),),
        blocks=1,
    )
    facts = Facts(environment="kubernetes", fingerprint="f", details={"file": str(home / "x"), "list": [str(data)]})
    with CampaignWriter.create(data, make_plan(experiment), f'x = "{home}/a"\n', facts) as writer:
        writer.event(Event(kind="note", time_s=1, message=f"reads {home}/y", data={"at": str(tmp_path / "z")}))
        writer.finish("failed", f"{data}/runs/x: {tmp_path}/k")
    folder = next((data / "runs").iterdir())
    for file in folder.iterdir():
        assert str(tmp_path) not in file.read_text(), file
    stored = read_campaign(folder)
    assert stored.reason == "runs/x: …/k"
    kept = stored.plan.experiment.environment.options
    assert kept == {"kubeconfig": "~/.kube/config", "charts": "../../../charts", "context": "bench"}
    assert {name: placed(value, data) for name, value in kept.items()} == options
    workload = stored.plan.runs[0].workload
    assert (workload.manifests, workload.url) == ("./own.yaml", "http://web:80/tmp/x")
    assert Path(placed(workload.manifests, data)) == data / "own.yaml"
    assert data_of(folder / "manifest.json") == data


ABSOLUTE = re.compile(rb"(?<![\w./~:@%-])/(?:home|root|tmp|work|srv|Users|var|opt|usr|etc)/[\w.-]+")


@pytest.mark.lab
def test_nothing_stored_reported_or_sent_tells_where_it_was_measured(tmp_path):
    home = tmp_path / "home"
    (home / "mesh").mkdir(parents=True)
    (home / "mesh" / "tiny.toml").write_text(TINY)
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}

    def workbench(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "workbench", *arguments],
            cwd=home / "mesh", env=environment, capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    workbench("run", str(home / "mesh" / "tiny.toml"), "--data", str(home / "mesh" / "data"))
    workbench("report", "--notebook-html") if "--notebook-html" in workbench("report", "--help") else workbench(
        "report", "--no-fail"
    )
    told = workbench("export", "--to", str(home / "mesh" / "bundle"), "--raw")
    assert "kernel" in told and "reveals" in told
    found = []
    for part in ("data/runs", "reports", "bundle"):
        for path in (home / "mesh" / part).rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            found += [(path.name, one) for one in {str(home).encode(), str(tmp_path).encode()} if one in content]
            if path.suffix in (".json", ".jsonl", ".toml", ".ipynb", ".md", ".yaml"):
                found += [(path.name, one) for one in ABSOLUTE.findall(content)]
    assert found == []
    assert json.loads((home / "mesh" / "bundle" / "bundle.json").read_text())["runs"]
