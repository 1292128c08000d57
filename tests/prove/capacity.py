"""What a server can do and what it takes: its best closed-loop rate, and its memory."""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from common import NAMES, group_of, promise
from openloop import ClosedLoop, Outcome, load
from server import ROOT, Server

FLOWER = dict(zip(NAMES, (5.1, 3.5, 1.4, 0.2), strict=True))
ONE, MANY = "/model/classify", "/model/classify/batch"


def port_of(server: Server) -> int:
    return int(server.base_url.rpartition(":")[2])


def wrk(
    base_url: str, script: Path, seconds: int, connections: int, **how: str
) -> dict[str, float]:
    """The figures of one run of wrk, which posts a flower as the script says."""
    program = shutil.which("wrk")
    promise(program, "this proof needs wrk, which is not installed: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        json.dump(FLOWER, body)
        body.flush()
        command = [str(program), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
        output = subprocess.run(
            [*command, "-s", str(script), base_url + ONE],
            env=os.environ | how | {"BODY": body.name},
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def closed_loop(server: Server, seconds: int = 1, windows: int = 3, connections: int = 64) -> float:
    """The best of several windows of wrk, which asks without a pause: answers (200) a second."""
    rates = []
    for _ in range(windows):
        found = wrk(server.base_url, ROOT / "benchmarks/post.lua", seconds, connections)
        promise(not found["refused"] + found["broken"], f"a closed loop is not answered: {found}")
        rates.append(found["requests"] / found["seconds"])
    return max(rates)


def open_loop(base_url: str, rate: float, seconds: int, connections: int) -> dict[str, float]:
    """So many requests a second from wrk, whatever becomes of them; see openloop.lua."""
    script = Path(__file__).with_name("openloop.lua")
    return wrk(base_url, script, seconds, connections, RATE=f"{rate}")


def sustained(
    pool: ProcessPoolExecutor, server: Server, requests: list[bytes], windows: int = 5
) -> float:
    """The median of such windows of the open loop's generator, which takes more of the processors.

    A share of this rate can be kept up beside that generator, be there two processors or twenty.
    The best window of a second cannot: two windows of one server differ by a quarter.
    """
    how, found = {"connections": 64, "kind": ClosedLoop}, []
    for _ in range(windows):
        found.append(pool.submit(load, port_of(server), requests, 0, 1, **how).result())
    promise(not sum(each.failed for each in found), "a closed loop is not answered")
    return float(statistics.median(each.in_time(200) for each in found))


@contextlib.contextmanager
def standing_still(server: Server) -> Iterator[None]:
    """While this lasts, the worker and its spares do nothing."""
    children = [p.pid for p in group_of(server.process.pid) if p.pid != server.process.pid]
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)


def memory(server: Server) -> float:
    """What all its processes have written and hold, in MiB; what they share counts once.

    Of the proportional set size the anonymous part: the other part is files, libraries above all,
    and changes with what else runs on the machine.
    """
    held = 0
    for process in group_of(server.process.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            held += next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    return held / 1024


def watched(server: Server, *running: Future[Any]) -> float:
    """The most memory in MiB that the server took until all of these were done."""
    most = memory(server)
    while wait(running, timeout=0.2).not_done:
        most = max(most, memory(server))
    return max(most, memory(server))


def start(
    pool: ProcessPoolExecutor, server: Server, requests: list[bytes], rate: float, seconds: float,
    **how: Any,
) -> Future[Outcome]:  # fmt: skip
    return pool.submit(load, port_of(server), requests, rate, seconds, **how)
