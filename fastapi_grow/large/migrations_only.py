"""`--with migrations-only`: the app no longer makes its tables, `alembic upgrade head` does.

`create_all` goes out of the code and the migration into the container's start. Proved on a database
that Alembic has made: the same answers, and the same words of the tests.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace

import libcst as cst
import libcst.matchers as m
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from fastapi_grow.compare import Difference, differences
from fastapi_grow.growth import Growth
from fastapi_grow.large.parts import container
from fastapi_grow.large.parts.project import Project
from fastapi_grow.suite import changes
from fastapi_grow.target import Target

NAME = "migrations-only"
MAKES = m.Attribute(attr=m.Name("create_all"))
LINE = m.SimpleStatementLine(
    body=[m.Expr(m.Call(func=MAKES) | m.Await(m.Call(args=[m.Arg(MAKES)])))]
)


class NotOnly(ValueError):
    """`create_all` stays; the text says why."""


def leave_to_migrations(growth: Growth, project: Project, target: Target, parts: set[str]) -> str:
    """Take `create_all` out and write the tree; returns what was changed, or raises NotOnly."""
    if "alembic.ini" not in project.added:
        raise NotOnly("there is no migration that was proved just now")
    dockerfile = project.root / "Dockerfile"
    kept = dockerfile.read_text(encoding="utf-8") if dockerfile.exists() else ""
    if "alembic upgrade" not in kept and (kept or container.NAME not in parts):
        raise NotOnly("no Dockerfile would run `alembic upgrade head`")
    changed = {path: without(text) for path, text in growth.files.items() if "create_all" in text}
    changed = {path: text for path, text in changed.items() if text != growth.files[path]}
    if not changed:
        raise NotOnly("no line of the app is a call of create_all")
    files = {**growth.files, **changed}
    _prove(growth, project, files)
    edits = {p: text for p, text in growth.edits.items() if p.name not in target.gone}
    if target.commit:
        target.write_and_commit(files, edits, "Leave the tables to the migrations")
    else:
        target.write(files, edits)
    project.files = files
    return ", ".join(sorted(changed))


def without(text: str) -> str:
    """The module without its calls of create_all, and without imports that only these needed."""
    module = cst.parse_module(text).visit(_Without())
    return _unused_gone(text, module.code)


class _Without(cst.CSTTransformer):
    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        return cst.RemoveFromParent() if m.matches(original_node, LINE) else updated_node

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        if updated_node.body:
            return updated_node
        return updated_node.with_changes(body=[cst.parse_statement("pass\n")])


def _unused_gone(before: str, text: str) -> str:
    """`text` without the imports that are unused now and were used before."""
    fix = [find_ruff_bin(), "check", "--isolated", "--quiet", "--select", "F401", "--no-cache"]
    known = _ruff([*fix, "--output-format", "concise", "-"], before)
    if known.strip():
        return text  # some are there for what they do: a reader must choose
    return _ruff([*fix, "--fix", "-"], text) or text


def _ruff(command: list[str], text: str) -> str:
    done = subprocess.run(  # noqa: S603 - ruff, from our own environment
        command, input=text, capture_output=True, text=True, check=False
    )
    return done.stdout


def _prove(growth: Growth, project: Project, files: Mapping[str, str]) -> None:
    """Raises NotOnly where the app differs on a database that Alembic has made."""
    verifier, identity = growth.verifier, growth.layout.identity
    beside = {
        os.path.relpath(project.root / path, identity.folder): text
        for path, text in project.added.items()
    }
    place = (project.root / "alembic.ini").relative_to(verifier.observer.project)
    upgrade = (project.python, "-m", "alembic", "-c", f"{{project}}/{place}", "upgrade", "head")
    observer = replace(verifier.observer, first=upgrade)
    trial = replace(verifier, observer=observer)
    whole = {**files, **beside}
    new = {**trial.look_at(whole), "events": []}

    def compare() -> list[Difference]:
        old = [{**report, "events": []} for report in verifier.reports]
        return differences(old, new, verifier.requests)

    found = verifier.looked_twice(compare)
    if found:
        raise NotOnly(str(found[0]))
    if verifier.suite:
        suite = replace(verifier.suite, first=upgrade)
        said = changes(verifier.results, suite.run(whole, growth.edits))
        if said:
            raise NotOnly(f"tests: {said[0]}")
