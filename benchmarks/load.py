"""Load on a server: wrk for requests without a pause, a probe for requests at set times.

No answer under load may be other than 200, or the run ends: a fast refusal is not speed.
"""

import http.client
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from servers import HERE, Server


class Load(NamedTuple):
    requests: int
    rate: float  # requests a second
    p50: float  # seconds
    p99: float
    cpu: float  # processor seconds a request, of the server and its child processes


def wrk_command() -> str:
    found = shutil.which("wrk")
    if not found:
        raise SystemExit("bench.py needs wrk, which is not installed: apt-get install wrk")
    return found


def begin(
    server: Server, path: str, connections: int, seconds: float, body: Path | None = None
) -> subprocess.Popen[str]:
    """A wrk that runs; its answer is for outcome()."""
    size = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s"]
    url = f"http://127.0.0.1:{server.port}{path}"
    environment = os.environ | ({"BODY": str(body)} if body else {})
    return subprocess.Popen(  # noqa: S603
        [wrk_command(), *size, "-s", str(HERE / "post.lua"), url],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def outcome(server: Server, running: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = running.communicate()
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if running.returncode or not lines:
        raise SystemExit(f"wrk failed on {server.name}:\n{output}")
    found: dict[str, float] = json.loads(lines[-1])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise SystemExit(f"{server.name} did not answer everything with 200: {found}")
    return found


def load(
    server: Server, path: str, connections: int, seconds: float, body: Path | None = None
) -> Load:
    server.settle()
    before = server.cpu()
    found = outcome(server, begin(server, path, connections, seconds, body))
    server.settle()
    count = int(found["requests"])
    rate, cpu = count / found["seconds"], (server.cpu() - before) / count
    return Load(count, rate, found["p50"], found["p99"], cpu)


def probe(server: Server, path: str, seconds: float, every: float = 0.005) -> float:
    """The p99 in seconds of a GET sent every 5 ms, counted from when it was due.

    wrk waits for an answer before it asks again, so a server that stands still for 200 ms would
    cost it one slow answer in thousands. Here everything that was due in that time is late.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    start, late = time.perf_counter(), []
    for number in range(round(seconds / every)):
        due = start + number * every
        time.sleep(max(0, due - time.perf_counter()))
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{server.name} answered {path} with {answer.status}")
        late.append(time.perf_counter() - due)
    connection.close()
    return statistics.quantiles(late, n=100)[98]
