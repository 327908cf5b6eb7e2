"""Who holds a cluster: a run that lives somewhere, and not one that has ended on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from workbench.environments.kubernetes import journal


def lease(holder, silent_s=5.0):
    said = (datetime.now(UTC) - timedelta(seconds=silent_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"spec": {"holderIdentity": holder, "renewTime": said, "leaseDurationSeconds": 240}}


def ended():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_a_process_of_this_machine_that_has_ended_holds_nothing():
    assert journal._living(lease(journal.holder_name("wb-1")))
    assert journal._living(lease(f"me@{socket.gethostname()} process {ended()} (wb-1)")) == ""


@pytest.mark.parametrize(
    "holder",
    [
        "me@another-machine process {} (wb-1)",
        "workbench clean of wb-1",
        "me@{host} process 99999999999999999999 (wb-1)",
    ],
)
def test_of_others_it_is_not_known_and_time_decides(holder):
    named = holder.format(ended(), host=socket.gethostname())
    assert journal._living(lease(named))
    assert journal._living(lease(named, silent_s=500)) == ""


def test_a_process_that_may_not_be_asked_lives():
    assert journal._living(lease(f"root@{socket.gethostname()} process {os.getppid() or 1} (wb-1)"))
