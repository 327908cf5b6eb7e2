"""Notebooks are executed by real kernels; what papermill lets pass is refused."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest

from papermill.exceptions import PapermillExecutionError

from workbench.errors import BadInputError, StoppedError, StoreError, UnknownNameError, WorkbenchError
from workbench.notebooks import Execution, check_parameters, execute, parameters_of

PARAMETERS = 'count: int = 1  # how many\ntext: str = "x"  # what to say\nshare: float = 0.5  # of the whole'


def write_notebook(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    # a kernel's name that no machine knows: the interpreter must not depend on it
    kernel = {"name": "nobody-has-this", "display_name": "?", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def printed(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    return "".join("".join(output.get("text", [])) for cell in cells for output in cell.get("outputs", []))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def test_parameters_are_read_with_type_and_help(tmp_path):
    found = parameters_of(write_notebook(tmp_path / "one.ipynb"))
    assert [(p.name, p.kind, p.default, p.help) for p in found.values()] == [
        ("count", "int", "1", "how many"),
        ("text", "str", '"x"', "what to say"),
        ("share", "float", "0.5", "of the whole"),
    ]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"cuont": 1}, UnknownNameError, "Did you mean 'count'?"),
        ({"count": "1"}, BadInputError, "must be int"),
        ({"count": True}, BadInputError, "must be int"),
        ({"text": 1}, BadInputError, "must be str"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_starts(tmp_path, given, error, words):
    notebook = write_notebook(tmp_path / "one.ipynb")
    with pytest.raises(error, match=words):
        execute(notebook, tmp_path / "out.ipynb", given)
    assert not (tmp_path / "out.ipynb").exists()


def test_a_whole_number_will_do_for_a_float(tmp_path):
    check_parameters(write_notebook(tmp_path / "one.ipynb"), {"share": 1})


@pytest.mark.parametrize("content", [None, "", "{}", "[1]"])
def test_what_is_no_notebook_is_bad_input(tmp_path, content):
    path = tmp_path / "one.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInputError, match=r"one\.ipynb"):
        parameters_of(path)


def test_a_notebook_runs_in_this_interpreter_with_its_parameters_and_leaves_nothing(tmp_path, capfd):
    notebook = write_notebook(
        tmp_path / "one {brace}.ipynb",
        "import hashlib, os, sys\nprint(hashlib.sha256(sys.executable.encode()).hexdigest(), count, text, os.getppid())",
        "from IPython import get_ipython\n"
        "print(get_ipython().kernel.get_connection_info if 0 else open(get_ipython().config"
        "['IPKernelApp']['connection_file']).read())",
    )
    target = tmp_path / "a {folder}" / "copy.ipynb"
    assert execute(notebook, target, {"count": 3, "text": "{x} 'y'"}) == target
    said = printed(target)
    ours = hashlib.sha256(sys.executable.encode()).hexdigest()  # its path would be shortened in what is kept
    assert f"{ours} 3 {{x}} 'y' {os.getpid()}" in said
    assert '"transport": "ipc"' in said
    assert not list(Path(tempfile.gettempdir()).glob(f"wb-kernel-{os.getpid()}-*"))
    assert capfd.readouterr() == ("", "")


def test_a_foreign_error_names_cell_error_and_copy(tmp_path):
    notebook = write_notebook(tmp_path / "one.ipynb", "1 / 0", "print('never')")
    with pytest.raises(WorkbenchError, match=r"Cell \[\d\] of one.ipynb failed: ZeroDivisionError: division") as caught:
        execute(notebook, tmp_path / "copy.ipynb", {})
    assert str(tmp_path / "copy.ipynb") in str(caught.value)
    assert caught.value.exit_code == 1
    assert "ZeroDivisionError" in (tmp_path / "copy.ipynb").read_text()
    assert "never" not in printed(tmp_path / "copy.ipynb")


@pytest.mark.parametrize(
    ("raised", "code"),
    [("UnknownNameError('mesh', 'istoi', ['istio'])", 2), ("GateFailedError('no')", 4), ("Interrupted('x')", 5)],
)
def test_our_own_errors_come_through_with_message_and_exit_code(tmp_path, raised, code):
    notebook = write_notebook(tmp_path / "one.ipynb", f"from workbench.errors import *\nraise {raised}")
    with pytest.raises(WorkbenchError) as caught:
        execute(notebook, tmp_path / "copy.ipynb", {})
    assert caught.value.exit_code == code
    assert "Cell" not in str(caught.value)


def test_a_kernel_that_dies_is_an_error_that_says_so(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "papermill")
    notebook = write_notebook(
        tmp_path / "one.ipynb", "import os\nos.write(2, b'out of luck\\n')\nos.kill(os.getpid(), 9)"
    )
    with pytest.raises(WorkbenchError, match=r"kernel .* died"):
        execute(notebook, tmp_path / "copy.ipynb", {})
    assert (tmp_path / "copy.ipynb").exists()


@pytest.mark.parametrize("how", ["interrupt", "kill"])
def test_stopping_is_an_interruption_whatever_the_metadata_say(tmp_path, how, caplog):
    caplog.set_level(logging.CRITICAL, "papermill")
    mark = tmp_path / "started"
    notebook = write_notebook(
        tmp_path / "one.ipynb",
        f"import os, time, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)",
    )
    execution = Execution(notebook, tmp_path / "copy.ipynb", {}).start()
    assert wait_for(lambda: mark.exists() and mark.read_text())
    getattr(execution, how)()
    assert execution.wait(10)
    with pytest.raises(StoppedError):
        execution.result()
    assert wait_for(lambda: not alive(int(mark.read_text())))


def test_a_kernel_does_not_outlive_its_starter(tmp_path):
    mark = tmp_path / "started"
    notebook = write_notebook(
        tmp_path / "one.ipynb",
        f"import os, time, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)",
    )
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom pathlib import Path\nfrom workbench.notebooks import execute\n"
            "execute(Path(sys.argv[1]), Path(sys.argv[2]), {})",
            str(notebook),
            str(tmp_path / "copy.ipynb"),
        ]
    )
    try:
        assert wait_for(lambda: mark.exists() and mark.read_text(), 20)
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.wait(10)
    assert wait_for(lambda: not alive(int(mark.read_text())), 5)
    left = list(Path(tempfile.gettempdir()).glob(f"wb-kernel-{starter.pid}-*"))
    assert left  # the dead cannot clean up ...
    execute(write_notebook(tmp_path / "two.ipynb"), tmp_path / "copy2.ipynb", {})
    assert not left[0].exists()  # ... the next one does


def test_a_script_in_the_current_folder_is_not_taken_for_a_library(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pandas", "IPython", "ipykernel_launcher", "workbench", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a script of the current folder ran')")
    notebook = write_notebook(tmp_path / "one.ipynb", "import sys, json, pandas, workbench\nprint('' in sys.path)")
    assert "False" in printed(execute(notebook, tmp_path / "copy.ipynb", {}))


def test_without_a_temporary_folder_nothing_is_said_to_be_done(tmp_path, monkeypatch):
    notebook = write_notebook(tmp_path / "one.ipynb", "print(1)")
    monkeypatch.setattr("tempfile.gettempdir", lambda: (_ for _ in ()).throw(FileNotFoundError(2, "none")))
    with pytest.raises(StoreError) as caught:
        execute(notebook, tmp_path / "copy.ipynb", {})
    assert "TMPDIR" in str(caught.value)


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(0), MemoryError(), ValueError()])
def test_whatever_ends_the_worker_nothing_is_said_to_be_done(tmp_path, monkeypatch, raised):
    notebook = write_notebook(tmp_path / "one.ipynb", "print(1)")

    def fail(*_):
        raise raised

    monkeypatch.setattr("workbench.files.scratch.fresh", fail)
    with pytest.raises(WorkbenchError):
        execute(notebook, tmp_path / "copy.ipynb", {})


def test_a_cell_cut_short_by_a_stop_is_an_interruption_even_without_an_error_output(tmp_path, monkeypatch):
    execution = Execution(write_notebook(tmp_path / "one.ipynb", "print(1)"), tmp_path / "copy.ipynb", {})
    execution._stopped_by = "it was interrupted"
    error = PapermillExecutionError(0, 5, "x", "CellExecutionError", "", [])
    assert isinstance(execution._explained(error, ""), StoppedError)


def test_where_there_is_no_home_nothing_is_left_behind(tmp_path):
    (tmp_path / "t").mkdir()
    notebook = write_notebook(tmp_path / "one.ipynb", "import IPython\nprint(1)")
    code = "import sys\nfrom pathlib import Path\nfrom workbench.notebooks import execute\n"
    code += "execute(Path(sys.argv[1]), Path(sys.argv[2]), {})"
    environment = {"PATH": os.environ["PATH"], "HOME": "/dev/null/none", "TMPDIR": str(tmp_path / "t")}
    arguments = [sys.executable, "-c", code, str(notebook), str(tmp_path / "copy.ipynb")]
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert list((tmp_path / "t").iterdir()) == []
