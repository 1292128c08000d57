"""The app's own tests: found beside MAIN, run by pytest in the app's interpreter, result by test.

Only test files that know MAIN are run; a command given by the user is run as it is and judged by
its exit status.
"""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as xml  # nosec B405
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi_grow.externals import External
from fastapi_grow.identity import Identity
from fastapi_grow.observe import copy_project, run_first
from fastapi_grow.scratch import scratch

PATIENCE = 300  # seconds
NOT_RUN = "pytest"  # the name under which it says why there is no report
AS_COMMAND = "import sys; sys.path.remove(''); import pytest; sys.exit(pytest.main())"
Results = dict[str, str]


@dataclass(frozen=True)
class Suite:
    """How to run the tests of one project."""

    project: Path
    identity: Identity
    python: str
    files: tuple[Path, ...] = ()  # relative to `base`
    base: Path = Path()  # where pytest is started
    command: str | None = None
    gone: tuple[str, ...] = ()  # files of the project that no tested version has
    first: tuple[str, ...] = ()  # a command that runs before the tests
    as_command: bool = False  # as `pytest` and not as `python -m pytest`: without this folder

    def __bool__(self) -> bool:
        return bool(self.files or self.command)

    def run(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> Results:
        """The outcome of every test on a copy with `files` and `edited` written in."""
        with scratch(self.project) as folder:
            copy = folder / self.project.name
            copy_project(self.project, copy, self.identity, files, self.gone)
            for path, text in edited.items():
                (copy / path.relative_to(self.project)).write_text(text)
            base = copy / self.base.relative_to(self.project)
            run_first(self.first, copy, base)
            if self.command:
                return {self.command: self._status(self.command, base)}
            results = self._pytest(base, folder / "report.xml")
            # An id may hold a path of the copy, which is another one every time.
            return {name.replace(str(copy), "…"): word for name, word in results.items()}

    def _status(self, command: str, base: Path) -> str:
        try:
            done = subprocess.run(  # noqa: S602 - the user's own command  # nosec B602
                command, shell=True, cwd=base, capture_output=True, timeout=PATIENCE, check=False,
                env=_environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"no end after {PATIENCE} seconds"
        return "passed" if done.returncode == 0 else f"exit status {done.returncode}"

    def _pytest(self, base: Path, report: Path) -> Results:
        start = ["-c", AS_COMMAND] if self.as_command else ["-m", "pytest"]
        options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command = [self.python, *start, *options]
        try:
            done = subprocess.run(  # noqa: S603 - the interpreter that the user named
                [*command, *map(str, self.files)], cwd=base, capture_output=True, text=True,
                timeout=PATIENCE, check=False, env=_environment(), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {NOT_RUN: f"no end after {PATIENCE} seconds"}
        if not report.exists():
            said = (done.stdout + done.stderr).strip().splitlines()
            return {NOT_RUN: said[-1] if said else f"exit status {done.returncode}"}
        return read_report(report)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}


def read_report(report: Path) -> Results:
    """Test name -> passed, failed, error or skipped, from a JUnit file."""
    results = {}
    for case in xml.parse(report).getroot().iter("testcase"):  # nosec B314 # noqa: S314
        name = f"{case.get('classname')}::{case.get('name')}"
        outcome = next((child.tag for child in case if child.tag in OUTCOMES), "passed")
        results[name] = OUTCOMES.get(outcome, outcome)
    return results


OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}


def find_suite(
    project: Path, identity: Identity, python: str, known: list[External], command: str | None
) -> Suite:
    """The tests that know MAIN; those beneath MAIN's folder if there are any."""
    if command:
        return Suite(project, identity, python, base=identity.folder, command=command)
    tests = _tests(project, known)
    near = [path for path in tests if path.is_relative_to(identity.folder)]
    base = identity.folder if near else project
    files = tuple(sorted(path.relative_to(base) for path in near or tests))
    return Suite(project, identity, python, files, base)


def _tests(project: Path, known: list[External]) -> list[Path]:
    found = {
        external.path
        for external in known
        if external.is_test and external.path.name != "conftest.py"
    }
    for external in known:
        if external.path.name == "conftest.py":
            found |= {
                path
                for pattern in ("test_*.py", "*_test.py")
                for path in external.path.parent.rglob(pattern)
            }
    return sorted(found)


def changes(old: Results, new: Results) -> list[str]:
    """What is different between two runs, one line a test."""
    return [
        f"{name}: {old.get(name, 'not there')} before, {new.get(name, 'not there')} now"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
