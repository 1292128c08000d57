"""What a measurement gives: rows of the table of loads, and figures with their targets.

All medians of rounds. What several measurements need is here too: the parts measured alone, and
the count of records, which an app cannot make up.
"""

import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pysqlite3.dbapi2 as sqlite
from load import Load
from servers import FLOWER, HERE, MODEL, Server, environment

BATCH = 10_000  # rows


class Options(NamedTuple):
    rounds: int
    seconds: float
    records: int
    folder: Path


class Row(NamedTuple):
    server: str
    connections: int
    load: Load


class Target(NamedTuple):
    figure: str
    sign: str  # "≥" or "≤"
    target: float
    measured: float
    unit: str  # "×" or "ms"
    because: str  # the absolute figures behind it

    @property
    def met(self) -> bool:
        if self.sign == "≥":
            return self.measured >= self.target
        return self.measured <= self.target


class Findings(NamedTuple):
    rows: list[Row]
    targets: list[Target]


def median(loads: list[Load]) -> Load:
    """The median of each figure by itself."""
    count, *others = (statistics.median(figures) for figures in zip(*loads, strict=True))
    return Load(round(count), *others)


def batch_file(folder: Path) -> Path:
    """A file with the body of a batch: flowers around the example, no two neighbours alike."""
    rows = [{k: round(v + i % 37 / 10, 1) for k, v in FLOWER.items()} for i in range(BATCH)]
    path = folder / "batch.json"
    path.write_text(json.dumps(rows))
    return path


def empty_copy(source: Path, target: Path) -> Path:
    """A database with the tables, indexes and journal of another, and no record."""
    target.unlink(missing_ok=True)
    query = "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite%'"
    with contextlib.closing(sqlite.connect(source)) as old:
        schema = [sql for (sql,) in old.execute(query)]
        [journal] = old.execute("PRAGMA journal_mode").fetchone()
    with contextlib.closing(sqlite.connect(target)) as new:
        new.execute(f"PRAGMA journal_mode = {journal}")
        for sql in schema:
            new.execute(sql)
    return target


def alone(server: Server, folder: Path) -> dict[str, float]:
    """The medians of the parts in seconds, each measured alone, on tables like the server's."""
    database = empty_copy(server.database, folder / "parts.db")
    arguments = [str(HERE / "parts.py"), str(MODEL), str(database), str(batch_file(folder))]
    printed = subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        env=environment(database, 0), stdout=subprocess.PIPE, check=True,
    ).stdout  # fmt: skip
    found: dict[str, float] = json.loads(printed)
    return found


def check_recorded(server: Server, answers: int) -> None:
    """That the database holds a record for every answer given."""
    with contextlib.closing(sqlite.connect(server.database)) as connection:
        [count] = connection.execute("SELECT count(*) FROM history").fetchone()
    if count < answers:
        raise SystemExit(f"{server.name} gave {answers} answers and recorded {count} of them")
