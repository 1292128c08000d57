"""Grow the apps of strangers, and check the result by other means than the tool's own.

Usage: python tests/grow/corpus.py FOLDER [--python PATH] [--stage large] [--only APP ...]

FOLDER holds corpus.tsv (columns app, repo, path, commit, ..., setup) and a checkout of each app's
repository in a folder named by the first column. For each app: the tool writes a grown copy, every
module of it is imported alone in a fresh process, ruff looks for unused and missing imports, and
the OpenAPI documents of both versions are fetched by plain Python and compared.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from ruff import find_ruff_bin

HERE = Path(__file__).parents[2]
OPENAPI = (
    "import json, sys; sys.path.insert(0, '.'); import {0} as m; print(json.dumps(m.app.openapi()))"
)


@dataclass
class Row:
    """What became of one app."""

    app: str
    status: int
    steps: list[str] = field(default_factory=list)
    share: float | None = None
    seconds: float = 0.0
    tool: float = 0.0
    lines: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def grown(self) -> bool:
        return self.status == 0 and not self.complaints


def main() -> int:
    given = _arguments()
    with (given.folder / "corpus.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    results = []
    for row in rows:
        if not given.only or row["app"] in given.only:
            results.append(grow_one(given.folder, row, given.python, given.stage))
            print(_line(results[-1]), flush=True)
    return _conclude(results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default=sys.executable, help="has what the apps import")
    parser.add_argument("--stage", default="small", choices=["small", "large"])
    parser.add_argument("--only", nargs="*", default=[])
    return parser.parse_args()


def grow_one(folder: Path, row: dict[str, str], python: str, stage: str) -> Row:
    main = (folder / row["app"] / row["path"]).resolve()
    environment = prepare(main, row["setup"])
    with tempfile.TemporaryDirectory() as scratch:
        out, report = Path(scratch, "out"), Path(scratch, "report.json")
        began = time.monotonic()
        command = [sys.executable, "-m", "fastapi_grow", stage, str(main), "--into", str(out)]
        done = subprocess.run(
            [*command, "--python", python, "--json", str(report)],
            capture_output=True, text=True, env=environment, cwd=HERE,
            check=False,
        )  # fmt: skip
        result = Row(row["app"], done.returncode, seconds=round(time.monotonic() - began, 1))
        if not report.exists():
            result.complaints = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
            return result
        read_report(result, json.loads(report.read_text()))
        if done.returncode == 0:
            prepare(out / main.name, row["setup"])
            result.complaints = complaints(main, out / main.name, python, environment, stage)
    return result


def prepare(main: Path, setup: str) -> dict[str, str]:
    """Do what corpus.tsv asks for: make folders, set variables."""
    environment = dict(os.environ)
    kind, _, rest = setup.partition(" ")
    if kind == "mkdir":
        for name in rest.split():
            made = main.parent / name
            made.mkdir(parents=True, exist_ok=True)
    elif kind == "env":
        environment |= dict(pair.split("=", 1) for pair in rest.split())
    return environment


def read_report(result: Row, report: dict) -> None:
    result.steps = [f"{step['name']}: {step['result']}" for step in report["steps"]]
    for step in report["steps"]:
        if step["result"] != "done" and step["name"] != "tests":
            result.steps.append(f"   ({step['name']}: {step['reason']})")
    lines = report["lines"]
    result.lines = lines["before"]
    result.share = (lines["root"] + lines["assembling"]) / max(lines["before"], 1)
    result.tool = report["seconds"]["tool"]


def complaints(
    old: Path, new: Path, python: str, environment: dict[str, str], stage: str
) -> list[str]:
    """What is wrong with the grown app, found without the tool."""
    package = next(
        path
        for path in new.parent.iterdir()
        if (path / "__init__.py").exists() and fresh(path, old)
    )
    found = []
    for module in sorted(package.rglob("*.py")):
        name = ".".join(module.relative_to(new.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        )
        error = run(python, f"import {name}", new.parent, environment)[1]
        found += [f"{name} does not import alone: {error}"] if error else []
    found += sorted(imports_at_fault(new, package) - imports_at_fault(old))
    command = [sys.executable, "-m", "fastapi_grow", stage, str(new)]
    again = subprocess.run(
        [*command, "--into", str(new.parent / "again")],
        capture_output=True, text=True, check=False, cwd=HERE,
    )  # fmt: skip
    found += [] if "has grown already" in again.stdout else ["growing it again does something"]
    documents = [
        run(python, OPENAPI.format(path.stem), path.parent, environment) for path in (old, new)
    ]
    if documents[0][0] != documents[1][0] and sorted_json(documents[0][0]) != sorted_json(
        documents[1][0]
    ):
        found.append("the OpenAPI documents differ")
    return found


def imports_at_fault(*paths: Path) -> set[str]:
    """Ruff's words on unused and missing imports; those of the old file are not ours."""
    command = [find_ruff_bin(), "check", "--isolated", "--select", "F401,F821"]
    checked = subprocess.run(
        [*command, "--output-format", "json", *map(str, paths)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {f"{fault['code']} {fault['message']}" for fault in json.loads(checked.stdout)}


def fresh(package: Path, old: Path) -> bool:
    return not (old.parent / package.name).exists()


def sorted_json(text: str) -> str:
    return json.dumps(json.loads(text.splitlines()[-1]), sort_keys=True) if text.strip() else ""


def run(python: str, code: str, cwd: Path, environment: dict[str, str]) -> tuple[str, str]:
    """What the code prints, and the last line of its error if it fails."""
    done = subprocess.run(
        [python, "-W", "ignore", "-B", "-c", code],
        cwd=cwd, capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout, done.stderr.strip().splitlines()[-1] if done.returncode else ""


def _line(row: Row) -> str:
    done = sum(step.endswith(": done") for step in row.steps)
    other = [step.strip() for step in row.steps if step.startswith("   (")]
    share = f"{row.share:.0%}" if row.share is not None else "-"
    word = "grown" if row.grown else "refused" if row.status == 1 else "FAILED"
    text = f"{row.app} {word:8}{done:3} steps {share:>5} {row.lines:5} lines"
    text += f" {row.seconds:6} s, the tool {row.tool:4} s"
    return "\n".join([text, *(f"      {line}" for line in [*other, *row.complaints])])


def _conclude(results: list[Row]) -> int:
    grown = [row for row in results if row.grown]
    shares = [row.share for row in grown if row.share is not None]
    median = statistics.median(shares) if shares else 1.0
    bad = [row.app for row in results if row.complaints]
    print(f"{len(grown)} of {len(results)} grow; median share left {median:.1%}")
    print(f"wrong: {', '.join(bad) or 'none'}")
    return 0 if len(grown) >= 0.9 * len(results) and not bad and median <= 0.25 else 1


if __name__ == "__main__":
    sys.exit(main())
