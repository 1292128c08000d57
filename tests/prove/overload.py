"""Overload: what a server does that is asked for more than it can give.

C is its best closed-loop rate at 64 connections in this run (wrk: three windows of a second). Then
open-loop load at 0.8, 2 and 10 C, or as much of it as wrk can send. The load is wrk's, made an open
loop by openloop.lua, as it takes the least of the processors; the latencies are those of a hundred
requests a second among them, which openloop.py counts from when each was due. Promised:

- every refusal is a 503 with Retry-After; at 2 C there are 0.65 C good answers, and the p99 of
  /health/live is within 50 ms
- no connection is reset at 2 C, and at 10 C it stays up
- within 2 s of the end of that nothing waits any more, and it serves C again: three windows as
  before give 0.9 C (two equal runs of such windows differ by some percent)
- a request for which there is no place is refused before its body has come; while the worker stands
  still, what does not need it is answered
- 10 C, or 512 batches of 10,000 rows at once, take at most 400 MiB of memory more than nothing

The generators share the processors with the server: on 2 cores they take part of C at 2 C already,
and what else a machine does takes more. So rates and times are judged in the full form alone
(--full); the short one says what it missed. On 2 cores 0.65 C are kept in some hours and not in
others: full runs gave 0.45 to 0.69.
"""

import argparse
import json
import socket
import statistics
import tempfile
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from capacity import (
    FLOWER,
    MANY,
    ONE,
    closed_loop,
    memory,
    open_loop,
    port_of,
    standing_still,
    start,
    watched,
)
from common import app, options, promise, run, table, wait_for
from openloop import get, p99, post
from server import Server

LIVE, FLOWERS = get("/health/live"), [post(ONE, json.dumps(FLOWER).encode())]
PLACES, ROWS = 512, 10_000  # MAX_PENDING, and the rows of the biggest batch
CONNECTIONS, BESIDE = 700, 100  # more than PLACES, or they would be the bound; requests a second
MORE = 400  # MiB
HEAD = ["load", "sent/s", "good/s", "good/C", "503", "p50 ms", "p99 ms", "live p99", "reset", "MiB"]


def proof(asked: argparse.Namespace) -> None:
    seconds, faults, missed = 30 if asked.full else 4, Faults(), Faults()
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(3) as pool,
        app(Path(name), source=asked.source) as server,
    ):
        refuses_before_the_body(server)
        idle, best = memory(server), closed_loop(server)
        lines = [["wrk", f"{best:.0f}", f"{best:.0f}", "1.00"]]
        for times in (0.8, 2, 10):
            lines.append(overload(pool, server, times, best, seconds, idle, faults, missed))
        wait_for(lambda: not queue(server), "what was asked for before is done", 2)
        again = closed_loop(server)
        lines.append(["wrk, at once", f"{again:.0f}", f"{again:.0f}", f"{again / best:.2f}"])
        lines.append(big_batches(pool, server, idle, faults))
    print(table(HEAD, [line + [""] * (len(HEAD) - len(line)) for line in lines]))
    missed.unless(again >= 0.9 * best, f"afterwards it serves {again:.0f}/s, before {best:.0f}/s")
    if asked.full:
        faults += missed
    for one in missed:
        print(f"missed: {one}")
    promise(not faults, "; ".join(faults))


class Faults(list[str]):
    """Broken promises: what comes after the first is measured and told, too."""

    def unless(self, kept: object, otherwise: str) -> None:
        if not kept:
            self.append(otherwise)


def refuses_before_the_body(server: Server) -> None:
    """While the worker stands still all places are taken, and then a head alone is answered."""
    address = "127.0.0.1", port_of(server)
    with standing_still(server):
        waiting = [socket.create_connection(address) for _ in range(PLACES)]
        for client in waiting[1:]:
            client.sendall(FLOWERS[0])
        promise(reads(server), "what needs no worker waits for it")
        waiting[0].sendall(FLOWERS[0])
        wait_for(lambda: refused(server), "a head without its body is refused when all is full", 8)
    for client in waiting:
        with client, client.makefile("rb") as stream:
            status = stream.readline()
            promise(b" 200 " in status, f"a request that had its place was answered {status!r}")


def reads(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.base_url}/model", timeout=8) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except TimeoutError:
        return False


def refused(server: Server) -> bool:
    with socket.create_connection(("127.0.0.1", port_of(server)), 0.5) as client:
        client.sendall(FLOWERS[0].partition(b"{")[0])
        try:
            return client.recv(1000).startswith(b"HTTP/1.1 503 ")
        except TimeoutError:  # it waits for the body
            return False


def overload(
    pool: ProcessPoolExecutor, server: Server, times: float, best: float, seconds: int, idle: float,
    faults: Faults, missed: Faults,
) -> list[str]:  # fmt: skip
    """A line of the table: so many times C; of BESIDE of them, half /health/live, the latencies."""
    rate = times * best - BESIDE
    load = pool.submit(open_loop, server.base_url, rate, seconds, CONNECTIONS)
    timed = start(pool, server, [LIVE, *FLOWERS], BESIDE, seconds, keep=True)
    more, name = watched(server, load, timed) - idle, f"{times:g} C"
    found, beside = load.result(), timed.result()
    late: dict[int, list[float]] = {0: [], 1: []}  # by which of the two was asked
    for (number, _), status, latency in zip(
        beside.kept, beside.status, beside.latency, strict=True
    ):
        if status == 200:
            late[number].append(latency * 1000)
    live = p99(late[0])
    good = found["good"] / found["seconds"] + len(late[1]) / seconds
    sent = sum(found[name] for name in ("good", "refused", "other")) / found["seconds"] + BESIDE
    lost = int(found["broken"] + found["silent"]) + beside.broken + beside.silent
    bare, other = int(found["bare"]) + beside.bare, int(found["other"])
    faults.unless(not other, f"at {name} {other} answers are neither 200 nor 503")
    check({*beside.status}, bare, more, name, faults)
    if times == 2:
        faults.unless(not lost, f"at {name} {lost} connections were reset or silent")
        missed.unless(live <= 50, f"at {name} the p99 of /health/live is {live:.0f} ms")
        missed.unless(good >= 0.65 * best, f"at {name} only {good / best:.2f} C are answered well")
    few = len(late[1]) < 2  # at 10 C there may be none
    rates = [f"{sent:.0f}", f"{good:.0f}", f"{good / best:.2f}"]
    refused = f"{found['refused'] + beside.status.count(503):.0f}"
    times_ms = ["", ""] if few else [f"{statistics.median(late[1]):.0f}", f"{p99(late[1]):.0f}"]
    return [name, *rates, refused, *times_ms, f"{live:.0f}", f"{lost}", f"{more:.0f}"]


def queue(server: Server) -> int:
    """How many requests are in progress, as GET /health says."""
    with urllib.request.urlopen(f"{server.base_url}/health") as answer:  # noqa: S310
        return int(json.load(answer)["queue"])


def check(statuses: set[int], bare: int, more: float, name: str, faults: Faults) -> None:
    others = statuses - {200, 503}
    faults.unless(not others, f"at {name} there are answers with status {others}")
    faults.unless(not bare, f"at {name} {bare} refusals have no Retry-After")
    faults.unless(more <= MORE, f"at {name} it takes {more:.0f} MiB more than when idle")


def big_batches(
    pool: ProcessPoolExecutor, server: Server, idle: float, faults: Faults
) -> list[str]:
    """As many of the biggest batches within a second as there are places."""
    body = json.dumps([FLOWER] * ROWS).encode()
    running = start(pool, server, [post(MANY, body)], PLACES, 1)
    more, name = watched(server, running) - idle, f"{PLACES} x {ROWS} rows"
    found = running.result()
    check({*found.status}, found.bare, more, name, faults)
    lost = found.broken + found.silent
    faults.unless(not lost, f"at {name} {lost} connections were reset or silent")
    refused, good = f"{found.status.count(503)}", f"{found.status.count(200)}"
    return [name, f"{found.sent}", good, "", refused, "", "", "", f"{lost}", f"{more:.0f}"]


if __name__ == "__main__":
    bounds = [("pending - places < settings.max_pending", "pending - places < 1e9")]
    turns = [('turn if scope["method"] == "POST" else contextlib.nullcontext()', "turn")]
    run(proof, options(__doc__), {"takes every request": bounds, "lets all wait alike": turns})
