"""A page of a long history, against a table with just that page, and against an empty one.

The records are made inside SQLite: by HTTP ten million would take an hour.
"""

import contextlib
import statistics
from collections import defaultdict
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
from figures import Findings, Options, Target
from load import load
from servers import running

PATH = "/model/history"
PAGE = 100  # records
RECORDS = """
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?)
INSERT INTO history SELECT i,
  printf('{"SepalLengthCm": %.1f, "SepalWidthCm": %.1f, "PetalLengthCm": %.1f, '
    || '"PetalWidthCm": %.1f}', 4 + i % 40 / 10.0, 2 + i % 23 / 10.0, 1 + i % 59 / 10.0,
    0.1 + i % 24 / 10.0),
  'Iris-' || CASE i % 3 WHEN 0 THEN 'setosa' WHEN 1 THEN 'versicolor' ELSE 'virginica' END,
  printf('{"Iris-setosa": %.16f, "Iris-versicolor": %.16f, "Iris-virginica": %.16f}',
    i % 7 / 7.0, (7 - i % 7) / 14.0, (7 - i % 7) / 14.0),
  '3f2a90c1d7e4', strftime('%Y-%m-%dT%H:%M:%f', 1767225600 + i / 100.0, 'unixepoch') || '000Z'
FROM numbers"""


def fill(database: Path, records: int) -> None:
    with contextlib.closing(sqlite.connect(database, isolation_level=None)) as connection:
        for pragma in ("journal_mode = DELETE", "journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA {pragma}")  # the app sets its own again when it starts
        connection.execute(RECORDS, (records,))


def keep(database: Path, source: Path, condition: str) -> None:
    """Copy one page of a source that meets a condition, and nothing else."""
    page = f"SELECT * FROM full.history WHERE {condition} ORDER BY id DESC LIMIT {PAGE}"  # noqa: S608
    with contextlib.closing(sqlite.connect(database, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS full", (str(source),))
        connection.execute(f"INSERT INTO history {page}")


def prepare(options: Options, name: str) -> Path:
    """The folder of a server whose database has its tables and no record yet."""
    folder = options.folder / name
    folder.mkdir()
    with running("app", folder, "/health/live"):
        return folder


def history(options: Options) -> Findings:
    before = options.records // 2 + 1
    conditions = {"page": f"id < {before}"}
    conditions["species"] = f"{conditions['page']} AND species = 'Iris-setosa'"
    query = {"page": f"{PATH}?before={before}"}
    query["species"] = f"{query['page']}&species=Iris-setosa"
    folders = {name: prepare(options, name) for name in ("full", "empty", *conditions)}
    fill(folders["full"] / "app.db", options.records)
    for name, condition in conditions.items():
        keep(folders[name] / "app.db", folders["full"] / "app.db", condition)
    loads = [(table, name) for name in query for table in ("full", name, "empty")]
    found = defaultdict(list)
    with contextlib.ExitStack() as stack:
        start = {k: running("app", folder, "/health/live") for k, folder in folders.items()}
        servers = {k: stack.enter_context(server) for k, server in start.items()}
        for _ in range(options.rounds):
            for table, name in loads:
                p50 = load(servers[table], query[name], 1, options.seconds / 2).p50
                found[table, name].append(p50 * 1000)
    p50s = {key: statistics.median(values) for key, values in found.items()}
    return Findings([], [target(p50s, name, table, options) for table, name in loads
                         if table != "full"])  # fmt: skip


def target(p50s: dict[tuple[str, str], float], name: str, table: str, options: Options) -> Target:
    page = "a page of the middle" + (" by species" if name == "species" else "")
    other = "an empty table's" if table == "empty" else "a table with just that page"
    figure = f"{page} of {options.records:,} records, against {other}"
    ours, theirs = p50s["full", name], p50s[table, name]
    return Target(figure, "≤", 1.2, ours / theirs, "×", f"{ours:.2f} and {theirs:.2f} ms")
