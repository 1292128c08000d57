"""Rude clients: too slow, silent, gone in the middle, asking too early, sending less or more.

Five rounds in turns, with them and without: the median latency of well-behaved clients (100
requests a second) is at most 1.3 times as long beside 1,000 connections that send a byte a second
of a header or a body, or nothing at all, and 20 clients that go away in the middle of a request and
come again. Afterwards nothing is left of them: no place among those in progress, no record.

`python main.py` ends the slow ones 15 s after they began, where uvicorn by itself would wait for
ever. They, and those that never read their answers, keep it from ending (SIGTERM) no longer than
that. A client that asks on and is refused as long, because all places are taken, keeps its
connection. Requests sent at once (pipelining) are all answered, in their order; a body shorter than
its Content-Length is never answered; what comes after the Content-Length is another request, and
400 when it is none.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
from capacity import FLOWER, MANY, ONE, port_of, standing_still, start
from common import app, options, promise, run, table, wait_for
from openloop import get, post
from server import Server

BODY = json.dumps(FLOWER).encode()
ASK = post(ONE, BODY)
HEAD = ASK.removesuffix(BODY)
SLOW = {"header": (HEAD[:20], b"x"), "body": (HEAD, b" "), "nothing": (b"", b"")}  # first, then
WAIT, SEEN = 15, 5  # seconds that a client has, and within which the server sees that they are over
RATE = 100  # well-behaved requests a second


def proof(asked: argparse.Namespace) -> None:
    many, seconds = (1000, 10) if asked.full else (asked.connections, 1.5)
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(3) as pool,
        app(Path(name), source=asked.source) as server,
    ):
        manners(server)
        without, beside = rounds(server, pool, many, seconds)
        slow = pool.submit(rude, port_of(server), "slow", many, WAIT + SEEN)
        patient = pool.submit(asks_while_full, asked.source)
        with app(Path(name), source=asked.source) as another:
            ended = orderly_end(another, pool)
        lives, refusals = slow.result(), patient.result()
        wait_for(lambda: queue(server) == 0, "the places of the rude clients are free again")
    ratio, left = statistics.median(beside) / statistics.median(without), lives.count(None)
    longest = max((life for life in lives if life), default=0)
    lines = [["median latency without them", f"{statistics.median(without) * 1000:.2f} ms"]]
    lines += [[f"beside {many} slow ones", f"{statistics.median(beside) * 1000:.2f} ms"]]
    lines += [["ratio", f"{ratio:.2f}"], ["the last slow one ended after", f"{longest:.1f} s"]]
    lines += [["slow ones never ended", f"{left}"], ["SIGTERM to the end", f"{ended:.1f} s"]]
    lines += [["refusals on one connection", f"{refusals}"]]
    print(table(["", "measured"], lines), flush=True)
    promise(not left, f"{left} of {many} slow connections were still open after {WAIT + SEEN} s")
    shortest = min(life for life in lives if life)
    promise(shortest >= WAIT - 2, f"a client was ended after {shortest:.1f} s, not {WAIT}")
    promise(ratio <= 1.3, f"the median latency is {ratio:.2f} times as long beside slow clients")


def rounds(
    server: Server, pool: ProcessPoolExecutor, many: int, seconds: float
) -> tuple[list[float], list[float]]:
    """The medians of five rounds without rude clients, and of five with them."""
    without, beside = [], []
    for _ in range(5):
        without.append(median(server, pool, seconds))
        slow = pool.submit(rude, port_of(server), "slow", many, seconds + 2)
        gone = pool.submit(rude, port_of(server), "gone", 20, seconds + 2)
        wait_for(lambda: clients_of(server) >= many, f"{many} slow clients are connected")
        beside.append(median(server, pool, seconds))
        slow.result(), gone.result()
        wait_for(lambda: clients_of(server) < many / 2, "the slow clients are gone")
    return without, beside


def median(server: Server, pool: ProcessPoolExecutor, seconds: float) -> float:
    found = start(pool, server, [ASK], RATE, seconds).result()
    others = len(found.status) - found.status.count(200) + found.broken + found.silent
    promise(not others, f"{others} well-behaved requests were not answered with 200")
    return statistics.median(found.latency)


def clients_of(server: Server) -> int:
    connections = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in connections)


# ── Rude clients ──────────────────────────────────────────────────────────────────────────────────
def rude(port: int, how: str, many: int, seconds: float) -> list[float | None]:
    """So many at once; for each the seconds after which the server ended it, or None."""
    if how == "gone":
        return asyncio.run(all_gone(port, many, seconds))
    return asyncio.run(all_slow(port, list(SLOW) if how == "slow" else [how], many, seconds))


class Slow(asyncio.Protocol):
    def __init__(self, how: str) -> None:
        self.how, self.life = how, None
        self.life: float | None

    def connection_made(self, transport: Any) -> None:
        self.transport, self.began = transport, monotonic()
        transport.write(SLOW[self.how][0])

    def connection_lost(self, _: Exception | None) -> None:
        self.life = monotonic() - self.began


async def all_slow(port: int, kinds: list[str], many: int, seconds: float) -> list[float | None]:
    loop, clients = asyncio.get_running_loop(), []
    for how in (kinds[number % len(kinds)] for number in range(many)):
        _, client = await loop.create_connection(partial(Slow, how), "127.0.0.1", port)
        clients.append(client)
    until = monotonic() + seconds
    while monotonic() < until:  # a byte a second: a hundredth of them every hundredth
        for part in range(100):
            for client in clients[part::100]:
                if client.life is None:
                    client.transport.write(SLOW[client.how][1])
            await asyncio.sleep(0.01)
    lives = [client.life for client in clients]
    for client in clients:
        client.transport.close()
    return lives


async def all_gone(port: int, many: int, seconds: float) -> list[float | None]:
    return await asyncio.gather(*(gone(port, seconds, seed) for seed in range(many)))


async def gone(port: int, seconds: float, seed: int) -> None:
    began, random = monotonic(), Random(seed)
    while monotonic() < began + seconds:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK[: random.randrange(1, len(ASK))])
        await asyncio.sleep(random.uniform(0, 0.5))  # or they are an overload, another proof
        writer.transport.abort()


def orderly_end(server: Server, pool: ProcessPoolExecutor) -> float:
    """The seconds from SIGTERM to the end of a server with clients that do not send or read on."""
    slow = pool.submit(rude, port_of(server), "body", 30, WAIT + 2 * SEEN)
    httpx.post(server.base_url + MANY, json=[FLOWER] * 1000, timeout=30).raise_for_status()
    unread = [asks_and_never_reads(server) for _ in range(10)]
    wait_for(lambda: queue(server) >= len(unread), "the server waits for its readers")
    wait_for(lambda: clients_of(server) >= 30 + len(unread), "the slow clients are connected")
    began = monotonic()
    server.process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(WAIT + 2 * SEEN)
    ended, status = monotonic() - began, server.process.poll()
    server.process.kill()  # if need be
    for client in unread:
        client.close()
    slow.result()
    promise(status == 0, f"{ended:.0f} s after SIGTERM, with slow clients, its status is {status}")
    return ended


def asks_and_never_reads(server: Server) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port_of(server)))
    client.sendall(get("/model/history?limit=1000") * 40)  # 12 MB: more than the kernel keeps
    return client


def asks_while_full(source: Path) -> int:
    """How often a connection is refused, asking each second for longer than it may be silent."""
    with (
        tempfile.TemporaryDirectory() as name,
        app(Path(name), source=source, MAX_PENDING="1", WORKER_TIMEOUT="60") as server,
        standing_still(server),
        socket.create_connection(("127.0.0.1", port_of(server)), 10) as first,
        socket.create_connection(("127.0.0.1", port_of(server)), 10) as client,
    ):
        first.sendall(ASK)  # and has the only place
        client.sendall(get("/health/live"))
        answers(client, 1)
        for count in range(WAIT + SEEN):
            client.sendall(ASK)
            refused = client.recv(1000)
            promise(b" 503 " in refused[:13], f"refusal {count + 1} on one connection: {refused!r}")
            sleep(1)
    return WAIT + SEEN


# ── Manners ───────────────────────────────────────────────────────────────────────────────────────
def manners(server: Server) -> None:
    before = newest(server)
    with socket.create_connection(("127.0.0.1", port_of(server)), 10) as client:
        client.sendall(ASK * 10)
        ids = [json.loads(body)["id"] for body in answers(client, 10)]
    expected = list(range(before + 1, before + 11))
    promise(ids == expected, f"ten requests sent at once are answered as {ids}")
    with socket.create_connection(("127.0.0.1", port_of(server)), 10) as client:
        client.sendall(ASK[:-10])
        client.shutdown(socket.SHUT_WR)
        promise(not client.recv(1), "a body shorter than its Content-Length is answered")
    promise(newest(server) == before + 10, "a body shorter than its Content-Length is recorded")
    with socket.create_connection(("127.0.0.1", port_of(server)), 10) as client:
        client.sendall(ASK)
        answers(client, 1)
        client.sendall(b"and more\r\n\r\n")
        with client.makefile("rb") as stream:
            text = stream.read()  # to the end, which is the server's
    promise(b" 400 " in text[:13], f"what comes after the Content-Length is answered {text!r}")


def answers(client: socket.socket, count: int) -> list[bytes]:
    found = []
    with client.makefile("rb") as stream:
        for _ in range(count):
            head = list(iter(stream.readline, b"\r\n"))
            [size] = [line for line in head if line.lower().startswith(b"content-length:")]
            found.append(stream.read(int(size.split()[1])))
    return found


def newest(server: Server) -> int:
    items = httpx.get(f"{server.base_url}/model/history?limit=1").json()["items"]
    return int(items[0]["id"]) if items else 0


def queue(server: Server) -> int:
    return int(httpx.get(f"{server.base_url}/health", timeout=30).json()["queue"])


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--connections", type=int, default=1000, help="of slow clients")
    never = [("if seconds > MAX_WAIT:", "if seconds > 1e9:")]
    counts = [("            self.refused += 1\n", "")]
    run(proof, parser, {"waits for ever": never, "takes a refusal for silence": counts})
