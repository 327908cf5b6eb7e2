"""The command line: commands of a call or two each. The only package that prints and sets exit codes.

::

    __init__    `main`: turns errors into a message and an exit code
    app         the program, its options and its help
    measuring   demo, run
    planning    plan
    reading     runs, compare, report, rebuild
    designing   design: show, render
    exchanging  export, import, audit, smp
    machine     doctor, lab
    clusters    clean, rbac
    applying    design: check, diff, apply, revert, list, rights
    executing   a running notebook: progress, signals
    progress    a bar on a terminal, lines elsewhere
    show        tables, durations, JSON

``--help`` must stay under 0.3 s, so the commands import pandas, papermill and the rest themselves.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import signal
import sys
import threading
import traceback
from typing import NoReturn

from workbench.errors import BadInputError, FaultsError, StoppedError, StoreError, WorkbenchError
from workbench.text.plain import TextFormatter, escaped, for_terminal
from workbench.text.redaction import redacted_text

_BUG = 1
_LONGEST = 1200
"""Maximum characters of a message; the workbench's own have at most about 400."""
_CLICK_INTERRUPTED = 130
_QUERY_INTERRUPTED = "Query interrupted"


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; ``arguments`` default to the process's own."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    wanted = [one for one in given if one != "--traceback"]
    _have_streams()
    _write_any_text()
    _log_as_text()
    try:
        _stop_in_order()
        _check_text(wanted)
        code = _run(wanted)
        _flush()
    except WorkbenchError as error:
        code = _tell(error, error.exit_code, str(error), given)
    except KeyboardInterrupt as error:
        code = _tell(error, StoppedError.exit_code, "stopped.", given)
    except BrokenPipeError:
        code = 0
    except OSError as error:
        code = _tell(error, *_explained(error), given)
    except Exception as error:  # noqa: BLE001 - whatever is left is a bug, and is said to be one
        bug = f"This is a bug in the workbench: {type(error).__name__}: {error}. --traceback shows where."
        code, message = (StoppedError.exit_code, "stopped.") if _was_interrupted(error) else (_BUG, bug)
        code = _tell(error, code, message, given)
    _leave_streams()
    sys.exit(code)


def _log_as_text() -> None:
    """Show warnings of libraries as text; the code that executes a notebook reports papermill's failures."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(TextFormatter())
    handler.addFilter(lambda record: not record.name.startswith("papermill"))
    logging.basicConfig(handlers=[handler])


def _stop_in_order() -> None:
    """Treat SIGTERM like Ctrl-C: half-made things are removed, and nothing is lost.

    If the parent process ignores or handles SIGTERM already, that stays.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _have_streams() -> None:
    """Reopen standard streams that the parent process closed (``>&-``), so that no file gets their descriptors.

    Writing to a closed standard output fails, as in other programs.
    """
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C interrupted a query: DuckDB then raises a different error."""
    if isinstance(error, RuntimeError) and str(error) == _QUERY_INTERRUPTED:
        return True
    cause = error.__cause__ or error.__context__
    return cause is not None and _was_interrupted(cause)


def _write_any_text() -> None:
    """Escape characters that the terminal's or the pipe's encoding does not support, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _check_text(arguments: list[str]) -> None:
    """Refuse arguments that are not text, such as file names in another encoding than this system's."""
    for one in arguments:
        try:
            one.encode()
        except UnicodeEncodeError as error:
            raise BadInputError(
                f"The argument {one!a} is not UTF-8 text and cannot be stored or shown. Rename the file or "
                "folder, or use a link with another name."
            ) from error


def _flush() -> None:
    """Flush the output; a closed pipe (``| head``) is not an error."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()


def _leave_streams() -> None:
    """Drop unwritten output, so that the interpreter does not try to write it again when it exits."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: list[str]) -> int:
    """Run the program and return its exit code; the caller handles its errors."""
    from workbench.cli.app import app

    try:
        app(args=arguments, prog_name="workbench")
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # a reader that hung up is no error
            return 0
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
        if code == _CLICK_INTERRUPTED:
            raise StoppedError("Stopped.") from end
        return code
    return 0


def _explained(error: OSError) -> tuple[int, str]:
    if error.errno == errno.EBADF:
        return StoreError.exit_code, "Standard output is closed, so nothing can be shown. Stored data is kept."
    if error.errno == errno.ENOSPC:
        return StoreError.exit_code, f"The disk is full: {error}. Nothing stored was lost; free space and try again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError.exit_code, f"Permission denied: {error}. Choose other folders: --data, --reports."
    return StoreError.exit_code, f"The system reported: {error}. --traceback shows where."


def _tell(error: BaseException, code: int, message: str, given: list[str]) -> int:
    with contextlib.suppress(OSError):  # whoever closed or filled it has the exit code
        if "--traceback" in given:
            sys.stderr.write(for_terminal(redacted_text("".join(traceback.format_exception(error)))))
        for one in [str(fault) for fault in error.faults] if isinstance(error, FaultsError) else [message]:
            sys.stderr.write(f"workbench: {escaped(_one_line(redacted_text(one)))}\n")
        sys.stderr.flush()
    return code


def _one_line(message: str) -> str:
    """Return ``message`` without line breaks; long ones are shortened in the middle."""
    flat = " ".join(message.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST // 2]} … {flat[-_LONGEST // 2 :]}"
