"""One notebook, executed by papermill in a thread of its own.

Success is what the cells left behind and not papermill's metadata, which says "completed" after a time-out or an
interrupt too. The kernel is *this* interpreter, whatever kernel specifications the machine has.

The kernel talks over sockets in a private folder instead of TCP ports. It ends by itself within seconds when this
process dies, and what it leaves in the temporary folder is removed by the next execution.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill import execute_notebook
from papermill.exceptions import PapermillExecutionError

from workbench import errors
from workbench.errors import StoppedError, StoreError, WorkbenchError
from workbench.files import scratch
from workbench.files.places import Places, data_of, private_notebook
from workbench.notebooks.parameters import Value, as_papermill_path, check_parameters
from workbench.settings import Settings

logging.getLogger("papermill").addHandler(logging.NullHandler())  # its caller tells, or the last resort would

_FOLDER_PREFIX = "wb-kernel-"
_LONGEST_SOCKET_FOLDER = 80
"""Bytes of a folder's path that leave room for a socket's name: the kernel of the system takes 107 in all."""
_START_S = 60
"""Seconds that a kernel may take to answer; half a second when the machine is idle."""


class _Kernel(AsyncKernelManager):
    """Starts this very interpreter as a kernel, with its sockets and its printed output in `home`."""

    home: ClassVar[Path]
    started: ClassVar[threading.Event]
    pid: ClassVar[list[int]]

    def __init__(self, **settings: Any) -> None:
        home = self.home
        inside = len(os.fsencode(home)) <= _LONGEST_SOCKET_FOLDER
        super().__init__(
            **{
                **settings,
                "transport": "ipc" if inside else "tcp",
                "connection_file": str(home / "kernel.json"),
            }
        )

    @property
    def kernel_spec(self) -> KernelSpec:
        """What to start, whatever the machine calls its kernels."""
        return KernelSpec(
            # -P and ignore_cwd: a file called pandas.py in the current folder is somebody's script, not the library.
            argv=[
                *(sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"),
                "--InteractiveShellApp.ignore_cwd=True",
            ],
            display_name="workbench",
            language="python",
            # Of its own, so that it runs nobody's start-up files and leaves nothing where there is no home.
            env={"PYDEVD_DISABLE_FILE_VALIDATION": "1", "IPYTHONDIR": str(self.home / "ipython")},
        )

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        with (self.home / "kernel.log").open("wb") as log:
            await super()._async_launch_kernel(kernel_cmd, **{**kw, "stdout": log, "stderr": log})
        self.pid.append(getattr(self.provisioner, "pid"))  # noqa: B009 - the local provisioner's, not every one's
        self.started.set()


class Execution:
    """A notebook on its way, executed in a thread of its own so that others can watch its effects and stop it.

    Parameters
    ----------
    notebook
        What to execute.
    target
        Where the executed copy goes. Its folder is made at the end; after a failure only if the one above that is
        there, as a campaign's folder appears while the notebook runs.
    parameters
        Values for the notebook's parameters, checked at once.

    Raises
    ------
    BadInputError
        See `check_parameters`.
    """

    def __init__(self, notebook: Path, target: Path, parameters: Mapping[str, Value]) -> None:
        check_parameters(notebook, parameters)
        self.notebook, self.target, self.parameters = notebook, target, dict(parameters)
        self._pid: list[int] = []
        self._started = threading.Event()
        self._stopped_by = ""
        self._done, self._cells = 0, _code_cells(notebook) + bool(parameters)
        self._error: WorkbenchError | None = None
        self._kept = False
        self._thread = threading.Thread(target=self._run, name=f"notebook {notebook.stem}", daemon=True)

    def start(self) -> Execution:
        """Start it, unless it was started before, and return at once."""
        if self._thread.ident is None:
            self._thread.start()
        return self

    @property
    def progress(self) -> tuple[int, int]:
        """Cells executed, and all of them; the cell with the given parameters is one."""
        return self._done, self._cells

    def _count(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        self._done += 1

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, at most ``timeout_s``; return whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def interrupt(self) -> None:
        """Interrupt the running cell, as JupyterLab's stop button does."""
        self._signal(signal.SIGINT, "it was interrupted")

    def kill(self) -> None:
        """End the kernel at once."""
        self._signal(signal.SIGKILL, "its kernel did not stop in time and was killed")

    def result(self) -> Path:
        """Wait for the end and return the executed copy.

        Raises
        ------
        WorkbenchError
            What the failing cell raised when it is one of ours, with its message; otherwise one that names cell and
            error. The executed copy is kept either way.
        StoppedError
            When `interrupt` or `kill` ended it.
        """
        self.wait()
        if self._error:
            raise self._error
        if not self._kept or not self.target.is_file():
            raise WorkbenchError(f"{self.notebook.name} was not executed to its end: there is no {self.target}.")
        return self.target

    def _signal(self, number: int, reason: str) -> None:
        if self._started.wait(0) and self._thread.is_alive():
            self._stopped_by = reason
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid[0], number)

    def _run(self) -> None:
        try:
            where = scratch.parent()
            scratch.sweep(_FOLDER_PREFIX, where)
            home, held = scratch.fresh(f"{_FOLDER_PREFIX}{os.getpid()}-", where)
            try:
                self._run_in(home)
            finally:
                shutil.rmtree(home, ignore_errors=True)
                os.close(held)
        except WorkbenchError as error:
            self._error = error
        except OSError as error:
            self._error = StoreError(
                f"{self.notebook.name} could not be executed: {error.strerror or error}"
                f"{f' ({error.filename})' if error.filename else ''}. Free some space or choose other folders: "
                "--data, TMPDIR."
            )
            self._error.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever asks for the result
            self._error = WorkbenchError(f"{self.notebook.name} could not be executed: {error or type(error).__name__}")
            self._error.__cause__ = error

    def _run_in(self, home: Path) -> None:
        copy = home / self.notebook.name
        try:
            self._execute(home, copy)
            self._keep(copy)
            self._kept = True
        finally:
            ensure_event_loop().close()  # this thread's, which nbclient made and leaves open

    def _execute(self, home: Path, copy: Path) -> None:
        kernel = type("_Kernel", (_Kernel,), {"home": home, "started": self._started, "pid": self._pid})
        try:
            executed = execute_notebook(
                as_papermill_path(self.notebook),
                as_papermill_path(copy),
                parameters=self.parameters,
                progress_bar=False,
                start_timeout=_START_S,
                kernel_manager_class=kernel,
                on_cell_executed=self._count,
                store_widget_state=False,  # a megabyte for each chart; without its kernel a widget is dead anyway
                shutdown_kernel="immediate",  # it is idle by then; asking it to end takes 0.7 s
            )
        except PapermillExecutionError as error:
            raise self._explained(error, self._keep_if_possible(copy)) from error
        except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
            self._keep_if_possible(copy)
            raise self._died(home, error) from error
        unexecuted = _unexecuted(executed)
        if unexecuted:
            self._keep_if_possible(copy)
            raise WorkbenchError(f"{self.notebook.name} ended before its cell {unexecuted} was executed.")

    def _keep(self, copy: Path) -> None:
        """Move the executed copy to its place, whole or not at all."""
        aside = self.target.with_name(f".{self.target.name}.tmp")
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(self._private(copy))
            aside.replace(self.target)
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise StoreError(
                f"{self.notebook.name} was executed, but its copy cannot be kept as {self.target}: {error.strerror}."
            ) from error

    def _private(self, copy: Path) -> bytes:
        """Return the executed copy as it is kept: no secrets that a cell printed, no paths of this machine."""
        data = data_of(self.target) or Settings.resolve(data=str(self.parameters.get("data") or "")).data
        document = private_notebook(json.loads(copy.read_bytes()), Places(data))
        return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode(errors="replace") + b"\n"

    def _keep_if_possible(self, copy: Path) -> str:
        """Keep the copy of a notebook that failed, where its place has come to be; return where it is, if anywhere.

        What the notebook failed of is what must be told, not that its copy is lost.
        """
        if not self.target.parent.parent.is_dir():
            return ""
        try:
            self._keep(copy)
        except StoreError:
            return ""
        return f" The executed copy shows where: {self.target}"

    def _explained(self, error: PapermillExecutionError, kept: str) -> WorkbenchError:
        if error.ename == "KeyboardInterrupt" or (self._stopped_by and _own_error(error.ename) is None):
            return StoppedError(f"{self.notebook.name} was stopped in cell [{error.exec_count}].")
        own = _own_error(error.ename)
        if own is not None:
            return own(error.evalue)
        return WorkbenchError(
            f"Cell [{error.exec_count}] of {self.notebook.name} failed: {error.ename}: {error.evalue}.{kept}"
        )

    def _died(self, home: Path, error: Exception) -> WorkbenchError:
        if self._stopped_by:
            return StoppedError(f"{self.notebook.name} did not end: {self._stopped_by}.")
        printed = _tail(home / "kernel.log")
        return WorkbenchError(
            f"The kernel that executed {self.notebook.name} died ({error}). "
            + (f"It printed last: {printed}" if printed else "Perhaps the machine ran out of memory; try again.")
        )


def execute(notebook: Path, target: Path, parameters: Mapping[str, Value]) -> Path:
    """Execute ``notebook`` into ``target`` and return ``target``; see `Execution`."""
    return Execution(notebook, target, parameters).start().result()


def _code_cells(notebook: Path) -> int:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return sum(cell["cell_type"] == "code" and bool("".join(cell["source"]).strip()) for cell in cells)


def _unexecuted(notebook: Any) -> int:
    """Return the position (from 1) of the first code cell that the kernel never took up; 0 when there is none."""
    for position, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            return position
    return 0


def _own_error(name: str) -> type[WorkbenchError] | None:
    """Return the class of our tree called ``name``, or its nearest ancestor that takes a message."""
    found = getattr(errors, name, None)
    if not (isinstance(found, type) and issubclass(found, WorkbenchError)):
        return None
    return next(one for one in found.__mro__ if "__init__" not in vars(one))


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " / ".join(line.strip() for line in lines[-2:])
