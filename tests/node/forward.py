"""Carries connections from this machine's loopback into the node's network: ``forward.py PID PORT``.

It listens where it was started and dials where the process PID lives, at the same port, so that neither network gets
an interface or a rule for the other's sake. Prints the port it has taken (0: any).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import sys

NEW_NETWORK = 0x40000000


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def accepted(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
    for one in (writer, far_writer):
        one.close()


async def main() -> None:
    near = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    port = near.getsockname()[1]
    there = os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(there, NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "cannot enter the node's network")
    server = await asyncio.start_server(lambda reader, writer: accepted(port, reader, writer), sock=near)
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
