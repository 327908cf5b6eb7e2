"""Wake at an absolute time, to the microsecond: epoll's own time-outs are whole milliseconds.

``os.timerfd_create`` exists from Python 3.13; before that the C library is called directly.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time


class Timer:
    """A one-shot timer: its descriptor becomes readable at an absolute time and stays so until it is armed anew.

    An expired timer that is neither read nor armed again looks alive to epoll for ever, and a periodic one that is
    never read never counts on; arming by absolute time before every wait rules both out.
    """

    if sys.version_info >= (3, 13):

        def __init__(self) -> None:
            self.fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

        def arm(self, at_ns: int) -> None:
            """Fire at ``at_ns`` on CLOCK_MONOTONIC; at once when that has passed."""
            os.timerfd_settime_ns(self.fd, flags=os.TFD_TIMER_ABSTIME, initial=at_ns)

    else:

        def __init__(self) -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            self.fd = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if self.fd < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create")
            self._set, self._spec = libc.timerfd_settime, (ctypes.c_long * 4)()
            self._set.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

        def arm(self, at_ns: int) -> None:
            """Fire at ``at_ns`` on CLOCK_MONOTONIC; at once when that has passed."""
            self._spec[2], self._spec[3] = divmod(at_ns, 1_000_000_000)
            if self._set(self.fd, 1, self._spec, None):  # 1: TFD_TIMER_ABSTIME
                raise OSError(ctypes.get_errno(), "timerfd_settime")
