"""The load of ``serve.py``, a process of its own: callers that send their next request as soon as they have the answer.

One thread, ``epoll``, and connections that stay open. A JSON object on stdin has host, port, seconds, warm_seconds and one
request for each caller, as hexadecimal text; the answer is one line of JSON on stdout. It has each distinct body by caller,
so that ``serve.py`` compares all of them: answers of one row differ in their last bits from batch to batch, and there are
few of them.

    python benchmarks/serve_load.py < load.json
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STUCK_SECONDS, BODIES = 20.0, 200


@dataclass(slots=True)
class Caller:
    """A connection and its request."""

    number: int
    address: tuple[str, int]
    request: bytes
    connection: socket.socket = field(init=False)
    received: bytes = b""
    started: float = 0.0

    def connect(self) -> int:
        """Open the connection and return its descriptor."""
        self.connection = socket.create_connection(self.address, STUCK_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.connection.fileno()

    def send(self) -> None:
        """Send the request; it fits into the buffer of a socket."""
        self.received = b""
        self.started = time.perf_counter()
        self.connection.sendall(self.request)

    def receive(self) -> tuple[bytes, bytes] | None:
        """Return the status and the body if the answer is complete.

        Raises:
            ConnectionError: the server closed the connection.
        """
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError
        self.received = data = self.received + data if self.received else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = LENGTH.search(data, 0, end + 2)
        if length is None:
            raise SystemExit(f"an answer without a length: {data[:300]!r}")
        if len(data) < end + 4 + int(length[1]):
            return None
        return data[9:12], data[end + 4 :]


class Loop:
    """All callers, and what they have seen in the window."""

    def __init__(self, address: tuple[str, int], requests: list[bytes]) -> None:
        self._epoll = select.epoll()
        self._callers: dict[int, Caller] = {}
        self._waiting, self._ends = 0, False
        self.latencies: list[float] = []
        self.failed: Counter[str] = Counter()
        self.bodies: dict[tuple[int, bytes], int] = {}
        for number, request in enumerate(requests):
            self._open(Caller(number, address, request))

    def run(self, seconds: float) -> float:
        """Forget what was seen, go on for so many seconds, and return their exact number."""
        self.latencies, self.failed = [], Counter()
        start = time.perf_counter()
        while (now := time.perf_counter()) < start + seconds:
            ready = self._epoll.poll(STUCK_SECONDS)
            if not ready:
                raise SystemExit(f"no answer for {STUCK_SECONDS} s")
            for descriptor, _ in ready:
                self._answer(self._callers[descriptor])
        return now - start

    def finish(self) -> None:
        """Receive the answers that are still due, so that no server sees a caller that leaves."""
        self._ends = True
        while self._waiting:
            for descriptor, _ in self._epoll.poll(STUCK_SECONDS):
                self._answer(self._callers[descriptor])

    def _answer(self, caller: Caller) -> None:
        try:
            answer = caller.receive()
        except ConnectionError:
            self.failed["connection closed"] += 1
            self._epoll.unregister(caller.connection)
            del self._callers[caller.connection.fileno()]
            caller.connection.close()
            self._waiting -= 1
            self._open(caller)
            return
        if answer is None:
            return
        self._waiting -= 1
        self.latencies.append(time.perf_counter() - caller.started)
        status, body = answer
        if status != b"200":
            self.failed[status.decode()] += 1
        elif (caller.number, body) in self.bodies or len(self.bodies) < BODIES * len(self._callers):
            self.bodies[caller.number, body] = self.bodies.get((caller.number, body), 0) + 1
        else:
            self.failed["one more of too many different answers"] += 1
        self._send(caller)

    def _send(self, caller: Caller) -> None:
        if not self._ends:
            self._waiting += 1
            caller.send()

    def _open(self, caller: Caller) -> None:
        descriptor = caller.connect()
        self._callers[descriptor] = caller
        self._epoll.register(descriptor, select.EPOLLIN)
        self._send(caller)


def main() -> None:
    load = json.load(sys.stdin)
    loop = Loop((load["host"], load["port"]), [bytes.fromhex(text) for text in load["requests"]])
    loop.run(load["warm_seconds"])
    before = sum(os.times()[:2])
    seconds = loop.run(load["seconds"])
    cpu = sum(os.times()[:2]) - before
    loop.finish()
    bodies = [[number, body.hex(), times] for (number, body), times in loop.bodies.items()]
    figures = {"seconds": seconds, "cpu": cpu, "latencies": loop.latencies, "failed": loop.failed, "bodies": bodies}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
