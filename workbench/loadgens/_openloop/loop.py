"""The open loop: every request on its schedule, every ending counted.

The schedule is made before anything is sent and no answer can move it, so a slow answer never delays the question
that comes after it (no coordinated omission). One thread waits in epoll for answers and for a timer that fires at the
next scheduled time. A request that is due takes an idle connection, or dials one that has broken, or else waits in a
queue while its latency goes on counting. It ends in exactly one way: with an HTTP status, or with one of `FAILURES`;
a time-out after its scheduled time it has failed, sent or not. It is sent at most once.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from array import array
from collections import deque

from .answers import Answer, MalformedAnswerError, read_answer
from .timer import Timer

TIMEOUT, CONNECT, BROKEN, MALFORMED, WRONG_BODY = range(1, 6)
FAILURES = {
    TIMEOUT: "timeout",
    CONNECT: "connect-failed",
    BROKEN: "connection-broken",
    MALFORMED: "malformed-answer",
    WRONG_BODY: "wrong-body",
}
"""Ways to end without an HTTP status, with their stored numbers; an answer's number is its status, 100 and above."""

NEVER = -1
"""Stands for the time of something that did not happen."""

FOREVER = 1 << 62
"""A time that is never reached, in ns."""

_CHECK_NS = 250_000_000
_DIAL_S = 2.0
_HEADS = 256
_clock = time.monotonic_ns

CLOSED, DIALLING, IDLE, BUSY = range(4)


class Connection:
    """One keep-alive connection and the request that it carries (NEVER: none)."""

    __slots__ = ("fd", "received", "request", "sock", "state", "unsent")

    def __init__(self) -> None:
        self.state, self.request, self.fd = CLOSED, NEVER, NEVER
        self.sock: socket.socket
        self.received = bytearray()
        self.unsent: memoryview | None = None


class OpenLoop:
    """Sends ``message`` on schedule and expects ``body`` back.

    Attributes
    ----------
    due, ready, sent, done
        ns on CLOCK_MONOTONIC of each request: scheduled; taken up by the generator, which had then either a
        connection to send on or to wait for one; sent; ended. `NEVER` where it did not happen.
    status
        How it ended: HTTP status or one of `FAILURES`.
    cpu_ns
        CPU time of this process at the window's two edges.
    """

    def __init__(self, where: tuple[object, ...], family: int, message: bytes, body: bytes) -> None:
        self.where, self.family, self.message, self.body = where, family, message, body
        self.chunk = min(len(body) + 4096, 262_144)
        self.tail = b"\r\n\r\n" + body
        self.right: set[bytes] = set()
        self.epoll, self.timer = select.epoll(), Timer()
        self.epoll.register(self.timer.fd, select.EPOLLIN)
        self.by_fd: dict[int, Connection] = {}
        self.idle: deque[Connection] = deque()
        self.closed: deque[Connection] = deque()
        self.queue: deque[int] = deque()
        self.cpu_ns: list[int] = []

    def open(self, connections: int) -> None:
        """Dial all connections; one that is not there within two seconds is dialled when a request needs it."""
        limit = time.monotonic() + _DIAL_S
        for _ in range(connections):
            connection = Connection()
            self._create(connection)
            connection.sock.settimeout(max(limit - time.monotonic(), 0.001))
            try:
                connection.sock.connect(self.where)
            except OSError:
                self._close(connection)
                continue
            connection.sock.settimeout(0)
            connection.state = IDLE
            self.idle.append(connection)
            self.epoll.register(connection.fd, select.EPOLLIN)

    def run(self, due: array[int], every_ns: int, edges: tuple[int, int], timeout_ns: int) -> None:
        """Send every request of the schedule ``due``; return when all have ended and the window is over.

        Parameters
        ----------
        every_ns
            Nanoseconds between two requests, rounded down, when they are evenly spaced and the timer shall tick by
            itself, which is cheaper than to arm it anew for each; else 0.
        """
        never = array("q", [NEVER])
        self.due, self.edges, self.timeout_ns = due, edges, timeout_ns
        self.ready, self.sent, self.done = never * len(due), never * len(due), never * len(due)
        self.status = array("H", [0]) * len(due)
        self.next, self.left, self.check_at = 0, len(due), 0
        poll, timer, by_fd = self.epoll.poll, self.timer, self.by_fd
        wake_at, ticking, fired = 0, False, False
        while self.left or len(self.cpu_ns) < 2:
            now = _clock()
            if now >= wake_at:
                if now >= self.check_at:
                    self._check(now)
                    if not self.left and len(self.cpu_ns) == 2:  # else the end would wait for one more timer
                        return
                due_at = self._take(now)
                wake_at = min(due_at, self.check_at)
                tick = every_ns if every_ns <= _CHECK_NS and due_at < FOREVER else 0
                if not ticking or not tick:
                    timer.arm(due_at if tick else wake_at, tick)
                    ticking = bool(tick)
            elif fired:  # before its time: ticks are whole nanoseconds, gaps are not
                timer.arm(wake_at, every_ns if ticking else 0)
            fired = False
            for fd, events in poll(-1, 64):
                if fd == timer.fd:
                    fired = True
                    timer.read()
                else:
                    self._on_event(by_fd[fd], events)
            # Not before the batch is done: another connection's descriptor may be closed and used again here.
            if self.queue:
                self._drain()

    def _take(self, now: int) -> int:
        """Take up every request that is due; return when the next one will be."""
        due, idle, place = self.due, self.idle, self.next
        while place < len(due) and due[place] <= now:
            if idle:
                self._send(idle.popleft(), place)
                now = self.ready[place] = self.sent[place]
            else:
                now = self.ready[place] = _clock()
                self.queue.append(place)
                self._drain()
            place += 1
        self.next = place
        return due[place] if place < len(due) else FOREVER

    def _drain(self) -> None:
        """Give waiting requests to connections: to idle ones, else to broken ones, which are dialled anew."""
        while self.queue:
            if self.idle:
                self._send(self.idle.popleft(), self.queue.popleft())
            elif self.closed:
                self._dial(self.closed.popleft(), self.queue.popleft())
            else:
                return

    def _check(self, now: int) -> None:
        """Note the CPU time at the window's edges; end requests that have had their time."""
        if len(self.cpu_ns) < 2 and now >= self.edges[len(self.cpu_ns)]:
            self.cpu_ns.append(time.process_time_ns())
        limit = now - self.timeout_ns
        while self.queue and self.due[self.queue[0]] <= limit:
            self._finish(self.queue.popleft(), TIMEOUT, now)
        for connection in tuple(self.by_fd.values()):
            if connection.request != NEVER and self.due[connection.request] <= limit:
                self._fail(connection, TIMEOUT)
        self.check_at = now + _CHECK_NS
        if len(self.cpu_ns) < 2:
            self.check_at = min(self.check_at, self.edges[len(self.cpu_ns)])

    def _create(self, connection: Connection) -> None:
        sock = connection.sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.fd, connection.state = sock.fileno(), DIALLING
        self.by_fd[connection.fd] = connection

    def _dial(self, connection: Connection, place: int) -> None:
        self._create(connection)
        connection.request = place
        connection.sock.setblocking(False)
        if connection.sock.connect_ex(self.where) in (0, errno.EINPROGRESS):
            self.epoll.register(connection.fd, select.EPOLLOUT)
        else:
            self._fail(connection, CONNECT)

    def _on_event(self, connection: Connection, events: int) -> None:
        if connection.state == DIALLING:
            if connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._fail(connection, CONNECT)
            else:
                self.epoll.modify(connection.fd, select.EPOLLIN)
                self._send(connection, connection.request)
            return
        if events & select.EPOLLOUT and connection.unsent:
            self._send_rest(connection, connection.unsent)
        if events & ~select.EPOLLOUT and connection.state != CLOSED:
            self._receive(connection)

    def _send(self, connection: Connection, place: int) -> None:
        connection.request, connection.state = place, BUSY
        self.sent[place] = _clock()
        try:
            count = connection.sock.send(self.message)
        except BlockingIOError:
            count = 0
        except OSError:
            self._fail(connection, BROKEN)
            return
        if count < len(self.message):
            connection.unsent = memoryview(self.message)[count:]
            self.epoll.modify(connection.fd, select.EPOLLIN | select.EPOLLOUT)

    def _send_rest(self, connection: Connection, unsent: memoryview) -> None:
        try:
            unsent = unsent[connection.sock.send(unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._fail(connection, BROKEN)
            return
        connection.unsent = unsent
        if not unsent:
            self.epoll.modify(connection.fd, select.EPOLLIN)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(self.chunk)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = _clock()
        if connection.state == IDLE:  # closed by the server, or speaking unasked
            self.idle.remove(connection)
            self._close(connection)
        elif connection.received or connection.unsent or not data.endswith(self.tail):
            self._receive_more(connection, data, now)
        elif data[: -len(self.tail)] in self.right:  # byte for byte an answer that was found right before
            self._finish(connection.request, 200, now)
            connection.request, connection.state = NEVER, IDLE
            self.idle.append(connection)
        else:
            self._receive_more(connection, data, now)

    def _receive_more(self, connection: Connection, data: bytes, now: int) -> None:
        """Read what has come so far, ``data`` last, and end the request when it is a whole answer or never can be."""
        connection.received += data
        try:
            answer = read_answer(connection.received, ended=not data)
        except MalformedAnswerError:
            self._fail(connection, MALFORMED)
            return
        if answer is not None:
            self._answered(connection, answer, ended=not data, now=now)
        elif not data:
            self._fail(connection, BROKEN)

    def _answered(self, connection: Connection, answer: Answer, *, ended: bool, now: int) -> None:
        (head, body, used), received = answer, connection.received
        stray = used != len(received)  # more than one answer to one request
        reusable = head.keep_alive and not ended and not stray and not connection.unsent
        right = head.status == 200 and body == self.body
        status = head.status if right or head.status != 200 else WRONG_BODY
        self._finish(connection.request, MALFORMED if stray else status, now)
        if right and reusable and received.endswith(self.tail):
            if len(self.right) >= _HEADS:
                self.right.clear()
            self.right.add(bytes(received[: -len(self.tail)]))
        if reusable:
            connection.request, connection.state, connection.received = NEVER, IDLE, bytearray()
            self.idle.append(connection)
        else:
            self._close(connection)

    def _finish(self, place: int, status: int, now: int) -> None:
        self.done[place] = now
        self.status[place] = status
        self.left -= 1

    def _fail(self, connection: Connection, status: int) -> None:
        self._finish(connection.request, status, _clock())
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        del self.by_fd[connection.fd]
        connection.sock.close()
        connection.state, connection.request = CLOSED, NEVER
        connection.received, connection.unsent = bytearray(), None
        self.closed.append(connection)
