"""The history against the memory of the clients: lost, torn, invented, told twice.

The history is read from the database itself, and once more through the API. What a client was
told (200) must be there as it was told; what it sent and was not told of may be there, but whole.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import sqlalchemy as sql
from common import NAMES, Exchange, Flower, promise

try:
    import pysqlite3.dbapi2 as sqlite  # as main.py does: old and new SQLite do not mix on one WAL
except ImportError:
    import sqlite3 as sqlite

QUERY = """SELECT id, CAST(features AS TEXT), species, CAST(probabilities AS TEXT), model,
classified_at FROM history WHERE id > :floor ORDER BY id"""
Row = tuple[Flower, str, tuple[tuple[str, float], ...], str, str]


def content(features: Flower, answer: dict[str, Any]) -> Row:
    """What is said of a flower, but for the id; the same whoever says it."""
    probabilities = tuple(answer["probabilities"].items())
    return features, answer["species"], probabilities, answer["model"], answer["classified_at"]


def flower(features: dict[str, float]) -> Flower:
    return tuple(features[name] for name in NAMES)


def rows_of(database_url: str, floor: int = 0) -> Iterator[tuple[int, Row]]:
    module = {"module": sqlite} if database_url.startswith("sqlite") else {}
    engine = sql.create_engine(database_url, **module)
    with engine.connect() as connection:
        for row in connection.execute(sql.text(QUERY), {"floor": floor}):
            probabilities = tuple(json.loads(row[3]).items())
            yield row[0], (flower(json.loads(row[1])), row[2], probabilities, row[4], row[5])
    engine.dispose()


def pages_of(base_url: str) -> Iterator[tuple[int, Row]]:
    """The whole history as a client sees it, newest first."""
    before: dict[str, int] = {}
    with httpx.Client(base_url=base_url, timeout=30) as client:
        while True:
            page = client.get("/model/history", params={"limit": 1000} | before)
            page.raise_for_status()
            for item in page.json()["items"]:
                yield item["id"], content(flower(item["features"]), item)
            if not page.json()["before"]:
                return
            before = {"before": page.json()["before"]}


@dataclass
class Records:
    """What the history of one database must be, kept up to date by check()."""

    acknowledged: dict[int, int] = field(default_factory=dict)  # id: hash of its content
    others: dict[int, int] = field(default_factory=dict)  # recorded, but the client never knew
    floor: int = 0  # below it no record can still appear

    def check(self, exchanges: Iterable[Exchange], database_url: str) -> int:
        """Compare what came of these exchanges, all ended, with the records since the last time.

        How many acknowledged records were found.
        """
        exchanges = list(exchanges)
        ceiling = max(self.acknowledged | self.others, default=0)
        found = dict(rows_of(database_url, self.floor))
        new = {id: row for id, row in found.items() if id not in self.others}
        acknowledged = told(exchanges)
        for id, row in acknowledged.items():
            promise(id not in self.acknowledged, f"the id {id} was given twice")
            promise(id in new, f"lost: record {id} was acknowledged and is not in the history")
            promise(new[id] == row, f"record {id} is {new[id]}, the client was told {row}")
            self.acknowledged[id] = hash(row)
        extra = {id: row for id, row in new.items() if id not in self.acknowledged}
        promise_whole(extra, exchanges)
        self.others |= {id: hash(row) for id, row in extra.items()}
        self.floor = ceiling
        return len(acknowledged)

    def check_all(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Compare the whole history, whoever read it, with all that was ever acknowledged."""
        found = [(id, hash(row)) for id, row in rows]
        expected = self.acknowledged | self.others
        missing = len(self.acknowledged.keys() - dict(found).keys())
        promise(not missing, f"lost: {missing} acknowledged records are no more in the history")
        promise(len(found) == len(dict(found)), "an id is in the history twice")
        promise(dict(found) == expected, "the history is not what it was when it was written")


def told(exchanges: Iterable[Exchange]) -> dict[int, Row]:
    """What the clients were told, by id."""
    found: dict[int, Row] = {}
    for exchange in exchanges:
        if exchange.status == 200:
            for features, answer in zip(exchange.flowers, exchange.answers, strict=True):
                promise(answer["id"] not in found, f"the id {answer['id']} was given twice")
                found[answer["id"]] = content(features, answer)
    return found


def promise_whole(extra: dict[int, Row], exchanges: Iterable[Exchange]) -> None:
    """Records that nobody was told of: somebody asked for each, and a batch is there or not."""
    times = Counter(row[0] for row in extra.values())
    asked = [exchange.flowers for exchange in exchanges]
    invented = times.keys() - {features for flowers in asked for features in flowers}
    promise(not invented, f"invented: nobody asked to classify {list(invented)[:1]}")
    for flowers in asked:
        counts = {times[features] for features in flowers}
        promise(len(counts) == 1, f"torn: a batch of {len(flowers)} is there in part: {counts}")


def check_integrity(database_url: str) -> None:
    """What SQLite says of its file."""
    connection = sqlite.connect(database_url.removeprefix("sqlite:///"))
    verdict = "; ".join(row[0] for row in connection.execute("PRAGMA integrity_check(5)"))
    connection.close()
    promise(verdict == "ok", f"the file is damaged: {verdict}")
