"""Runs the probe in the app's own interpreter, on a fresh copy of the project.

Every observation starts from the same files, so databases and uploads of one cannot be seen by the
next; what an app keeps elsewhere (a server named by the environment) is beyond our reach.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi_grow.identity import Identity
from fastapi_grow.scratch import LEFT_OUT, scratch
from fastapi_grow.traffic import Request

PROBE = Path(__file__).with_name("probe")
PATIENCE = 180  # seconds for one run of the probe


class ProbeFailed(RuntimeError):
    """The interpreter ended without a report; the text is what it printed."""


@dataclass
class Observer:
    """What every observation of one project has in common."""

    project: Path  # the folder that is copied
    identity: Identity
    python: str
    cwd: Path  # where people start the app, inside `project`
    app: str | None
    factory: str | None = None
    classes: list[str] = field(default_factory=list)
    gone: tuple[str, ...] = ()  # files of the project that no observed version has
    environment: Mapping[str, str] = field(default_factory=dict)  # besides the tool's own
    first: tuple[str, ...] = ()  # a command that runs before the app
    later: Mapping[str, str] = field(default_factory=dict)  # variables set after the import

    def observe(
        self,
        files: Mapping[str, str],
        requests: Iterable[Request] = (),
        *,
        server: bool = False,
        slow: float | None = None,
    ) -> dict[str, Any]:
        """The probe's report on the project with `files` (relative to MAIN's folder) written in."""
        with scratch(self.project) as folder:
            copy = folder / self.project.name
            copy_project(self.project, copy, self.identity, files, self.gone)
            run_first(self.first, copy, copy / self.cwd.relative_to(self.project))
            order = self._order(copy, requests) | {"server": server, "slow": slow}
            return run_probe(self.python, order, folder, self.environment)

    def _order(self, copy: Path, requests: Iterable[Request]) -> dict[str, Any]:
        def inside(path: Path) -> str:
            return str(copy / path.relative_to(self.project))

        return {
            "project": str(copy),
            "path": [inside(self.identity.root)],
            "cwd": inside(self.cwd),
            "module": self.identity.name,
            "app": self.app,
            "factory": self.factory,
            "classes": self.classes,
            "requests": list(requests),
            "later": dict(self.later),
        }


def copy_project(
    project: Path,
    copy: Path,
    identity: Identity,
    files: Mapping[str, str],
    gone: Iterable[str] = (),
) -> None:
    """Copy the project without environments, caches and `gone`, then write `files` into it."""
    shutil.copytree(project, copy, ignore=LEFT_OUT, symlinks=True, ignore_dangling_symlinks=True)
    folder = copy / identity.folder.relative_to(project)
    for path in gone:
        (folder / path).unlink(missing_ok=True)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def run_first(command: tuple[str, ...], copy: Path, cwd: Path) -> None:
    """Run what comes before the app in a copy of the project."""
    if command:
        words = [word.format(project=copy) for word in command]
        subprocess.run(words, cwd=cwd, capture_output=True, check=False)  # noqa: S603 - ours


def run_probe(
    python: str, order: dict[str, Any], folder: Path, given: Mapping[str, str]
) -> dict[str, Any]:
    """Run the probe once; raises ProbeFailed with its output when it leaves no report."""
    order_path, report_path = folder / "order.json", folder / "report.json"
    order_path.write_text(json.dumps(order))
    environment = {**os.environ, **given, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [python, "-W", "ignore", str(PROBE), str(order_path), str(report_path)],
            capture_output=True, text=True, timeout=PATIENCE, env=environment,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ProbeFailed(f"no report after {PATIENCE} seconds") from error
    if not report_path.exists():
        raise ProbeFailed(done.stderr.strip() or done.stdout.strip() or "it printed nothing")
    report: dict[str, Any] = json.loads(report_path.read_text())
    return report


def literals(text: str) -> list[str]:
    """Short strings written in MAIN: the keys and names its own data uses."""
    found = {
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(word for word in found if 0 < len(word) <= 30 and "\n" not in word)
