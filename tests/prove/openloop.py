"""Open-loop load: a request leaves when it is due, whether or not earlier ones are answered.

A closed loop (wrk) asks nothing of a server that stands still, and so never sees that it does.
Here requests are due at a constant rate, and a latency counts from when its request was due, not
from when it could be sent. No packaged generator does that: vegeta, hey and bombardier count from
the sending, wrk2 has to be compiled. This one keeps what the answers said, too.

One process, requests made beforehand. The connection that was used last is used again, as clients
do: if all were used in turn, hundreds that a pause of the machine has opened would stay open, each
cold when its turn comes, here and in the server. Only where it matters who answers they are used in
turn. Where none is idle a new one is opened; past a number of them requests wait here, and their
time runs. An answer must have a Content-Length.
"""

import asyncio
import contextlib
import gc
import re
import resource
import statistics
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
FRESH = 4  # seconds for which an idle connection is used again: uvicorn ends it after five
PATIENCE = 20  # seconds for the last answers


@dataclass
class Outcome:
    """What came back, answer by answer in order of arrival; times in seconds from the start."""

    seconds: float  # for which requests were due
    start: float = 0  # on the clock of time.monotonic()
    due: "array[float]" = field(default_factory=lambda: array("d"))
    latency: "array[float]" = field(default_factory=lambda: array("d"))
    status: "array[int]" = field(default_factory=lambda: array("H"))
    kept: list[tuple[int, bytes]] = field(default_factory=list)  # number of the request, answer
    sent: int = 0
    unsent: int = 0  # due, but there never was a connection for them
    broken: int = 0  # connections refused, reset, or closed with an answer due
    silent: int = 0  # sent, and not answered within PATIENCE
    bare: int = 0  # refusals (503) without Retry-After

    def latencies(self, *statuses: int, begin: float = 0, end: float = float("inf")) -> list[float]:
        """Of the answers with these statuses to what was due between begin and end."""
        found = zip(self.status, self.due, self.latency, strict=True)
        return [late for status, due, late in found if status in statuses and begin <= due < end]

    def in_time(self, status: int) -> int:
        """How many such answers came before the last request was due."""
        found = zip(self.status, self.due, self.latency, strict=True)
        return sum(a == status and due + late <= self.seconds for a, due, late in found)

    @property
    def failed(self) -> int:
        lost = self.broken + self.silent + self.unsent
        return len(self.status) - self.status.count(200) + lost

    @property
    def only_refused(self) -> bool:
        """Whether whatever failed is a refusal as promised: 503 with Retry-After."""
        others = self.bare + self.broken + self.silent + self.unsent
        return {*self.status} <= {200, 503} and not others


def p99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


class Connection(asyncio.Protocol):
    def __init__(self, load: "Load") -> None:
        self.load, self.asked, self.rest = load, None, b""
        self.asked: tuple[int, float] | None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.load.free(self)

    def ask(self, number: int, due: float) -> None:
        self.asked = number, due
        self.transport.write(self.load.requests[number])

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        head = data.find(b"\r\n\r\n") + 2
        length = LENGTH.search(data, 0, head) if head > 1 else None
        if length and len(data) == head + 2 + int(length[1]):
            self.rest = b""
            self.load.answered(self, data, head)
        else:
            self.rest = data

    def connection_lost(self, _: Exception | None) -> None:
        self.load.lost(self)


class Load:
    def __init__(
        self, port: int, requests: Sequence[bytes], connections: int, keep: bool, in_turn: bool
    ) -> None:
        self.port, self.requests, self.keep, self.in_turn = port, requests, keep, in_turn
        self.room, self.idle = connections, deque[tuple[Connection, float]]()
        self.waiting: deque[tuple[int, float]] = deque()
        self.opening: set[asyncio.Task[None]] = set()

    async def run(self, rate: float, seconds: float, ready: int) -> Outcome:
        self.loop, self.found = asyncio.get_running_loop(), Outcome(seconds)
        self.room -= ready
        await asyncio.gather(*(self.open() for _ in range(ready)))
        self.start = self.found.start = monotonic()
        await self.ask_all(rate, seconds)
        until = monotonic() + PATIENCE
        while self.unanswered() + len(self.waiting) > 0:
            if monotonic() > until:
                break
            await asyncio.sleep(0.01)  # between two looks
        self.found.silent, self.found.unsent = self.unanswered(), len(self.waiting)
        return self.found

    def unanswered(self) -> int:
        return self.found.sent - len(self.found.status) - self.found.broken

    async def ask_all(self, rate: float, seconds: float) -> None:
        total, count = round(rate * seconds), 0
        while count < total:
            due = min(total, int((monotonic() - self.start) * rate) + 1)
            for number in range(count, due):
                self.send(number % len(self.requests), self.start + number / rate)
            count = due
            left = self.start + count / rate - monotonic()  # until the next one is due
            await asyncio.sleep(max(0.001, left))  # epoll sleeps for a millisecond at the least

    def send(self, number: int, due: float) -> None:
        self.waiting.append((number, due))
        while self.idle:
            connection, since = self.idle.popleft() if self.in_turn else self.idle.pop()
            if monotonic() - since < FRESH:
                return self.free(connection)
            connection.transport.close()
        if self.room:
            self.room -= 1
            task = self.loop.create_task(self.open())
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)
        return None

    async def open(self) -> None:
        try:
            await self.loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port)
        except OSError:
            self.room += 1
            self.found.broken += 1
            self.found.sent += 1
            self.waiting and self.waiting.popleft()

    def free(self, connection: Connection) -> None:
        if self.waiting:
            self.found.sent += 1
            connection.ask(*self.waiting.popleft())
        else:
            self.idle.append((connection, monotonic()))

    def answered(self, connection: Connection, data: bytes, head: int) -> None:
        assert connection.asked
        (number, due), connection.asked = connection.asked, None
        status, found = int(data[9:12]), self.found
        found.due.append(due - self.start)
        found.latency.append(monotonic() - due)
        found.status.append(status)
        if status == 503:
            found.bare += b"\r\nretry-after: 1\r\n" not in data[:head]
        if self.keep:
            found.kept.append((number, data[head + 2 :]))
        self.free(connection)

    def lost(self, connection: Connection) -> None:
        self.room += 1
        with contextlib.suppress(StopIteration):
            self.idle.remove(next(pair for pair in self.idle if pair[0] is connection))
        if connection.asked:
            self.found.broken += 1


class ClosedLoop(Load):
    """Asks again as soon as it is answered; rate is without meaning."""

    async def ask_all(self, rate: float, seconds: float) -> None:
        self.count, self.until = 0, self.start + seconds
        for _ in range(self.room):
            self.send(0, self.start)
        await asyncio.sleep(seconds)

    def free(self, connection: Connection) -> None:
        if not self.waiting and monotonic() < self.until:
            self.count += 1
            self.waiting.append((self.count % len(self.requests), monotonic()))
        super().free(connection)


def load(
    port: int,
    requests: Sequence[bytes],
    rate: float,  # requests a second
    seconds: float,
    connections: int = 4096,
    keep: bool = False,
    ready: int = 0,  # connections opened before the clock starts
    in_turn: bool = False,
    kind: type[Load] = Load,
) -> Outcome:
    """Send the requests one after the other, from the first again after the last."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    gc.disable()  # this process is a short one, and must not pause
    return asyncio.run(kind(port, requests, connections, keep, in_turn).run(rate, seconds, ready))


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
