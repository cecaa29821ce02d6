"""A lean server that speaks the robot's protocol, counts, and takes as long as it is told.

One process, no framework: it must be quicker than anything that is measured against it. It runs
alone (`python robot_server.py --delay-ms 20`), prints its port, and ends with its parent's pipe.

    POST /cgi-bin/webhook/send?key=…   {"errcode": 0, "errmsg": "ok"}
    GET  /arrivals                     [[marker, seconds], …] since the last time it was asked

Seconds are those of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time

MARKER = re.compile(rb"M\d{5,}")
OK = b'{"errcode":0,"errmsg":"ok"}'


class Robot(asyncio.Protocol):
    """One connection; requests on it come one after the other."""

    arrivals: list[tuple[str, float]] = []
    delay_s = 0.0

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /arrivals"):
            self._write(json.dumps(self.arrivals).encode())
            self.arrivals.clear()
            return
        marker = MARKER.search(body)
        self.arrivals.append((marker[0].decode() if marker else "", time.monotonic()))
        if self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, self._write, OK)
        else:
            self._write(OK)

    def _write(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=0)
    Robot.delay_s = parser.parse_args().delay_ms / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Robot, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started us is gone
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
