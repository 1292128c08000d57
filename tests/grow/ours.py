"""Grow the apps of this repository, and check the results by other means than the tool's own.

Usage: python tests/grow/ours.py [MAIN ...]

Each is grown to the small stage and from there to the large one, on the command line, which runs
its tests before and after; no step may be left out. Then, without the tool: all tests pass on both
grown apps, uvicorn serves them from their folders with the OpenAPI document of the single file, and
where there are migrations, Alembic makes the tables in an empty PostgreSQL database. The tests that
run on real services do so on the large one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg

HERE = Path(__file__).parents[2]
OURS = ("examples/jobs/main.py", "examples/digits/main.py", "main.py")  # the longest first
LARGEST = 0.25  # share of the lines that may be left in the entry and the assembling module
WITHIN = 60  # seconds for a server to answer
NOT_THE_APP = {"benchmarks", "examples", "fastapi_grow", "tests", "tutorial", "monitor.py"}
NOTHING_TO_DO = ("no test imports anything that has moved", "is a settings class already")
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/"
# Left out while the tool compares, run on what has grown: they measure models or wait for workers.
SLOW = (
    "test_97_of_100_unseen_digits_are_right", "test_9_of_10_photographs_are_right",
    "test_the_embedded_default_serves_with_nothing_but_python",
)  # fmt: skip


def main() -> int:
    chosen = sys.argv[1:] or OURS
    with ThreadPoolExecutor(2) as pool:
        return 1 if any(list(pool.map(told, chosen))) else 0


def told(name: str) -> list[str]:
    began = time.monotonic()
    found = list(faults((HERE / name).resolve()))
    seconds = time.monotonic() - began
    print(f"{name}: {'; '.join(found) or 'grown to small and large'} ({seconds:.0f} s)", flush=True)
    return found


def faults(main: Path) -> Iterator[str]:
    """What is wrong with the grown apps; nothing when all is well."""
    with tempfile.TemporaryDirectory(prefix="grown-") as name:
        tiny, small, large = (Path(name, stage) for stage in ("tiny", "small", "large"))
        copy_of(main.parent, tiny)
        document = served(tiny, main.stem)
        for stage, before, after in (("small", tiny, small), ("large", small, large)):
            yield from grow(stage, before / main.name, after)
            if not after.exists():
                return
            yield from failing(after, "test_main.py")
            if served(after, main.stem) != document:
                yield f"{stage}: uvicorn serves another OpenAPI document"
        if (large / "alembic.ini").exists():
            yield from migrated(large)
        if (large / "test_services.py").exists():
            yield from failing(large, "test_services.py")


def copy_of(folder: Path, to: Path) -> None:
    """Copy what git knows of an app: no data, no caches."""
    listed = run(["git", "ls-files", "."], folder).stdout.splitlines()
    for path in listed:
        if not {Path(path).parts[0]} & NOT_THE_APP and not path.startswith("."):
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / path, to / path)


def grow(stage: str, main: Path, into: Path) -> Iterator[str]:
    report = into.with_suffix(".json")
    command = [sys.executable, "-m", "fastapi_grow", stage, str(main), "--into", str(into)]
    done = run([*command, "--json", str(report)], HERE, PYTEST_ADDOPTS=f"-k 'not {NOT_SLOW}'")
    if done.returncode:
        yield f"not grown: {last_line(done)}"
        return
    told = json.loads(report.read_text())
    for step in told["steps"]:
        if step["result"] != "done" and not step["reason"].endswith(NOTHING_TO_DO):
            yield f"{stage}: left out: {step['name']}, {step['reason']}"
    lines = told["lines"]
    if lines["root"] + lines["assembling"] > LARGEST * lines["before"]:
        yield f"{stage}: too much is left: {lines}"
    unproved = {name: word for name, word in told["checks"].items() if word != "passed"}
    if unproved:
        yield f"{stage}: not all is proved: {unproved}"


NOT_SLOW = " and not ".join(SLOW)


def failing(folder: Path, name: str) -> Iterator[str]:
    [tests] = [path for path in (folder / name, folder / "tests" / name) if path.exists()]
    done = run([sys.executable, "-m", "pytest", "-q", str(tests)], folder)
    if done.returncode:
        yield f"{tests.relative_to(folder.parent)} fails: {last_line(done)}"


def migrated(folder: Path) -> Iterator[str]:
    """What is wrong with the migrations on PostgreSQL: the second command finds a difference."""
    with database() as url:
        for words in (["upgrade", "head"], ["check"]):
            done = run([sys.executable, "-m", "alembic", *words], folder, DATABASE_URL=url)
            if done.returncode:
                yield f"alembic {' '.join(words)}: {last_line(done)}"


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database, which is gone afterwards."""
    name = f"grown_{uuid.uuid4().hex}"
    with psycopg.connect(f"{POSTGRESQL}postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+psycopg{POSTGRESQL.removeprefix('postgresql')}{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | settings
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def served(folder: Path, stem: str) -> object:
    """The OpenAPI document of the app in `folder`, as uvicorn serves it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", f"{stem}:app", "--port", str(port)]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=folder, **silent)
    try:
        until = time.monotonic() + WITHIN
        while server.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json") as answer:
                    return json.load(answer)
            except urllib.error.URLError:
                time.sleep(0.05)  # between two looks
        raise SystemExit(f"{folder}: uvicorn does not serve {stem}:app")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
