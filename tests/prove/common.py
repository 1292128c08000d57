"""What the proofs share: a server to hurt, clients that forget nothing, a table of figures.

A proof is a program. It starts real servers, prints what it counted, and ends with status 1 and a
sentence when a promise was broken:

    def proof(asked: argparse.Namespace) -> None:
        with app(folder, processes=4, source=asked.source) as server:
            with Clients(server.base_url) as clients:
                ...
        print(table(["target", "kills"], [["worker", "40"]]))
        promise(not lost, f"{len(lost)} acknowledged records are not in the history")

    if __name__ == "__main__":
        parser = options(__doc__)
        parser.add_argument("--kills", type=int)
        run(proof, parser, {"answers before the commit": [("the line", "the wrong line")]})

With --full it does all that the promise asks for, else what is done in a minute. With --broken it
must fail on a main.py that breaks the promise, once for each way: a proof that cannot is none.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))  # where server.py is
from server import DEADLINE, ROOT, Server, free_port, settings_in, start

NAMES = ("SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm")
Flower = tuple[float, ...]


class Broken(Exception):
    """A promise that did not hold; the message is a sentence for the one who runs the proof."""


def promise(kept: object, otherwise: str, kind: type[Broken] = Broken) -> None:
    if not kept:
        raise kind(otherwise)


class Busy(Broken):
    """A promise that does not hold on a machine that does too much else, either."""


def calmly(attempt: Callable[[], None], tries: int) -> None:
    """Begin anew where the machine was too busy; a fault of main.py is there each time."""
    for _ in range(tries - 1):
        try:
            return attempt()
        except Busy as busy:
            print(f"again, as the machine may have been busy: {busy}", flush=True)
    return attempt()


Changes = Sequence[tuple[str, str]]  # of lines of main.py: old, new


def options(documentation: str | None) -> argparse.ArgumentParser:
    how = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=documentation, formatter_class=how)
    parser.add_argument("--full", action="store_true", help="all of it; without: the short form")
    parser.add_argument("--broken", action="store_true", help="show that the proof can fail")
    parser.add_argument("--source", type=Path, default=ROOT, help="the folder of main.py")
    parser.add_argument("--seed", type=int, default=0, help="of every choice left to chance")
    return parser


def run(
    proof: Callable[[argparse.Namespace], None],
    parser: argparse.ArgumentParser,
    breaks: Mapping[str, Changes],
) -> None:
    """The program: proves main.py, or, where asked, that it cannot prove a broken one."""
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so ends what it started
    if not asked.broken:
        try:
            proof(asked)
        except Broken as broken:
            sys.exit(f"BROKEN: {broken}")
        return
    for name, changes in breaks.items():
        with tempfile.TemporaryDirectory() as folder:
            asked.source = broken_copy(Path(folder), changes)
            try:
                proof(asked)
            except Broken as broken:
                print(f"fails as it must on a main.py that {name}: {broken}\n", flush=True)
            else:
                sys.exit(f"BROKEN: this proof does not notice a main.py that {name}")


def broken_copy(folder: Path, changes: Changes) -> Path:
    """A folder with a main.py in which each old line is the new one."""
    text = (ROOT / "main.py").read_text()
    for old, new in changes:
        if text.count(old) != 1:
            raise LookupError(f"main.py has {text.count(old)} of the line to be broken: {old}")
        text = text.replace(old, new)
    (folder / "main.py").write_text(text)
    return folder


def table(head: list[str], lines: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, cells)) for cells in zip(head, *lines, strict=True)]

    def line(cells: list[str]) -> str:
        others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "  ".join([cells[0].ljust(widths[0]), *others]).rstrip()

    return "\n".join(map(line, [head, ["-" * width for width in widths], *lines]))


def wait_for(condition: Callable[[], Any], what: str, within: float = DEADLINE) -> Any:
    """What the condition gives as soon as that is true; broken when it does not come true."""
    until = time.monotonic() + within
    while not (found := condition()):
        promise(time.monotonic() < until, f"{what}: not within {within:g} s")
        time.sleep(0.005)  # between two looks
    return found


@contextlib.contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: for proofs of what no disk has a part in.

    A disk that many share stands still for half a second now and then.
    """
    memory = Path("/dev/shm")  # noqa: S108  there only on Linux
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


# ── Servers ───────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def app(
    folder: Path,
    processes: int = 1,
    source: Path = ROOT,
    under: Sequence[str] = (),
    **settings: str,
) -> Iterator[Server]:
    """The app of the folder source, alive within the block; none of its processes outlives it.

    1 process is `python main.py`, more are `uvicorn --workers`; under is a command to run it with.
    Its history, its model and its log are in folder; the same folder again is a restart, and
    PORT="8123" keeps the address.
    """
    port = settings.get("PORT") or str(free_port())
    if not (folder / "model.pkl").exists():
        shutil.copy(ROOT / "model.pkl", folder)
    env = settings_in(folder) | settings | {"PORT": port, "UVICORN_PORT": port}
    command = [*under, sys.executable, "main.py"]
    if processes > 1:
        command = [*under, sys.executable, "-m", "uvicorn", "main:app", "--no-access-log"]
        command += ["--workers", str(processes), "--timeout-worker-healthcheck", "60"]
    group: list[int] = []
    try:
        with start(command, folder, env, cwd=source, start_new_session=True) as server:
            group.append(server.process.pid)
            yield server
    finally:
        for pid in group:
            end_group(pid)


def group_of(pid: int) -> list[psutil.Process]:
    """The living processes of a server that was started here, orphans too."""
    found = []
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError):
            dead = process.info["status"] == psutil.STATUS_ZOMBIE
            if not dead and os.getpgid(process.pid) == pid:
                found.append(process)
    return found


def worker_of(server_process: psutil.Process) -> psutil.Process | None:
    """The worker in use: the child that has worked most, as its spares have not worked at all."""
    key = lambda process: sum(process.cpu_times()[:2])  # noqa: E731
    return max(server_process.children(), key=key, default=None)


def end_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Send the signal to all processes of a server, and wait until none is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
    wait_for(lambda: not group_of(pid), "the processes of the server end")


# ── Clients ───────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Exchange:
    """A request and what came of it. Its flowers are its own: no other request has them."""

    flowers: list[Flower]
    began: float  # time.monotonic()
    ended: float = 0
    status: int | None = None  # None: no answer came, or no whole one
    answers: list[dict[str, Any]] = field(default_factory=list)  # to a 200, one for each flower
    detail: str = ""  # of any other answer, or the fault of the connection


class Clients:
    """Connections that classify without pause, one flower each, every fourth five at once.

    After the block `exchanges` holds every request that was begun, in no particular order.
    """

    def __init__(self, base_url: str, connections: int = 16, seed: object = 0) -> None:
        self.port = int(urlsplit(base_url).port or 80)
        self.exchanges: list[Exchange] = []
        self.ended = threading.Event()
        self.threads = [
            threading.Thread(target=self.work, args=(Random(f"{seed} {number}"), number % 4 == 3))
            for number in range(connections)
        ]

    def __enter__(self) -> "Clients":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def acknowledged(self) -> int:
        return self.answered(200)

    def answered(self, status: int, since: float = 0) -> int:
        """How many requests begun after that moment (time.monotonic()) got this status."""
        return sum(e.status == status and e.began > since for e in self.exchanges[:])

    def refused(self, since: float) -> int:
        """How many answers after that moment were 503, whenever they had been asked for."""
        return sum(e.status == 503 and e.ended > since for e in self.exchanges[:])

    def work(self, random: Random, batches: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * DEADLINE)
        while not self.ended.is_set():
            try:
                if not connection.sock:
                    connection.connect()
                exchange = classify(connection, random, 5 if batches else 0, self.exchanges)
            except (ConnectionRefusedError, ConnectionResetError):  # nothing was asked
                self.ended.wait(0.02)
                continue
            if exchange.status != 200:
                self.ended.wait(0.01)  # a server in need is not asked as fast as it refuses
        connection.close()


def classify(
    connection: http.client.HTTPConnection,
    random: Random,
    size: int = 0,
    exchanges: list[Exchange] | None = None,
) -> Exchange:
    """Ask once, for a batch of that size or (0) for one flower; noted before it is sent."""
    flowers = [tuple(random.uniform(0.1, 9) for _ in NAMES) for _ in range(size or 1)]
    bodies = [dict(zip(NAMES, flower, strict=True)) for flower in flowers]
    path, body = ("/model/classify/batch", bodies) if size else ("/model/classify", bodies[0])
    exchange = Exchange(flowers, time.monotonic())
    if exchanges is not None:
        exchanges.append(exchange)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        found = json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        connection.close()  # the next request opens it again
        exchange.detail = repr(error)
    else:
        if response.status == 200:
            exchange.answers = found if size else [found]
        else:
            exchange.detail = str(found.get("detail"))
        exchange.status = response.status  # last: who reads it finds the rest
    exchange.ended = time.monotonic()
    return exchange
