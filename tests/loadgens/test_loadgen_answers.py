"""The built-in generator's reader of HTTP answers: round trips, damage, and agreement with h11."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.loadgens._openloop.answers import MalformedAnswerError, read_answer

token = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda text: f"x-{text}")
value = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
headers = st.lists(st.tuples(token, value), max_size=5)
statuses = st.integers(200, 599).filter(lambda status: status not in (204, 304))
bodies = st.binary(max_size=300)


def framed(status, extra, body, framing, pieces=()):
    lines = [f"HTTP/1.1 {status} Reason Given", *(f"{name}: {text}" for name, text in extra)]
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
        payload = body
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        cuts = [0, *sorted(cut for cut in pieces if 0 < cut < len(body)), len(body)]
        chunks = [body[a:b] for a, b in pairwise(cuts) if b > a]
        payload = b"".join(b"%x;name=x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        payload = body
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


messages = st.tuples(
    statuses,
    headers,
    bodies,
    st.sampled_from(["length", "chunked", "close"]),
    st.lists(st.integers(0, 300), max_size=4),
)


@given(messages, st.booleans())
def test_a_whole_answer_is_read_whole(message, as_bytearray):
    status, _, body, framing, _ = message
    data = framed(*message)
    head, found, used = read_answer(bytearray(data) if as_bytearray else data, ended=framing == "close")
    assert (head.status, found, used) == (status, body, len(data))
    assert head.keep_alive


@given(messages, st.data())
def test_a_part_of_an_answer_is_never_taken_for_the_whole(message, data):
    whole = framed(*message)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert read_answer(whole[:cut]) is None
    if message[3] != "close":
        assert read_answer(whole[:cut], ended=True) is None


@given(messages.filter(lambda message: message[3] != "close"), st.binary(min_size=1, max_size=50))
def test_what_follows_an_answer_is_left_alone(message, more):
    data = framed(*message)
    assert read_answer(data + more)[1:] == (message[2], len(data))


@given(messages)
def test_interim_answers_are_skipped(message):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    data = interim + framed(*message)
    head, body, used = read_answer(data, ended=message[3] == "close")
    assert (head.status, body, used) == (message[0], message[2], len(data))
    assert read_answer(interim) is None


def test_trailer_fields_belong_to_the_answer():
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\nz: w\r\n\r\n"
    assert read_answer(data)[1:] == (b"a", len(data))
    assert all(read_answer(data[:cut]) is None for cut in range(len(data)))


@given(st.binary(max_size=200), st.booleans())
def test_noise_is_refused_or_waited_for(data, ended):
    with suppress(MalformedAnswerError):
        read_answer(data, ended)


@given(messages, st.data())
def test_a_damaged_answer_is_refused_or_read_within_its_bytes(message, data):
    whole = bytearray(framed(*message))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = read_answer(bytes(whole), ended=True)
    except MalformedAnswerError:
        return
    assert answer is None or (200 <= answer[0].status <= 599 and answer[2] <= len(whole))


@given(messages)
def test_it_agrees_with_h11(message):
    data = framed(*message)
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    if message[3] == "close":
        connection.receive_data(b"")
    events = []
    while not events or type(events[-1]) not in (h11.EndOfMessage, h11.NEED_DATA):
        events.append(connection.next_event())
    head, body, _ = read_answer(data, ended=message[3] == "close")
    assert head.status == events[0].status_code
    assert body == b"".join(event.data for event in events if isinstance(event, h11.Data))


@pytest.mark.parametrize(
    ("first", "connection", "kept"),
    [
        ("HTTP/1.1 200 OK", "", True),
        ("HTTP/1.1 200 OK", "close", False),
        ("HTTP/1.1 200 OK", "Close", False),
        ("HTTP/1.1 200", "keep-alive", True),
        ("HTTP/1.0 200 OK", "", False),
        ("HTTP/1.0 200 OK", "Keep-Alive", True),
    ],
)
def test_when_a_connection_is_used_again(first, connection, kept):
    line = f"Connection: {connection}\r\n" if connection else ""
    head, _, _ = read_answer(f"{first}\r\n{line}Content-Length: 0\r\n\r\n".encode())
    assert head.keep_alive is kept


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_never_have_a_body(status):
    data = f"HTTP/1.1 {status} X\r\nContent-Length: 7\r\n\r\n".encode()
    assert read_answer(data)[1:] == (b"", len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 600 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,
    ],
)
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(MalformedAnswerError):
        read_answer(data, ended=True)
