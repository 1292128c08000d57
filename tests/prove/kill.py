"""Kill -9: no acknowledged record is lost, whichever process dies, and the service goes on.

    python tests/prove/kill.py --kills 1000

Clients classify without pause; after a random delay SIGKILL ends the inference worker, a server
process, the parent, all of them, or PostgreSQL. What cannot come back by itself is started again.
Then every id that a client was told is in the history, with exactly the input and the answer;
nothing is there twice, in part or unasked. A kill proves nothing about the disk: see power.py.
"""

import argparse
import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
from common import (
    Clients,
    Exchange,
    app,
    end_group,
    group_of,
    options,
    promise,
    run,
    table,
    wait_for,
    worker_of,
)
from postgres import Cluster, binaries, cluster
from records import Records, check_integrity, pages_of, rows_of
from server import Server, free_port

DELAY = 0.6  # seconds, at most, between the first answer and the kill
FULL = 1000  # kills, spread evenly
PLACES = ["SQLite 1", "SQLite 4", "PostgreSQL 1", "PostgreSQL 4"]  # and server processes
SHORT = {  # spares starts of four processes, each of which imports scikit-learn twice
    "SQLite 1": ["worker", "parent", "all"],
    "SQLite 4": ["server process", "worker", "parent"],
    "PostgreSQL 1": ["PostgreSQL", "worker", "all"],
}
LATE = [  # answers first, and records when 50 have gathered
    (
        "        cursor.executemany(INSERT, values)\n",
        "        late.extend(values)\n"
        "        if len(late) > 50:\n"
        "            cursor.executemany(INSERT, late)\n"
        "            late.clear()\n",
    ),
    ("def classify(jobs", "late: list[Any] = []\ndef classify(jobs"),
    ("(len(rows),)).fetchall()", "(len(rows) + len(late),)).fetchall()[len(late) :]"),
]
BREAKS = {"answers before it has recorded": LATE}


@dataclass
class Site:
    """Where a kill happens: one database, and the app with a number of server processes on it."""

    name: str
    processes: int
    folder: Path
    source: Path
    cluster: Cluster | None
    records: Records = field(default_factory=Records)
    port: str = field(default_factory=lambda: str(free_port()))

    @property
    def database_url(self) -> str:
        return self.cluster.url if self.cluster else f"sqlite:///{self.folder}/history.db"

    def start(self) -> contextlib.AbstractContextManager[Server]:
        settings = {"DATABASE_URL": self.database_url, "PORT": self.port}
        return app(self.folder, self.processes, self.source, **settings)


@dataclass
class Kills:
    """What happened at all kills of one kind: a row of the table."""

    count: int = 0
    acknowledged: int = 0  # records that a client was told
    checked: int = 0  # of these, in the history with the same input and answer
    unknown: int = 0  # records of requests that got no answer, another one, or a 503
    refused: int = 0  # requests answered 503
    cut: int = 0  # requests whose connection broke
    back: list[float] = field(default_factory=list)  # seconds from the kill to the next 200

    def add(self, others: "Kills") -> None:
        for name, value in vars(others).items():
            setattr(self, name, getattr(self, name) + value)


# ── Whom it hits ──────────────────────────────────────────────────────────────────────────────────
def server_processes(server: Server, processes: int) -> list[psutil.Process]:
    """Those that answer requests: the children of uvicorn's supervisor, or the only one."""
    if processes == 1:
        return [psutil.Process(server.process.pid)]
    started = server.log.split("Started server process [")[1:]
    group = {process.pid: process for process in group_of(server.process.pid)}
    pids = [int(text.split("]")[0]) for text in started]
    return [group[pid] for pid in pids if pid in group]


def kill_worker(site: Site, server: Server, random: Random) -> None:
    if worker := worker_of(random.choice(server_processes(server, site.processes))):
        worker.kill()


def kill_server(site: Site, server: Server, random: Random) -> None:
    """One of several: the supervisor starts another, and the worker goes with its server."""
    victim = random.choice(server_processes(server, site.processes))
    workers = victim.children()
    victim.kill()
    ended = "the workers of a server process that was killed end by themselves"
    wait_for(lambda: not any(map(psutil.Process.is_running, workers)), ended)


def kill_parent(site: Site, server: Server, random: Random) -> None:
    """Orphans go on for a while; then they are ended, which an operator must do first too."""
    server.process.kill()
    server.process.wait()
    if site.processes > 1:
        time.sleep(random.uniform(0, DELAY))  # the orphans' time to acknowledge
        end_group(server.process.pid)
    else:
        gone = "the workers of a parent that was killed end by themselves"
        wait_for(lambda: not group_of(server.process.pid), gone)


def kill_all(site: Site, server: Server, random: Random) -> None:
    end_group(server.process.pid)
    server.process.wait()


def kill_postgres(site: Site, server: Server, random: Random) -> None:
    assert site.cluster
    site.cluster.kill()


VICTIMS: dict[str, Callable[[Site, Server, Random], None]] = {
    "worker": kill_worker,
    "server process": kill_server,
    "parent": kill_parent,
    "all": kill_all,
    "PostgreSQL": kill_postgres,
}


def victims(site: Site) -> list[str]:
    """All that can be killed there."""
    absent = {"server process"} if site.processes == 1 else set()
    absent |= set() if site.cluster else {"PostgreSQL"}
    return [victim for victim in VICTIMS if victim not in absent]


# ── One kill ──────────────────────────────────────────────────────────────────────────────────────
def one_kill(
    site: Site, server: Server, victim: str, random: Random, stack: contextlib.ExitStack
) -> tuple[Server, list[Exchange], float]:
    """The server that goes on, all exchanges, and after how long the first was answered again."""
    with Clients(server.base_url, seed=random.random()) as clients:
        wait_for(clients.acknowledged, "the first answer")
        time.sleep(random.uniform(0, DELAY))  # what chance decides is the moment of the kill
        killed = time.monotonic()
        VICTIMS[victim](site, server, random)
        if victim == "PostgreSQL":
            down(site, clients)
        if victim in ("parent", "all"):
            stack.close()
            server = stack.enter_context(site.start())
        ready = time.monotonic()
        wait_for(lambda: clients.answered(200, ready), "the service comes back")
        back = time.monotonic() - killed
    if victim in ("worker", "PostgreSQL"):
        cut = [exchange for exchange in clients.exchanges if exchange.status is None]
        promise(not cut, f"the death of the {victim} broke a connection: {cut[:1]}")
    return server, clients.exchanges, back


def down(site: Site, clients: Clients) -> None:
    """While PostgreSQL is away every answer is a 503; then it comes back, and nothing else does."""
    assert site.cluster
    began = time.monotonic()

    wait_for(lambda: clients.refused(began), "503 while PostgreSQL is down")
    promise(not clients.answered(200, began), "a 200 while PostgreSQL was down")
    site.cluster.start()


def figures(exchanges: list[Exchange], checked: int, unknown: int, back: float) -> Kills:
    statuses = {exchange.status for exchange in exchanges}
    promise(statuses <= {200, 503, None}, f"an answer is neither 200 nor 503: {statuses}")
    acknowledged = sum(len(exchange.answers) for exchange in exchanges)
    refused = sum(exchange.status == 503 for exchange in exchanges)
    cut = sum(exchange.status is None for exchange in exchanges)
    return Kills(1, acknowledged, checked, unknown, refused, cut, [back])


# ── All kills ─────────────────────────────────────────────────────────────────────────────────────
def kill_in_turns(
    site: Site, turns: list[str], random: Random, until: float, found: dict[str, Kills]
) -> None:
    """Those victims in that order, not after that moment; then the whole history is read."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(site.start())
        for victim in turns:
            if time.monotonic() > until:
                break
            server, exchanges, back = one_kill(site, server, victim, random, stack)
            before = len(site.records.others)
            checked = site.records.check(exchanges, site.database_url)
            if not site.cluster:
                check_integrity(site.database_url)
            unknown = len(site.records.others) - before
            found[victim].add(figures(exchanges, checked, unknown, back))
        site.records.check_all(rows_of(site.database_url))
        site.records.check_all(pages_of(server.base_url))


def amcheck(cluster: Cluster) -> None:
    """What PostgreSQL says of its tables and indexes."""
    words = ["--install-missing", "--heapallindexed", "--host=127.0.0.1", f"--port={cluster.port}"]
    command = [str(binaries() / "pg_amcheck"), *words, "--username=postgres", "postgres"]
    checked = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    promise(not checked.returncode, f"PostgreSQL's tables are damaged: {checked.stdout.decode()}")


@contextlib.contextmanager
def at(name: str, source: Path) -> Iterator[Site]:
    """The site of that name, such as "SQLite 4"."""
    database, processes = name.split()
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(cluster()) if database == "PostgreSQL" else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Site(name, int(processes), folder, source, own)
        if own:
            amcheck(own)


def plan(site: Site, asked: argparse.Namespace) -> list[str]:
    """Whom to kill there, in this order."""
    kinds = victims(site)
    if not (number := asked.kills or asked.full * FULL):
        return SHORT.get(site.name, kinds)
    share = round(number * len(kinds) / 16)  # 16 kinds in all: 3 and 4 with SQLite, 4 and 5
    return [kinds[turn % len(kinds)] for turn in range(share)]


def proof(asked: argparse.Namespace) -> None:
    random, began, found = Random(asked.seed), time.monotonic(), {}
    names = [asked.only] if asked.only else PLACES if asked.kills or asked.full else list(SHORT)
    try:
        for number, name in enumerate(names, 1):
            until = began + asked.minutes * 60 * number / len(names)
            with at(name, asked.source) as site:
                turns = plan(site, asked)
                found[name] = {victim: Kills() for victim in turns}
                kill_in_turns(site, turns, random, until, found[name])
    finally:
        print(report(found))


def report(found: dict[str, dict[str, Kills]]) -> str:
    head = ["database, processes", "killed", "kills", "acknowledged", "in the history", "not told"]
    head += ["503", "cut off", "back after, median s", "max"]
    lines, total = [], Kills()
    for name, victims in found.items():
        for victim, kills in victims.items():
            lines.append([name, victim, *line(kills)])
            total.add(kills)
    return table(head, [*lines, ["all", "", *line(total)]])


def line(kills: Kills) -> list[str]:
    counts = [
        kills.count,
        kills.acknowledged,
        kills.checked,
        kills.unknown,
        kills.refused,
        kills.cut,
    ]
    times = [statistics.median(kills.back or [0]), max(kills.back, default=0)]
    return [f"{n:,}" for n in counts] + [f"{seconds:.2f}" for seconds in times]


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, help=f"{FULL:,} with --full")
    parser.add_argument("--minutes", type=float, default=1e6, help="kill no longer than that")
    parser.add_argument("--only", choices=PLACES, help="one of these")
    run(proof, parser, BREAKS)
