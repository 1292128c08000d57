"""What monitor.py promises, on histories that main.py's own table holds; scipy is the oracle."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy, ks_2samp
from sklearn.datasets import load_iris

import monitor

NAMES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
IRIS = load_iris()
SPECIES = [f"Iris-{IRIS.target_names[k]}" for k in IRIS.target]
TABLE = """CREATE TABLE history (id INTEGER PRIMARY KEY, features JSON, species VARCHAR,
    probabilities JSON, model VARCHAR, classified_at VARCHAR)"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """An empty history that DATABASE_URL names, as main.py would make it."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/history.db")
    monkeypatch.setenv("COLUMNS", "120")
    connection = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(TABLE)
    return connection


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: Any) -> tuple[int, str, str]:
        try:
            status: Any = monitor.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


def record(history: sqlite3.Connection, count: int, shift: float = 0, **columns: str) -> None:
    """Flowers of the training rows, in an order by chance; the petals longer by shift cm."""
    chosen, rows = np.random.default_rng(7).integers(0, 150, count), []
    for i, k in enumerate(chosen):
        features = dict(zip(NAMES, (IRIS.data[k] + [0, 0, shift, 0]).tolist(), strict=True))
        row = {"features": json.dumps(features), "species": SPECIES[k], "model": "f7c7df1bdcd1"}
        row |= {"probabilities": json.dumps({SPECIES[k]: 0.75, "another": 0.25})}
        row |= {"classified_at": f"2026-11-{1 + i * 20 // count:02}T12:00:00.000000Z"} | columns
        rows.append(row)
    history.execute("BEGIN")
    history.executemany(
        """INSERT INTO history (features, species, probabilities, model, classified_at)
        VALUES (:features, :species, :probabilities, :model, :classified_at)""", rows)  # fmt: skip
    history.execute("COMMIT")


# ── Statistics ───────────────────────────────────────────────────────────────────────────────────
def both(trained: list[float], seen: list[float]) -> list[tuple[float, float]]:
    column = monitor.Column("x", [str(value) for value in trained])
    column.add(seen)
    return column.judge(0, 0, 0.5)


@pytest.mark.parametrize(
    ("trained", "seen"),
    [
        pytest.param([1.0, 2, 3, 4], [1.0, 2, 3, 4], id="the same rows"),
        pytest.param([1.0, 2, 3], [7.0, 8], id="all above"),
        pytest.param([1.0, 2, 3], [-7.0], id="one below"),
        pytest.param([1.0, 2, 2, 2, 3], [2.0, 2, 2.5, 1], id="ties and gaps"),
        pytest.param([5.0], [5, 6], id="a constant, and whole numbers"),
        pytest.param(IRIS.data[:, 2].tolist(), IRIS.data[:, 0].tolist(), id="petals and sepals"),
    ],
)
def test_ks_is_scipys(trained: list[float], seen: list[float]) -> None:
    assert both(trained, seen)[1][0] == pytest.approx(ks_2samp(trained, seen).statistic)


@pytest.mark.parametrize("seed", range(20))
def test_on_random_samples_both_are_scipys(seed: int) -> None:
    chance = np.random.default_rng(seed)
    trained = chance.normal(size=chance.integers(20, 300))  # no ties: the bins are the deciles
    seen = chance.normal(0.3, 1.5, size=chance.integers(1, 300))
    edges = np.quantile(trained, np.arange(1, 10) / 10, method="inverted_cdf")
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=10) + 0.5 for x in (trained, seen))
    (psi, _), (ks, _) = both(trained.tolist(), seen.tolist())
    assert psi == pytest.approx(entropy(p, q) + entropy(q, p))
    assert ks == pytest.approx(ks_2samp(trained, seen).statistic)


def test_what_is_no_number_is_not_counted_as_one() -> None:
    column = monitor.Column("x", ["1", "2"])
    column.add([1, None, "2", 1.5])
    assert column.seen.sum() == 2


def test_of_text_each_value_is_a_bin_and_an_unknown_one_is_another() -> None:
    column = monitor.Column("species", ["a", "a", "b"])
    column.add(["a", "b", "c", "d"])
    p, q = np.array([2.5, 1.5, 0.5]), np.array([1.5, 1.5, 2.5])
    [(psi, _)] = column.judge(0, 0, 0.5)
    assert psi == pytest.approx(entropy(p, q) + entropy(q, p))


# ── Verdict ──────────────────────────────────────────────────────────────────────────────────────
def test_the_training_rows_themselves_are_no_drift(history: Any, run: Run) -> None:
    record(history, 1000)
    status, told, _ = run()
    assert (status, "▲" in told) == (0, False)
    assert "No drift. 1,000 records, 150 training rows." in told


def test_longer_petals_are_drift_of_that_feature_alone(history: Any, run: Run) -> None:
    record(history, 1000, shift=1.5)
    status, told, _ = run()
    assert status == 1
    assert "Drift: PetalLengthCm. 1,000" in told


def test_a_limit_can_be_raised(history: Any, run: Run) -> None:
    record(history, 1000, shift=1.5)
    assert run("--psi", 99, "--ks", 1)[0] == 0


def test_three_odd_records_are_too_few_to_tell(history: Any, run: Run) -> None:
    record(history, 3, shift=1.5)
    assert run()[0] == 0


def test_only_species_that_were_never_seen_are_drift(history: Any, run: Run) -> None:
    record(history, 500, species="Iris-nova")
    status, told, _ = run()
    assert status == 1
    assert "Drift: species." in told


def test_without_training_rows_it_says_so_and_shows_the_rest(
    history: Any, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_PATH", f"{tmp_path}/other.pkl")
    record(history, 50)
    status, told, _ = run("--report", tmp_path / "report.html")
    assert status == 0
    assert "No rows in other.reference.csv. 50 records" in told
    assert "Iris-setosa" in told
    assert "f7c7df1bdcd1" in told
    assert (tmp_path / "report.html").read_text().count("<svg") == 9


# ── Which records ────────────────────────────────────────────────────────────────────────────────
def test_the_newest_are_read_first(history: Any, run: Run) -> None:
    record(history, 500)
    record(history, 500, shift=1.5)
    assert run("--last", 500)[0] == 1
    history.execute("DELETE FROM history WHERE id > 500")
    assert run("--last", 500)[0] == 0


def test_since_leaves_out_what_is_older(history: Any, run: Run) -> None:
    record(history, 100)
    assert "50 records" in run("--since", "2026-11-11T00:00:00+00:00")[1]


def test_model_leaves_out_the_others(history: Any, run: Run) -> None:
    record(history, 100)
    record(history, 30, model="0123456789ab")
    assert "30 records" in run("--model", "0123456789ab" + "0" * 52)[1]


@pytest.mark.parametrize("page", [1, 7, 99, 100, 101])
def test_pages_of_any_size_find_the_same(
    history: Any, run: Run, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(history, 100)
    whole = run()
    monkeypatch.setattr(monitor, "PAGE", page)
    assert run() == whole


def test_spans_of_time_hold_the_share_the_confidence_and_the_rate(history: Any, run: Run) -> None:
    record(history, 60, species="one", classified_at="2026-11-01T10:00:01.000000Z")
    record(history, 20, species="two", classified_at="2026-11-01T10:02:59.000000Z")
    told = re.sub(" +", " ", run()[1])
    assert "2026-11-01 10:00 60.0 100% · 0.75 –" in told
    assert "2026-11-01 10:02 20.0 – 100% · 0.75" in told


def test_years_are_told_in_a_few_wide_spans(history: Any, run: Run) -> None:
    for year in range(1990, 2027):
        record(history, 1, classified_at=f"{year}-01-02T10:00:00.000000Z")
    rows = re.findall(r"^ +\d{4}-\d\d-\d\d \d\d:\d\d ", run("--psi", 99)[1], re.MULTILINE)
    assert 2 <= len(rows) <= 24


# ── The app's file ───────────────────────────────────────────────────────────────────────────────
def test_while_another_process_writes_it_reads_and_changes_nothing(
    history: Any, run: Run, tmp_path: Path
) -> None:
    record(history, 10)
    history.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (tmp_path / "history.db").read_bytes()
    history.execute("BEGIN IMMEDIATE")
    assert "10 records" in run()[1]
    assert (tmp_path / "history.db").read_bytes() == before


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("sqlite:////nowhere/history.db", "unable to open", id="no such file"),
        pytest.param("nonsense", "DATABASE_URL", id="no address"),
        pytest.param("postgresql+psycopg://me:secret@h:port/d", "DATABASE_URL", id="no port"),
        pytest.param("postgresql+psycopg://me:secret@127.0.0.1:1/d", "127.0.0.1", id="no server"),
    ],
)
def test_what_it_cannot_read_it_says_with_status_2_and_no_password(
    run: Run, url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    status, told, error = run()
    assert (status, told) == (2, "")
    assert reason in error
    assert "secret" not in error


def test_an_empty_history_is_nothing_to_look_at(history: Any, run: Run) -> None:
    assert run()[0] == 2
    assert "has no such records" in run()[2]


def test_no_record_to_look_at_is_no_look(run: Run) -> None:
    status, _, errors = run("--last", "0")
    assert status == 2
    assert "--last 0 asks for no record: give 1 or more" in errors


def test_no_table_is_told_as_such(history: Any, run: Run) -> None:
    history.execute("DROP TABLE history")
    assert run() == (2, "", "monitor.py: no such table: history\n")


# ── The report ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_the_report_needs_nothing_else(history: Any, run: Run, count: int, tmp_path: Path) -> None:
    record(history, count)
    run("--report", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 9
    assert not re.search(r"<script|<link|@import|src=|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\s\"<]+", page)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip


def test_the_report_does_not_grow_with_the_history(history: Any, run: Run, tmp_path: Path) -> None:
    sizes = []
    for count in (1000, 4000):
        record(history, count)
        run("--report", tmp_path / "report.html")
        sizes.append((tmp_path / "report.html").stat().st_size)
    assert sizes[1] < 1.2 * sizes[0] < 700_000


def test_what_a_name_holds_is_text_on_the_page(history: Any, run: Run, tmp_path: Path) -> None:
    record(history, 20, species="<script>alert(1)</script>", model="<b>")
    run("--report", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page


def test_a_report_that_cannot_be_written_is_status_2(history: Any, run: Run) -> None:
    record(history, 20)
    assert run("--report", "/nowhere/report.html")[0] == 2
