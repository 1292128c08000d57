"""What monitor.py promises of chance, of millions of records, and of PostgreSQL.

RECORDS=10000000 python -m pytest tests/test_drift.py    a history of so many, in place of 200,000
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn.datasets import load_iris

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
import monitor  # noqa: E402

NAMES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
RECORDS, DRAWS = int(os.environ.get("RECORDS", 200_000)), 200
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"
TABLE = """CREATE TABLE history (id integer PRIMARY KEY, features json, species varchar,
    probabilities json, model varchar, classified_at varchar)"""
ROWS = """INSERT INTO history SELECT i, '{"SepalLengthCm": ' || (4.3 + i % 37 / 10.0) || '}',
    'Iris-setosa', '{"Iris-setosa": 0.75}', 'f7c7df1bdcd1', """
LITE = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) """
PEAK = """import json, resource, sys, monitor
status = monitor.main(sys.argv[1:])
print(json.dumps([status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))"""


class Flowers:
    """A population like iris: a Gaussian for each species, measured to 0.1 cm."""

    def __init__(self, seed: int) -> None:
        X, y = load_iris(return_X_y=True)
        self.kinds = [(X[y == k].mean(0), np.cov(X[y == k].T)) for k in range(3)]
        self.chance = np.random.default_rng(seed)

    def draw(self, count: int, shares: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)) -> Any:
        kinds = self.chance.choice(3, count, p=shares)
        rows = [self.chance.multivariate_normal(*self.kinds[k]).round(1) for k in kinds]
        return np.array(rows), [f"kind {k}" for k in kinds]

    def alarm(self, count: int, shift: float = 0, **how: Any) -> bool:
        """Whether records of the same, or with longer petals, pass a threshold against 150 rows."""
        (X, species), (trained, kinds) = self.draw(count, **how), self.draw(150)
        columns = [monitor.Column(*c) for c in zip(NAMES, trained.T.astype(str), strict=True)]
        X[:, 2] += shift
        rows = [
            (0, json.dumps(dict(zip(NAMES, x, strict=True))), name, '{"a": 1}', "m", "2026-11-01")
            for x, name in zip(X.tolist(), species, strict=True)
        ]
        look = monitor.Look([*columns, monitor.Column("species", kinds)], iter([rows]))
        return "▲" in str(monitor.tables(look, 0.25, 0.1)[monitor.DRIFT])


@pytest.mark.parametrize("count", [1, 20, 150, 600])
def test_a_fresh_sample_of_the_same_is_no_drift(count: int) -> None:
    """A false alarm in 1,000 is allowed; more than 2 in 200 then happen once in 900 such tests."""
    flowers = Flowers(seed=count)
    assert sum(flowers.alarm(count) for _ in range(DRAWS)) <= 2


@pytest.mark.parametrize(
    ("count", "how"),
    [
        pytest.param(60, {"shift": 1.8}, id="60 records, one standard deviation longer"),
        pytest.param(600, {"shift": 0.9}, id="600 records, half of it"),
        pytest.param(600, {"shares": (0.05, 0.475, 0.475)}, id="600 records, one species rare"),
    ],
)
def test_shifted_data_are_drift(count: int, how: Any) -> None:
    flowers = Flowers(seed=count)
    assert sum(flowers.alarm(count, **how) for _ in range(DRAWS)) >= 0.97 * DRAWS


def look(url: str, *arguments: str) -> tuple[int, int, str]:
    """A run of its own: status, peak memory in KiB, what was printed."""
    env = os.environ | {"DATABASE_URL": url, "COLUMNS": "120"}
    command = [sys.executable, "-c", PEAK, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    *told, last = done.stdout.splitlines()
    return *json.loads(last), "\n".join(told)


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("long") / "history.db"
    connection = monitor.SQLITE.connect(str(file))
    connection.execute(TABLE)
    time = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1767225600 + i, 'unixepoch') FROM n"
    connection.execute(f"{LITE} {ROWS} {time}", [RECORDS])
    connection.commit()
    connection.close()
    yield f"sqlite:///{file}"
    file.unlink()


def test_memory_does_not_grow_with_the_records(lite: str) -> None:
    _, small, _ = look(lite, "--last", "20000")
    status, peak, told = look(lite, "--last", str(2 * RECORDS))
    print(f"{RECORDS:,} records: {peak / 1024:.0f} MiB at the peak; 20,000: {small / 1024:.0f}")
    assert status == 1
    assert f"{RECORDS:,} records" in told
    assert peak < 1.15 * small


@pytest.fixture
def postgres(lite: str) -> Iterator[str]:
    name = f"monitor_{os.getpid()}"
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(f"{POSTGRESQL}/{name}") as connection:
                connection.execute(TABLE)
                time = """to_char(to_timestamp(1767225600 + i) AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.000000"Z"') FROM generate_series(1, %s) AS n(i)"""
                rows = ROWS.replace("'{\"Sepal", "('{\"Sepal").replace("'}',", "'}')::json,")
                rows = rows.replace("0.75}'", "0.75}'::json")
                connection.execute(rows.replace("%", "%%", 1) + time, [RECORDS])
            yield f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_postgresql_tells_the_same_as_sqlite(lite: str, postgres: str) -> None:
    arguments = ("--last", "50000", "--model", "f7c7df1bdcd1")
    assert look(postgres, *arguments)[::2] == look(lite, *arguments)[::2]
