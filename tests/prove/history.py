"""A history of millions of records: pages stay as fast, and it can be looked after while it serves.

    python tests/prove/history.py [--full] [--broken] [--records 10000000] [--only sqlite]

The records are made inside the database. Pages and classifications are timed in turns on this
history, on one that holds just such a page, and on an empty one. Then the commands of the README
run under load: back up, delete the oldest, restore, add a column; and a later version takes over.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import joblib
import psycopg
import sqlalchemy as sql
from common import (
    NAMES,
    Clients,
    Exchange,
    app,
    broken_copy,
    options,
    promise,
    run,
    table,
    wait_for,
)
from postgres import cluster
from records import check_integrity, rows_of, sqlite, told
from server import ROOT, Server, free_port
from sklearn.datasets import load_iris

OLD, START = "000000000000", 1767225600  # a model of before; 2026-01-01 UTC, then a record a second
PAGES = {
    "the first page": "",
    "in the middle": "before={middle}",
    "near the end": "before=5000",
    "by species": "species=Iris-virginica&before={middle}",
    "by a model of long ago": f"model={OLD}",
    "by species and model": f"species=Iris-setosa&model={OLD}",
    "by what is not there": "species=Iris-none",
}
SQLITE_ROWS = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO history (id, features, species, probabilities, model, classified_at)
SELECT i, features, species, probabilities, CASE WHEN i <= :count / 10 THEN :old ELSE :model END,
strftime('%Y-%m-%dT%H:%M:%S.000000Z', :start + i, 'unixepoch') FROM n JOIN flowers ON k = i % 150"""
POSTGRESQL_ROWS = """INSERT INTO history
(id, features, species, probabilities, model, classified_at)
SELECT nextval('history_id_seq'), features, species, probabilities,
CASE WHEN i <= :count / 10 THEN CAST(:old AS text) ELSE CAST(:model AS text) END,
to_char(to_timestamp(CAST(:start AS int) + i) AT TIME ZONE 'UTC',
'YYYY-MM-DD"T"HH24\\:MI\\:SS.000000"Z"')
FROM generate_series(1, :count) AS i JOIN flowers ON k = i % 150 ORDER BY i"""
LATER = [  # the changes of a later version of main.py, whose history has one column more
    ('column("classified_at", sql.String),',
     'column("classified_at", sql.String), column("client", sql.String, server_default=""),'),
    ("name, text, digest, at))", 'name, text, digest, at, "later"))'),
]  # fmt: skip
ROWS, COUNT = "        return connection.execute(records.where(", "SELECT count(*) FROM history"
BREAKS = {
    "filters without an index": [('"history_by_species", "species", "id"', '"history_by_id", "id"'),
                                 ('"history_by_model_and_species", "model", "species", "id"',
                                  '"history_by_at", "classified_at"')],
    "counts the history": [(ROWS, f"        connection.exec_driver_sql({COUNT!r}).one()\n{ROWS}")],
}  # fmt: skip


# ── Making it ────────────────────────────────────────────────────────────────────────────────────
def connect(url: str) -> sql.Engine:
    module = {"module": sqlite} if url.startswith("sqlite") else {}
    return sql.create_engine(url, **module)


def flowers() -> list[dict[str, Any]]:
    """The iris data and what model.pkl makes of them, as they are stored."""
    X, estimator = load_iris().data, joblib.load(ROOT / "model.pkl")
    classes, found = estimator.classes_.tolist(), estimator.predict_proba(X).tolist()
    return [
        {
            "k": k,
            "features": json.dumps(dict(zip(NAMES, row, strict=True))),
            "species": classes[p.index(max(p))],
            "probabilities": json.dumps(dict(zip(classes, p, strict=True))),
        }
        for k, (row, p) in enumerate(zip(X.tolist(), found, strict=True))
    ]


def fill(url: str, count: int, model: str) -> None:
    """Put records into a table that is empty; its indexes are made last, which is faster."""
    engine, lite = connect(url), url.startswith("sqlite")
    form = "text" if lite else "json"
    values = {"count": count, "old": OLD, "model": model, "start": START}
    history = sql.Table("history", sql.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        for index in history.indexes:
            index.drop(connection)
        columns = f"k integer PRIMARY KEY, features {form}, species text, probabilities {form}"
        connection.exec_driver_sql(f"CREATE TEMP TABLE flowers ({columns})")
        row = "INSERT INTO flowers VALUES (:k, :features, :species, :probabilities)"
        connection.execute(sql.text(row), flowers())
        connection.execute(sql.text(SQLITE_ROWS if lite else POSTGRESQL_ROWS), values)
        for index in history.indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if lite else "VACUUM ANALYZE")
    engine.dispose()


# ── Speed ────────────────────────────────────────────────────────────────────────────────────────
class Client:
    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)

    def ask(self, path: str, body: Any = None) -> tuple[float, Any]:
        """Milliseconds, and the answer."""
        began, headers = time.perf_counter(), {"Content-Type": "application/json"}
        if body is None:
            self.connection.request("GET", path)
        else:
            self.connection.request("POST", path, json.dumps(body), headers)
        response = self.connection.getresponse()
        found, took = response.read(), (time.perf_counter() - began) * 1000
        promise(response.status == 200, f"{path} gives {response.status} {found[:200]!r}")
        return took, json.loads(found)


class Speed(NamedTuple):
    what: str
    here: float  # milliseconds, the first decile
    page: float  # the same of a table that holds just this page
    empty: float


def best(milliseconds: list[float]) -> float:
    """The first decile: in it is what an answer costs, and not what else the machine does."""
    return statistics.quantiles(milliseconds, n=10)[0]


def pages(clients: dict[str, Client], middle: int, rounds: int) -> Iterator[Speed]:
    """Each page of 100 and one of 10, timed in turns."""
    asked = [(what, form, limit) for what, form in PAGES.items() for limit in (100, 10)]
    for what, form, limit in asked:
        found = defaultdict(list)
        path = f"/model/history?limit={limit}&{form.format(middle=middle)}"
        like = re.sub("before=[0-9]+", "", path).replace(OLD, "")
        for _ in range(rounds):
            for name, client in clients.items():
                took, page = client.ask(like if name == "page" else path)
                found[name].append(took)
                full = limit if name != "empty" and "none" not in form else 0
                promise(len(page["items"]) == full, f"{path}: {len(page['items'])} on {name}")
        medians = {name: best(times) for name, times in found.items()}
        yield Speed(f"{limit:3} records, {what}", **medians)


def classification(clients: dict[str, Client], rounds: int) -> Speed:
    found, flower = defaultdict(list), dict(zip(NAMES, (5.1, 3.5, 1.4, 0.2), strict=True))
    for _ in range(rounds * 4):
        for name, client in clients.items():
            found[name].append(client.ask("/model/classify", flower)[0])
    return Speed("one classification", **{k: best(v) for k, v in found.items()})


def slow(speeds: list[Speed]) -> list[Speed]:
    return [s for s in speeds if s.here > 1.2 * s.page]


def speeds(place: "Place", here: Server, asked: argparse.Namespace) -> list[Speed]:
    rows = [json.loads(flower["features"]) for flower in flowers()]
    middle, rounds = place.count // 2, asked.rounds or (100 if asked.full else 30)
    with place.serve("page") as page, place.serve("empty") as empty:
        clients = {"here": Client(here), "page": Client(page), "empty": Client(empty)}
        clients["page"].ask("/model/classify/batch", rows * 3)
        found = calm(lambda: [*pages(clients, middle, rounds)])
        return found + calm(lambda: [classification(clients, rounds)])


def calm(measure: Callable[[], list[Speed]]) -> list[Speed]:
    """Up to three times: a busy machine is slow now and then, a missing index always."""
    found = measure()
    for _ in range(2):
        if slow(found):
            pairs = zip(found, measure(), strict=True)
            found = [min(pair, key=lambda s: s.here / s.page) for pair in pairs]
    return found


# ── Looking after it ─────────────────────────────────────────────────────────────────────────────
class Place:
    """A folder with a database for each name, and the commands of the README for its kind."""

    def __init__(self, folder: Path, count: int, source: Path, address: str) -> None:
        self.folder, self.count, self.source, self.address = folder, count, source, address
        self.port, self.exchanges = str(free_port()), list[Exchange]()
        (folder / ".venv").symlink_to(sys.prefix)
        self.kind = "SQLite" if address.startswith("sqlite") else "PostgreSQL"
        text = (ROOT / "README.md").read_text()
        blocks = re.findall(r"^```sh\n# ([^\n]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        self.commands = dict(blocks)

    def url(self, name: str = "history") -> str:
        return self.address.format(name)

    @contextlib.contextmanager
    def serve(self, name: str = "history", source: Path | None = None) -> Iterator[Server]:
        port = {"PORT": self.port} if name == "history" else {}
        settings = {"DATABASE_URL": self.url(name), **port}
        with app(self.folder, source=source or self.source, **settings) as server:
            yield server

    def command(self, what: str, date: str = "") -> None:
        script = self.commands[f"{what} {self.kind}"].replace("2026-01-01", date)
        env = os.environ | {"DB": self.url().replace("+psycopg", "")}
        command = ["bash", "-euc", script]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        words = f"{what} {self.kind}: {done.stdout[-500:]} {done.stderr[-1500:]}"
        promise(done.returncode == 0, f"a command of the README fails: {words}")

    def query(self, text: str, file: str = "history") -> Any:
        engine = connect(self.url(file))
        with engine.connect() as connection:
            found = connection.exec_driver_sql(text).one()
        engine.dispose()
        return found[0] if len(found) == 1 else tuple(found)

    def under_load(self, server: Server, what: str, date: str = "") -> list[str]:
        """Run a command of the README while clients classify: none may fail."""
        with Clients(server.base_url, connections=4, seed=what) as clients:
            wait_for(lambda: clients.acknowledged() > 50, "clients are answered")
            began = time.monotonic()
            self.command(what, date)
            took, count = time.monotonic() - began, clients.acknowledged()
            wait_for(lambda: clients.acknowledged() > count + 50, "clients are answered")
        failed = [each for each in clients.exchanges if each.status != 200]
        slowest = max(each.ended - each.began for each in clients.exchanges)
        self.exchanges += clients.exchanges
        promise(not failed, f"{what}: {len(failed)} requests fail meanwhile, such as {failed[:1]}")
        answered = f"{len(clients.exchanges):,}"
        return [f"{what} {self.kind}", f"{took:.1f}", answered, "0", f"{slowest * 1000:.0f}"]

    def check(self) -> None:
        """Every acknowledged record of the clients is there, as they were told."""
        expected = told(self.exchanges)
        found = dict(rows_of(self.url(), min(expected) - 1))
        lost = [id for id, row in expected.items() if found.get(id) != row]
        promise(
            not lost, f"{len(lost)} acknowledged records are lost or others, such as {lost[:1]}"
        )


CLIENT_OF = "SELECT client FROM history WHERE id = (SELECT {}(id) FROM history)"
OLDEST = "SELECT min(classified_at), count(*) FROM history"


def upkeep(place: Place) -> Iterator[list[str]]:
    with place.serve() as server:
        yield place.under_load(server, "back up")
        place.check()
        saved = place.query("SELECT max(id) FROM history")  # not all of them, but more than before
        date = datetime.fromtimestamp(START + place.count // 4, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        yield place.under_load(server, "delete the oldest from", date)
        oldest, _ = place.query(OLDEST)
        promise(oldest >= date, f"after the deletion there is one of {oldest}, before {date}")
        place.check()
        Client(server).ask("/model/history?limit=1000")
    yield restored(place, saved)
    with place.serve() as server:
        yield place.under_load(server, "add a column to")
        place.check()
    yield later(place)


def restored(place: Place, saved: int) -> list[str]:
    """The app is stopped; what was there when the backup began is there again, and serves."""
    given = place.query("SELECT max(id) FROM history")
    began = time.monotonic()
    place.command("restore")
    took = time.monotonic() - began
    if place.kind == "SQLite":
        check_integrity(place.url())
    oldest, count = place.query(OLDEST)
    promise(count >= place.count, f"of {place.count:,} records {count:,} are restored")
    highest = place.query("SELECT max(id) FROM history")
    promise(highest <= saved, f"record {highest} was made after the backup, and is in it")
    place.exchanges = [e for e in place.exchanges if all(a["id"] <= highest for a in e.answers)]
    place.check()
    with place.serve() as server:
        flower = dict(zip(NAMES, (5.1, 3.5, 1.4, 0.2), strict=True))
        new = Client(server).ask("/model/classify", flower)[1]["id"]
    promise(new > given, f"the id {new} is given again after the restore")
    return [f"restore {place.kind}, oldest of {oldest}", f"{took:.1f}", "", "", ""]


def later(place: Place) -> list[str]:
    """A version whose history has a column more takes over."""
    with tempfile.TemporaryDirectory() as name:
        source = broken_copy(Path(name), LATER)
        with place.serve(source=source) as server:
            with Clients(server.base_url, connections=4, seed="later") as clients:
                wait_for(lambda: clients.acknowledged() > 50, "the later version answers")
            Client(server).ask("/model/history?limit=1000")
    place.exchanges += clients.exchanges
    place.check()
    first, last = (place.query(CLIENT_OF.format(which)) for which in ("min", "max"))
    promise((first, last) == ("", "later"), f"the new column holds {first!r} and {last!r}")
    return [f"a later version on {place.kind}", "", f"{len(clients.exchanges):,}", "0", ""]


def prove(place: Place, asked: argparse.Namespace) -> None:
    with place.serve() as server:
        model = Client(server).ask("/model")[1]["model"]
    began = time.monotonic()
    fill(place.url(), place.count, model)
    took = time.monotonic() - began
    print(f"\n{place.count:,} records in {place.kind}, made in {took:.0f} s", flush=True)
    with place.serve() as server:
        found = speeds(place, server, asked)
    head = ["ms, first deciles", "here", "just such a page", "empty", "to page", "to empty"]
    lines = [[s.what, f"{s.here:.2f}", f"{s.page:.2f}", f"{s.empty:.2f}", f"{s.here / s.page:.2f}",
              f"{s.here / s.empty:.2f}"] for s in found]  # fmt: skip
    print(table(head, lines), flush=True)
    promise(not slow(found), f"slower for the length of the history: {slow(found)}")
    head = ["under load", "seconds", "requests", "failed", "slowest, ms"]
    print(table(head, list(upkeep(place))), flush=True)


def proof(asked: argparse.Namespace) -> None:
    count = asked.records or (10_000_000 if asked.full else 200_000)
    if asked.only != "postgresql":
        with tempfile.TemporaryDirectory() as name:
            prove(Place(Path(name), count, asked.source, f"sqlite:///{name}/{{}}.db"), asked)
    if asked.only != "sqlite":
        with tempfile.TemporaryDirectory() as name, cluster() as own:
            for database in ("history", "page", "empty"):
                with psycopg.connect(own.dsn, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {database}")
            address = own.url.removesuffix("postgres") + "{}"
            prove(Place(Path(name), count, asked.source, address), asked)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--records", type=int, help="200,000, or 10,000,000")
    parser.add_argument("--rounds", type=int, help="of each page: 30, or 100")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    run(proof, parser, BREAKS)
