"""Power loss: what a client was told is on the disk, not in a cache that dies with the power.

    python tests/prove/power.py --points 2000

strace records what the app writes, syncs and sends while clients classify. Then, for every batch:
nothing that it wrote is still unsynced when the worker hands out its answers. And the recording is
replayed up to points in it, with what was not yet synced dropped or torn (disk.py): the file opens,
is whole, and has every record that a client had been told by then. In both of SQLite's journal
modes that main.py uses: WAL, and TRUNCATE where only an old SQLite is to be had.
"""

import argparse
import contextlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
from common import Broken, Clients, Exchange, app, options, promise, run, table, wait_for
from disk import Disk, Survives
from records import Records, Row, check_integrity, pages_of, promise_whole, rows_of, sqlite
from records import told as acknowledged
from server import DEADLINE
from sqlalchemy.exc import DatabaseError
from strace import STRACE, Event, Send, Sync, events

POINTS, FULL_POINTS = 40, 2000  # in each journal mode, four times each
REQUESTS, FULL_REQUESTS = 600, 2000
STARTS, FULL_STARTS = 1, 10  # of the app on what the power loss left
FILES = ("history.db", "history.db-wal", "history.db-journal")
ID = re.compile(rb'"id":(\d+),"species"')
NO_WHEEL = 'raise ImportError("the proof wants the SQLite of this Python")'
BREAKS = {
    "never asks for a sync": [("PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF")],
    "syncs now and then": [("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL")],
}


@dataclass
class Recording:
    """What happened while clients classified, and what is in the history in the end."""

    folder: Path
    source: Path  # of the main.py that was recorded
    events: list[Event]
    exchanges: list[Exchange]
    rows: dict[int, Row]


@dataclass
class Figures:
    """A row of the table."""

    batches: int = 0
    records: int = 0
    syncs: int = 0
    checkpoints: int = 0
    early: int = 0  # batches handed out while something that they wrote was not synced
    images: int = 0
    at_stake: int = 0  # of these images, those with something not synced
    faults: list[str] = field(default_factory=list)  # of images, in words


def record(folder: Path, source: Path, requests: int, wal: bool) -> Recording:
    settings = {}
    if not wal:  # main.py then takes TRUNCATE
        (folder / "pysqlite3.py").write_text(NO_WHEEL)
        settings["PYTHONPATH"] = str(folder)
    strace = [*STRACE, "-o", str(folder / "trace")]
    with app(folder, 1, source, strace, **settings) as server:
        with Clients(server.base_url, connections=8) as clients:
            wait_for(lambda: clients.acknowledged() >= requests, "clients are answered")
        url = f"sqlite:///{folder}/history.db"
        Records().check(clients.exchanges, url)
        rows = dict(rows_of(url))
        [traced] = psutil.Process(server.process.pid).children()
        traced.terminate()
        server.process.wait(DEADLINE)  # strace ends when what it traced has ended
    seen = list(events(folder / "trace"))
    return Recording(folder, source, seen, clients.exchanges, rows)


def prove(recording: Recording, asked: argparse.Namespace, random: Random) -> Figures:
    """Follow the recording; look at every batch as it is handed out, lose the power at points."""
    found, disk = Figures(records=len(recording.rows)), Disk(recording.folder, FILES.__contains__)
    count = asked.points or (FULL_POINTS if asked.full else POINTS)
    points = set(random.sample(range(len(recording.events)), count))
    starts = set(random.sample(range(count), FULL_STARTS if asked.full else STARTS))
    handed: set[int] = set()  # ids that have left the worker
    told: set[int] = set()  # ids that have left the server
    for number, event in enumerate(recording.events):
        disk.follow(event)
        if isinstance(event, Send):
            ids = set(map(int, ID.findall(event.data)))
            if ids - handed:
                found.batches += 1
                found.early += bool(disk.unsynced())
            handed |= ids
            told |= ids if event.socket.startswith("TCP") else set()
        if isinstance(event, Sync) and event.ended and event.path.rpartition("/")[2] in FILES:
            found.syncs += 1
            found.checkpoints += event.path.endswith(".db")
        if number in points:
            found.at_stake += 4 * bool(disk.unsynced())
            for survives in fates(random):
                found.images += 1
                fault = fault_after(disk, survives, told, recording, found.images / 4 in starts)
                found.faults += [fault] if fault else []
    missed = acknowledged(recording.exchanges).keys() - told
    promise(not missed, f"the proof is blind: {len(missed)} answers are not in the recording")
    promise(found.at_stake, "the proof is blind: no point of the recording had unsynced data")
    return found


def fates(random: Random) -> Iterator[Survives]:
    """Nothing that was not synced is there; all of it; some of it, twice."""
    yield lambda: False
    yield lambda: True
    yield lambda: random.random() < 0.5
    share = random.random()
    yield lambda: random.random() < share


def fault_after(
    disk: Disk, survives: Survives, told: set[int], recording: Recording, start: bool
) -> str:
    """What a power loss now does to the history, in a sentence; nothing, as promised."""
    with tempfile.TemporaryDirectory() as name:
        image = Path(name)
        disk.lose_power(image, survives)
        # What connections share is memory; what is left of it on the disk may be anything.
        (image / "history.db-shm").write_bytes(b"\xa5" * 32768)
        try:
            url = f"sqlite:///{image}/history.db"
            check_integrity(url)
            rows = dict(rows_of(url)) if has_history(image) else {}
            compare(rows, told, recording)
            if start:
                with app(image, 1, recording.source) as server:
                    promise(dict(pages_of(server.base_url)) == rows, "the app reads other records")
        except (Broken, DatabaseError, sqlite.DatabaseError) as error:
            return str(error).partition("\n")[0]
    return ""


def has_history(image: Path) -> bool:
    """Whether the app had come so far as to create its tables."""
    with contextlib.closing(sqlite.connect(image / "history.db")) as connection:
        query = "SELECT count(*) FROM sqlite_schema WHERE name = 'history'"
        return bool(connection.execute(query).fetchone()[0])


def compare(rows: dict[int, Row], told: set[int], recording: Recording) -> None:
    lost = told - rows.keys()
    promise(not lost, f"{len(lost)} records that a client had been told are lost")
    promise(rows.items() <= recording.rows.items(), "a record is not as it was written")
    promise_whole(rows, recording.exchanges)


def proof(asked: argparse.Namespace) -> None:
    random, lines, faults, early = Random(asked.seed), [], [], 0
    if not shutil.which("strace"):
        raise SystemExit("there is no strace here: apt-get install strace")
    wheel = sqlite is not sqlite3
    for mode in ["WAL", "TRUNCATE"] if wheel else ["TRUNCATE"]:
        with tempfile.TemporaryDirectory() as name:
            requests = FULL_REQUESTS if asked.full else REQUESTS
            recording = record(Path(name).resolve(), asked.source, requests, mode == "WAL")
            found = prove(recording, asked, random)
        figures = [found.batches, found.records, found.syncs, found.checkpoints, found.early]
        figures += [found.images, found.at_stake, len(found.faults)]
        lines.append([mode, *map("{:,}".format, figures)])
        faults += found.faults
        early += found.early
    head = ["journal", "batches", "records", "syncs", "of the file itself", "answered before"]
    print(table([*head, "power losses", "with unsynced data", "faults"], lines))
    damage = f"{len(faults)} power losses do damage, such as: {[*faults, 'none'][0]}"
    promise(not early, f"{early} batches were answered before their sync; {damage}")
    promise(not faults, damage)


if __name__ == "__main__":
    parser = options(__doc__)
    numbers = f"points in each journal mode: {POINTS}, with --full {FULL_POINTS:,}"
    parser.add_argument("--points", type=int, help=numbers)
    run(proof, parser, BREAKS)
