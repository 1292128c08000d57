"""pyproject.toml: what the app needs, pinned, ready for `uv run` and `uv lock`."""

from __future__ import annotations

import json

from fastapi_grow.large.parts.project import Project, name_of

NAME = "package"
CALLED_FOR_BY = "always: pyproject.toml, with the requirements pinned"

TEXT = """\
[project]
name = "{name}"
version = "{version}"
description = {description}
requires-python = ">={python}"
dependencies = [
{dependencies}]

[dependency-groups]
dev = [
{dev}]

[tool.uv]
package = false  # an application: it is run from its folder, not installed

[tool.pytest.ini_options]
pythonpath = ["."]
"""


def applies(project: Project) -> bool:
    return True


def files(project: Project) -> dict[str, str]:
    """pyproject.toml."""
    dev = [project.pinned(name) for name in ("httpx", "pre-commit", "pytest", "ruff")]
    needed = {name_of(line) for line in project.requirements}
    text = TEXT.format(
        name=project.name,
        description=json.dumps(project.sentence),
        version=project.version,
        python=project.python_version,
        dependencies=_lines(with_alembic(project)),
        dev=_lines([line for line in dev if name_of(line) not in needed]),
    )
    return {"pyproject.toml": text}


def with_alembic(project: Project) -> list[str]:
    """The requirements, Alembic where there are tables, and what a settings class needs."""
    lines = list(project.requirements)
    tables = any(item.kind == "table" for item in project.survey.items.values())
    if tables and "alembic" not in {name_of(line) for line in lines}:
        lines.append(project.pinned("alembic"))
    gathered = "(BaseSettings)" in "".join(project.files.values())
    if gathered and "pydantic-settings" not in {name_of(line) for line in lines}:
        lines.append(project.pinned("pydantic-settings"))
    return sorted(lines, key=str.lower)


def _lines(requirements: list[str]) -> str:
    return "".join(f"    {json.dumps(line)},\n" for line in requirements)
