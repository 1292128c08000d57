"""The servers under test: each is started here, asked what it costs, and stopped.

Linux only: what a server and its child processes use is read from /proc. A server counts as
started when it has answered, as quiet when it no longer uses the processor.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
APP = HERE.parent / "main.py"
MODEL = HERE.parent / "model.pkl"
FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
TICK = os.sysconf("SC_CLK_TCK")
UVICORN = "--http httptools --loop uvloop --no-access-log --log-level warning --workers 1"
WITHIN = 60  # seconds for anything to happen


@dataclass
class Server:
    name: str
    port: int
    database: Path
    process: subprocess.Popen[bytes]

    def tree(self) -> list[int]:
        """The process ids of the server and of all its descendants."""
        found = [self.process.pid]
        for pid in found:  # which grows while it is walked
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def cpu(self) -> float:
        """Seconds of processor time that the living processes have used."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1] for pid in self.tree()]
        return sum(int(ticks) for line in fields for ticks in line.split()[11:13]) / TICK

    def memory(self) -> float:
        """The proportional set size in MB: pages that processes share are divided among them."""
        return sum(map(proportional, self.tree()))

    def settle(self) -> None:
        """Wait until what the last load left behind is done."""
        before, until = -1.0, time.monotonic() + WITHIN
        while (now := self.cpu()) != before:
            if time.monotonic() > until:
                raise SystemExit(f"{self.name} is still busy {WITHIN} s after the load ended")
            before = now
            time.sleep(0.1)  # ten ticks of the clock that is compared

    def ask(self, path: str, body: object = None) -> bytes:
        """The body of an answer, which must be 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN)
        with contextlib.closing(connection):
            method, data = ("GET", None) if body is None else ("POST", json.dumps(body))
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            found = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.name} answered {path} with {answer.status}: {found[:300]!r}")
        return found


def proportional(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def command(name: str, port: int) -> list[str]:
    if name == "app":
        return [sys.executable, str(APP)]
    if name == "workers":
        app = ["--app-dir", str(APP.parent), "--port", str(port), *UVICORN.split()[:-1], "4"]
        return [sys.executable, "-m", "uvicorn", "main:app", *app]
    served = ["-m", "uvicorn", f"{name}:app", "--app-dir", str(HERE), "--port", str(port)]
    return [sys.executable, *served, *UVICORN.split()]


def environment(database: Path, port: int) -> dict[str, str]:
    """Every server has the same: one thread for linear algebra, and settings for main.py."""
    set_by_hand = {"API_KEY", "MODEL_SHA256", "MAX_PENDING", "WORKER_TIMEOUT"}
    inherited = {k: v for k, v in os.environ.items() if k not in set_by_hand}
    url, one = f"sqlite:///{database}", "1"
    settings = {"DATABASE_URL": url, "MODEL_PATH": str(MODEL), "PORT": str(port)}
    return inherited | settings | {"OMP_NUM_THREADS": one, "OPENBLAS_NUM_THREADS": one}


@contextlib.contextmanager
def running(name: str, folder: Path, first: str = "/model/classify") -> Iterator[Server]:
    """A server on a database in folder; it has answered once when the block begins."""
    port, database = free_port(), folder / f"{name}.db"
    output = folder / f"{name}.log"
    with output.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            command(name, port), env=environment(database, port), stdout=log, stderr=log
        )
    server = Server(name, port, database, process)
    try:
        first_answer(server, first, output)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_answer(server: Server, path: str, output: Path) -> None:
    until = time.monotonic() + WITHIN
    while time.monotonic() < until and server.process.poll() is None:
        with contextlib.suppress(ConnectionError):
            server.ask(path, FLOWER if path == "/model/classify" else None)
            return
        time.sleep(0.002)
    raise SystemExit(f"{server.name} does not answer:\n{output.read_text()[-2000:]}")
