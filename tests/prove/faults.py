"""A database in trouble: 503 while it lasts, no false acknowledgement, and service by itself after.

    python tests/prove/faults.py --rounds 10

Clients classify without pause while the disk is full, no write succeeds, another client holds the
lock, the file cannot be written, is moved away, is deleted and restored, or is replaced by a copy;
or while PostgreSQL is stopped or frozen. The app is never restarted. After each, what the clients
were told is in the history, in full. The disk is a tmpfs of the proof's own, which root can mount.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from common import Broken, Clients, app, options, promise, run, table, wait_for
from postgres import cluster
from records import check_integrity
from troubles import OF_FILES, OF_POSTGRES, Fault, Place, disk_full, replaced

FULL_ROUNDS = 10
DISK = 64  # MiB
TIMEOUT = 2  # seconds: WORKER_TIMEOUT, so that a fault that outlasts it is short
ROOM = 10  # seconds in which checks of the health use up what a full disk has left in SQLite's log
PATIENCE = 120  # seconds, on a busy machine, within which everything is answered
REFUSAL = "        return [(error.status_code if load else 503, error.detail)] * len(jobs)\n"
BREAKS = {
    "acknowledges what the database refused": [
        (
            REFUSAL,
            "        if len(jobs) > 1:\n"
            "            end = ANSWER % ('\"\"', '{}', '', '')\n"
            "            told = lambda: f'{{\"id\":{int.from_bytes(os.urandom(6))},' + end\n"
            "            return [(200, ','.join(told() for _ in job)) for job in jobs]\n" + REFUSAL,
        )
    ],
}


# ── One fault ─────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Figures:
    """A row of the table."""

    rounds: int = 0
    acknowledged: int = 0  # records, before, during and after
    refused: int = 0  # requests answered 503
    slowest: float = 0  # seconds until a 503
    back: float = 0  # seconds, at most, from the end of the fault to the next answer


def endure(place: Place, name: str, fault: Fault, figures: Figures) -> None:
    with Clients(place.server.base_url, seed=f"{name} {figures.rounds}") as clients:
        wait_for(clients.acknowledged, "the first answer")
        with fault(place):
            began = time.monotonic()
            if fault is not replaced:
                wait_for(lambda: clients.refused(began), f"503 while {name}", PATIENCE)
                ask(place, name, ROOM if fault is disk_full else 0)
        over = time.monotonic()
        wait_for(lambda: clients.answered(200, over), f"service by itself after: {name}", PATIENCE)
        figures.back = max(figures.back, time.monotonic() - over)
    statuses = {exchange.status for exchange in clients.exchanges}
    promise(statuses <= {200, 503}, f"a client got {statuses - {200, 503}} when {name}")
    place.records.check(clients.exchanges, place.database_url)
    if not place.cluster:
        check_integrity(place.database_url)
    figures.rounds += 1
    figures.acknowledged += sum(len(exchange.answers) for exchange in clients.exchanges)
    refused = [exchange for exchange in clients.exchanges if exchange.status == 503]
    figures.refused += len(refused)
    waits = [exchange.ended - exchange.began for exchange in refused]
    figures.slowest = max([figures.slowest, *waits])
    promise(figures.slowest < PATIENCE, f"a 503 took {figures.slowest:.1f} s when {name}")


def ask(place: Place, name: str, within: float) -> None:
    """What else can be asked during a fault: it is said to be one, and no read is an accident."""

    def status(path: str) -> int:
        try:
            return httpx.get(f"{place.server.base_url}{path}", timeout=PATIENCE).status_code
        except httpx.TimeoutException as error:
            raise Broken(f"no answer from {path} in {PATIENCE} s while {name}") from error

    with ThreadPoolExecutor(8) as pool:  # so many that the app needs new connections
        reads = set(pool.map(status, ["/model/history", "/model", "/"] * 8))
    promise(reads <= {200, 503}, f"a read gets {reads - {200, 503}} while {name}")
    promise((live := status("/health/live")) == 200, f"/health/live says {live} while {name}")
    wait_for(lambda: status("/health") == 503, f"/health says 503 while {name}", within)


# ── All faults ────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A folder on a disk of its own that can be filled; where nobody may mount one, any folder."""
    with tempfile.TemporaryDirectory() as name:
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", name]
        mounted = subprocess.run(command, capture_output=True).returncode == 0
        try:
            yield Path(name)
        finally:
            if mounted:
                subprocess.run(["umount", name], check=True)


def without_override() -> list[str]:
    """The command under which a file that nobody may write is read-only even for root."""
    if os.getuid() or not (setpriv := shutil.which("setpriv")):
        return []
    return [setpriv, "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


@contextlib.contextmanager
def on_file(asked: argparse.Namespace) -> Iterator[Place]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = stack.enter_context(small_disk())
        url = f"sqlite:///{disk}/history.db"
        settings = {"DATABASE_URL": url, "WORKER_TIMEOUT": str(TIMEOUT)}
        under = without_override()
        server = stack.enter_context(app(folder, 1, asked.source, under, **settings))
        yield Place(server, url, disk / "history.db")


@contextlib.contextmanager
def on_postgres(asked: argparse.Namespace) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as name, cluster() as own:
        settings = {"DATABASE_URL": own.url, "WORKER_TIMEOUT": str(TIMEOUT)}
        with app(Path(name), 1, asked.source, (), **settings) as server:
            yield Place(server, own.url, Path(), own)


def proof(asked: argparse.Namespace) -> None:
    rounds = asked.rounds or (FULL_ROUNDS if asked.full else 1)
    lines, broken = [], []
    if asked.broken:  # one fault is enough to see it, the quickest
        asked.only = "no write"
    if os.getuid():
        print("no disk is filled: only root can mount one small enough", flush=True)
    for where, faults in ((on_file, OF_FILES), (on_postgres, OF_POSTGRES)):
        left = [name for name in faults if not asked.only or asked.only in name]
        left = [name for name in left if faults[name] is not disk_full or not os.getuid()]
        while left:
            with where(asked) as place:
                while left and not place.broken:
                    name, figures = left.pop(0), Figures()
                    try:
                        for _ in range(rounds):
                            endure(place, name, faults[name], figures)
                    except Broken as reason:
                        place.broken = str(reason)  # what follows has a new one
                        broken.append(f"{name}: {reason}")
                    lines.append([name, *line(figures), "broken" if place.broken else "kept"])
    head = ["fault", "rounds", "acknowledged", "503", "slowest 503, s", "back after, s", "promise"]
    print(table(head, lines))
    promise(not broken, "; ".join(broken))


def line(figures: Figures) -> list[str]:
    counts = [figures.rounds, figures.acknowledged, figures.refused]
    return [f"{n:,}" for n in counts] + [f"{figures.slowest:.2f}", f"{figures.back:.2f}"]


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, help=f"of each fault: 1, with --full {FULL_ROUNDS}")
    parser.add_argument("--only", help="the faults whose names have this in them")
    run(proof, parser, BREAKS)
