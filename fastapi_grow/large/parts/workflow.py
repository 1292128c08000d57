""".github/workflows/ci.yml: what CI runs is what a developer runs."""

from __future__ import annotations

from fastapi_grow.large.parts.project import Project

NAME = "workflow"
CALLED_FOR_BY = "always: .github/workflows/ci.yml"

TEXT = """\
name: CI
on:
  push:
    branches: [main, master]
  pull_request:
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v6
      - uses: actions/setup-python@v6
        with:
          python-version: "{python}"
      - run: pip install uv
      - run: uv sync
      - run: uv run pre-commit run --all-files
{steps}"""


def applies(project: Project) -> bool:
    return True


def files(project: Project) -> dict[str, str]:
    """The workflow."""
    steps = []
    if "alembic.ini" in project.added:
        steps.append("uv run alembic upgrade head && uv run alembic check")
    start = f"uv run python -c 'import {project.identity.name}'"
    steps.append("uv run pytest" if project.tests else start)
    lines = "".join(f"      - run: {step}\n" for step in steps)
    return {".github/workflows/ci.yml": TEXT.format(steps=lines, python=project.python_version)}
