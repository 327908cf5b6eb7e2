"""Wake at an absolute time, to the microsecond: epoll's own time-outs are whole milliseconds.

``os.timerfd_create`` exists from Python 3.13; before that the C library is called directly.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time


class Timer:
    """A timer whose descriptor becomes readable at an absolute time, and then, when asked, at every tick.

    It stays readable until it is read or armed anew. One that ticks **must be read** after each tick: the kernel counts
    on only then, so that it would otherwise look alive to epoll for ever while its ticks come late and in bursts.
    """

    if sys.version_info >= (3, 13):

        def __init__(self) -> None:
            self.fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

        def arm(self, at_ns: int, every_ns: int = 0) -> None:
            """Fire at ``at_ns`` on CLOCK_MONOTONIC, at once when that has passed, and then every ``every_ns``."""
            os.timerfd_settime_ns(self.fd, flags=os.TFD_TIMER_ABSTIME, initial=at_ns, interval=every_ns)

    else:

        def __init__(self) -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            self.fd = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if self.fd < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create")
            self._set, self._spec = libc.timerfd_settime, (ctypes.c_long * 4)()
            self._set.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

        def arm(self, at_ns: int, every_ns: int = 0) -> None:
            """Fire at ``at_ns`` on CLOCK_MONOTONIC, at once when that has passed, and then every ``every_ns``."""
            self._spec[:] = [*divmod(every_ns, 1_000_000_000), *divmod(at_ns, 1_000_000_000)]
            if self._set(self.fd, 1, self._spec, None):  # 1: TFD_TIMER_ABSTIME
                raise OSError(ctypes.get_errno(), "timerfd_settime")

    def read(self) -> None:
        """Take note of the ticks so far, so that the descriptor is silent until the next."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return  # armed anew since it fired
