"""The parts of an answer, measured alone: predict_proba, and a committed insert by sqlite3.

    python benchmarks/parts.py model.pkl history.db batch.json

The database is empty but for the tables and indexes that main.py made. Nothing else runs in this
process, no value is made while the clock runs, and the best that a loop can do is what counts.
Prints seconds as JSON: the median of one row, and the median of all rows of the batch.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pysqlite3.dbapi2 as sqlite

INSERT = "INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?)"


def median(call: Callable[[], Any], times: int) -> float:
    """The median duration of a call in seconds, after a tenth as many calls unmeasured."""
    found = []
    for number in range(-times // 10, times):
        start = time.perf_counter()
        call()
        if number >= 0:
            found.append(time.perf_counter() - start)
    return statistics.median(found)


def record(row: dict[str, float], classes: list[str], p: list[float]) -> tuple[str, ...]:
    probabilities = json.dumps(dict(zip(classes, p, strict=True)))
    species, at = classes[p.index(max(p))], "2026-11-22T12:00:00.123456Z"
    return json.dumps(row), species, probabilities, "3f2a90c1d7e4", at


def main(model: str, database: str, batch: str) -> dict[str, float]:
    estimator = joblib.load(model)
    with open(batch) as file:
        rows = json.load(file)
    X = np.array([list(row.values()) for row in rows])  # (10000, 4)
    classes, found = estimator.classes_.tolist(), estimator.predict_proba(X).tolist()
    records = [record(row, classes, p) for row, p in zip(rows, found, strict=True)]
    connection = sqlite.connect(database, isolation_level=None)
    if connection.execute("PRAGMA synchronous").fetchone() != (2,):  # 2 is FULL
        sys.exit("this SQLite does not commit with synchronous = FULL")

    def insert_all() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, records)
        connection.execute("COMMIT")

    return {
        "predict_proba": median(lambda: estimator.predict_proba(X[:1]), 300),
        "insert": median(lambda: connection.execute(INSERT, records[0]), 300),
        "predict_proba of the batch": median(lambda: estimator.predict_proba(X), 10),
        "insert of the batch": median(insert_all, 10),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
