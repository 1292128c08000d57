"""Soak: ten minutes at half of capacity; neither memory nor latency grows.

Memory is what all the server's processes hold, looked at once a second after a warm-up that fills
the caches. Its growth, the median slope between all pairs of looks (Theil and Sen, by scipy), is
less than 1 MiB per 100,000 requests; the p99 of the last minute at most 1.3 times the first's.

The short form has too few requests for that: there the lower end of the 95 % interval of the growth
counts, so that it finds a leak and not a cache, and the p99 of the last quarter is at most twice
the first's. It is for machines that do other things, too: it begins anew, up to twice and with a
capacity measured anew, where requests were refused (503) or the p99 grew, and that was all.
"""

import argparse
import json
from concurrent.futures import Future, ProcessPoolExecutor, wait
from time import monotonic

from capacity import FLOWER, ONE, closed_loop, memory, start, sustained
from common import Broken, Busy, app, calmly, memory_folder, options, promise, run, table
from openloop import Outcome, p99, post
from scipy.stats import theilslopes
from server import Server

ASK = post(ONE, json.dumps(FLOWER).encode())
GROWTH = 1  # MiB per 100,000 requests
CONNECTIONS = 256  # fewer than there are places: a pause of the machine is no overload


def proof(asked: argparse.Namespace) -> None:
    calmly(lambda: soak(asked), 1 if asked.full else 3)


def soak(asked: argparse.Namespace) -> None:
    seconds = asked.seconds or (600 if asked.full else 24)
    minute = min(60, seconds / 4)
    with (
        memory_folder() as folder,
        ProcessPoolExecutor(1) as pool,
        app(folder, source=asked.source) as server,
    ):
        rate = sustained(pool, server, [ASK]) / 2
        closed_loop(server, connections=200)  # the warm-up: batches as big as they may become
        running = start(pool, server, [ASK], rate, seconds, connections=CONNECTIONS)
        times, sizes = looks(server, running)
        found = running.result()
    requests = [rate * time / 100_000 for time in times]
    growth, _, least, most = theilslopes(sizes, requests)
    first = p99(found.latencies(200, end=minute)) * 1000
    last = p99(found.latencies(200, begin=seconds - minute)) * 1000
    lines = [["requests", f"{len(found.status):,}"], ["requests/s", f"{rate:.0f}"]]
    lines += [["memory, first and last MiB", f"{sizes[0]:.1f}, {sizes[-1]:.1f}"]]
    lines += [["MiB per 100,000 requests", f"{growth:.2f} ({least:.2f} to {most:.2f})"]]
    lines += [["p99, first and last minute, ms", f"{first:.1f}, {last:.1f}"]]
    print(table(["", "measured"], lines))
    refused = Busy if found.only_refused else Broken
    promise(not found.failed, f"{found.failed} requests failed", refused)
    grown, slower = (growth, 1.3) if asked.full else (least, 2)
    promise(grown < GROWTH, f"it takes {growth:.2f} MiB more per 100,000 requests")
    promise(last <= slower * first, f"the p99 grows from {first:.1f} to {last:.1f} ms", Busy)


def looks(server: Server, running: Future[Outcome]) -> tuple[list[float], list[float]]:
    """The memory in MiB once a second until the load is over, and when, in seconds."""
    begin, times, sizes = monotonic(), [], []
    while not running.done():
        times.append(monotonic() - begin)
        sizes.append(memory(server))
        wait([running], 1)
    return times, sizes


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, help="24, or 600 with --full")
    line = "    left = iter(answers)  # they may leave only now, after the commit\n"
    leak = line + "    log.__dict__.setdefault('leak', []).extend(answers)\n"
    run(proof, parser, {"keeps every answer": [(line, leak)]})
