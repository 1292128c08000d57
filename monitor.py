"""Is the model still seeing what it was trained on? A look at the history that main.py writes.

    python monitor.py [--last 10000] [--since 2026-11-01] [--model f7c7df1bdcd1] [--report FILE]

Every record read is held against the training rows in model.reference.csv. A threshold is passed
by what is over a customary limit (PSI 0.25: Siddiqi, Credit Risk Scorecards, 2006) and over what
chance reaches in one run of a thousand. Status 0: no drift; 1: drift; 2: it could not look.
"""

import argparse, contextlib, csv, importlib, json, os, re, sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path
from typing import Any

import jinja2, numpy as np, sqlalchemy as sql
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from scipy.special import rel_entr
from scipy.stats import chi2, kstwobign

HERE, ALPHA, PAGE, BINS, POINTS = Path(__file__).parent, 0.001, 10_000, 24, 500
SQLITE: Any = importlib.import_module("pysqlite3" if find_spec("pysqlite3") else "sqlite3")
FACTORS = 5, 3, 4, 4, 6, 7, 4, 13, 5, 4, 5  # widen a span of a minute, up to a century
HISTORY = """SELECT id, CAST(features AS text), species, CAST(probabilities AS text), model,
    classified_at FROM history WHERE id < :before {} ORDER BY id DESC LIMIT :limit"""
DRIFT, TIME = "Against the training rows", "Share and confidence by species over time"


class Column:
    """One column of the training rows, and how often each of its values came up in the records.

    A cell for each value and each gap: two distribution functions differ most at or before one.
    """

    def __init__(self, name: str, rows: Sequence[str]) -> None:
        self.name, self.rows, self.number = name, np.array(rows), False
        with contextlib.suppress(ValueError):
            self.rows, self.number = self.rows.astype(float), True
        self.values = np.unique(self.rows)
        cells = np.arange(2 * len(self.values) + 1)
        self.trained, self.seen = self.count(self.rows), np.zeros_like(cells)
        self.bins = np.where(cells % 2, cells // 2, len(cells))  # of text: one for each value
        if self.number:  # of numbers: ten that hold as many training rows each
            tenths = np.quantile(self.rows, np.arange(1, 10) / 10, method="inverted_cdf")
            ends = np.searchsorted(self.values, np.unique(tenths[tenths < self.values[-1]]))
            self.bins = np.searchsorted(2 * ends + 1, cells)

    def count(self, found: Any) -> Any:
        cells = sum(np.searchsorted(self.values, found, side) for side in ("left", "right"))
        return np.bincount(cells, minlength=2 * len(self.values) + 1)

    def add(self, found: Sequence[Any]) -> None:
        kind = (int, float) if self.number else str
        if fit := [value for value in found if isinstance(value, kind)]:
            self.seen += self.count(np.array(fit))

    def judge(self, psi: float, ks: float, alpha: float) -> list[tuple[float, float]]:
        """(statistic, threshold) of PSI and, of numbers, KS; alpha is the chance left to one."""
        n, m = max(self.seen.sum(), 1), self.trained.sum()
        both = np.array([np.bincount(self.bins, cells) for cells in (self.trained, self.seen)])
        both = both[:, both.any(0)] + 0.5  # half a row more: an empty bin is no infinity
        p, q = both / both.sum(1, keepdims=True)
        # by chance a chi-square: Yurdakul and Naranjo, Statistical Properties of the PSI, 2020
        chance = chi2.isf(alpha, max(len(p) - 1, 1)) * (1 / n + 1 / m)
        found = [((rel_entr(p, q) + rel_entr(q, p)).sum(), max(psi, chance))]
        if self.number:
            apart = abs(self.trained.cumsum() / m - self.seen.cumsum() / n).max()
            found.append((apart, max(ks, kstwobign.isf(alpha) * (1 / n + 1 / m) ** 0.5)))
        return found if self.seen.any() else []


class Look:
    """What is kept of the records, however many: counts, and the newest few to plot."""

    def __init__(self, columns: list[Column], pages: Iterator[Sequence[Any]]) -> None:
        self.columns, self.seconds, factors = columns, 60, iter(FACTORS)
        self.newest: list[dict[str, Any]] = []
        self.counts: Any = Counter()  # by span of time, species, model: number + i * confidence
        for page in pages:
            self.add(*list(zip(*page, strict=True))[1:])
            while len({span for span, *_ in self.counts}) > BINS:
                self.seconds *= (k := next(factors))
                self.counts = self.by(lambda key, k=k: (key[0] // k, *key[1:]))

    def add(self, texts: Any, species: Any, probabilities: Any, models: Any, at: Any) -> None:
        features, found = (json.loads(f"[{','.join(part)}]") for part in (texts, probabilities))
        rows = [{**row, "species": name} for row, name in zip(features, species, strict=True)]
        for column in self.columns:
            column.add([row.get(column.name) for row in rows])
        self.newest = (self.newest + rows)[:POINTS]
        spans = np.array([text[:19] for text in at], "datetime64[s]").astype(int) // self.seconds
        for *key, p in zip(spans.tolist(), species, models, found, strict=True):
            self.counts[*key] += complex(1, max(p.values()))

    def by(self, key: Any) -> Any:
        found: Any = Counter()
        for old, count in self.counts.items():
            found[key(old)] += count
        return found


def read(url: sql.URL, last: int, since: str, model: str) -> Iterator[Sequence[Any]]:
    """Pages of records, newest first, each read in a moment of its own; nothing can be written."""
    options: Any = {"connect_args": {"options": "-c default_transaction_read_only=on"}}
    if url.get_backend_name() == "sqlite":
        file = f"{Path(url.database or '').resolve().as_uri()}?mode=ro"
        options = {"creator": lambda: SQLITE.connect(file, uri=True), "module": SQLITE}
    query = sql.text(HISTORY.format("AND model = :model" if model else ""))
    with sql.create_engine(url, isolation_level="AUTOCOMMIT", **options).connect() as connection:
        before, limit = 2**63 - 1, min(PAGE, last)
        while limit:
            values = {"before": before, "limit": limit, "model": model[:12]}
            page = connection.execute(query, values).all()
            if fresh := [row for row in page if row[5] >= since]:
                yield fresh
            before, last = page[-1][0] if page else 0, last - limit
            limit = min(PAGE, last) if fresh and len(page) == limit else 0


def tables(look: Look, psi: float, ks: float) -> dict[str, list[list[str]]]:
    """By title the rows of each table, its heads first; what passes its threshold has a ▲."""
    alpha = ALPHA / max(1, sum(1 + column.number for column in look.columns))
    found = {DRIFT: [["column", "records", "PSI", "KS"]]}
    for column in look.columns:
        told = column.judge(psi, ks, alpha)
        cells = [f"{x:.3f} {'▲ >' if x > limit else '≤'} {limit:.2f}" for x, limit in told]
        found[DRIFT].append([column.name, f"{column.seen.sum():,}", *[*cells, "–", "–"][:2]])
    species, spans = look.by(itemgetter(1)), look.by(itemgetter(0, 1))
    names = sorted(species, key=lambda name: -species[name].real)[:4]
    found[TIME] = [["from (UTC)", "a minute", *names]]
    for span, n in sorted(look.by(itemgetter(0)).items()):
        own = [spans[span, name] for name in names]
        shares = [f"{k.real / n.real:.0%} · {k.imag / k.real:.2f}" if k else "–" for k in own]
        start = f"{datetime.fromtimestamp(span * look.seconds, UTC):%F %H:%M}"
        found[TIME].append([start, f"{n.real * 60 / look.seconds:,.1f}", *shares])
    found["Models in use"] = [["model", "records", "confidence"]]
    for model, n in look.by(itemgetter(2)).items():
        found["Models in use"].append([model, f"{n.real:,.0f}", f"{n.imag / n.real:.2f}"])
    return found


def report(look: Look, **told: Any) -> str:
    """A page that needs nothing else: monitor.html, its plots drawn as SVG by Vega-Lite."""
    svg = importlib.import_module("vl_convert").vegalite_to_svg  # large: only for a report
    pages = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(HERE))
    pages.filters["svg"] = lambda spec: svg(json.loads(spec))
    pages.filters["words"] = lambda name: re.sub("(?<=[a-z])(?=[A-Z])|_", " ", name).capitalize()
    told["names"] = [c.name for c in look.columns if c.number] or list(look.newest[0])[:-1]
    told["spans"] = sorted(look.by(itemgetter(0, 1)).items())
    return pages.get_template("monitor.html").render(told, look=look, points=POINTS)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--last", type=int, default=10_000, help="read so many records (10000)")
    parser.add_argument("--since", type=datetime.fromisoformat, help="none before this time")
    parser.add_argument("--model", default="", help="only the records of this model, by SHA-256")
    parser.add_argument("--report", type=Path, help="write a page of plots to this file")
    parser.add_argument("--psi", type=float, default=0.25, help="limit of the index (0.25)")
    parser.add_argument("--ks", type=float, default=0.1, help="of Kolmogorov-Smirnov's D (0.1)")
    asked, console = parser.parse_args(arguments), Console(markup=False, highlight=False)
    if asked.last < 1:
        parser.error(f"--last {asked.last} asks for no record: give 1 or more")
    since = f"{asked.since.astimezone(UTC):%FT%T}" if asked.since else ""
    path = Path(os.environ.get("MODEL_PATH") or HERE / "model.pkl").with_suffix(".reference.csv")
    try:
        url = sql.make_url(os.environ.get("DATABASE_URL") or f"sqlite:///{HERE}/history.db")
    except (ValueError, sql.exc.ArgumentError):  # whose message may hold a password
        parser.exit(2, "monitor.py: DATABASE_URL is no address of a database\n")
    try:
        heads, *rows = csv.reader((path.read_text() if path.is_file() else "").splitlines() or [""])
        columns = list(map(Column, heads, zip(*rows, strict=True)))
        look = Look(columns, read(url, asked.last, since, asked.model))
        if not look.counts:
            raise ValueError(f"the history {url.database} has no such records")
        found = tables(look, asked.psi, asked.ks)
        drift = ", ".join(row[0] for row in found[DRIFT] if "▲" in "".join(row))
        about = f"{sum(look.counts.values()).real:,.0f} records, {len(rows)} training rows"
        verdict = f"Drift: {drift}" if drift else "No drift" if rows else f"No rows in {path.name}"
        if asked.report:
            page = report(look, verdict=verdict, about=about, drift=drift, tables=found)
            asked.report.write_text(page, encoding="utf-8")
    except (ImportError, OSError, ValueError, sql.exc.SQLAlchemyError) as error:
        parser.exit(2, f"monitor.py: {getattr(error, 'orig', error)}\n")
    for title, (names, *cells) in found.items():
        table = Table(*names, title=title, box=SIMPLE)
        for row in cells:
            table.add_row(*row, style="bold red" if "▲" in "".join(row) else None)
        console.print(table)
    console.print(f"{verdict}. {about}.", style="bold red" if drift else None, soft_wrap=True)
    return 1 if drift else 0


if __name__ == "__main__":
    sys.exit(main())
