""".pre-commit-config.yaml: local hooks only, run by the tools that pyproject.toml pins."""

from __future__ import annotations

from fastapi_grow.large.parts.project import Project

NAME = "hooks"
CALLED_FOR_BY = "always: .pre-commit-config.yaml"

TEXT = """\
repos:
  - repo: local
    hooks:
      - id: ruff
        name: "ruff: syntax errors, names that are undefined or unused"
        entry: ruff check --force-exclude --select E9,F63,F7,F82,F401
        language: system
        types: [python]
        require_serial: true
"""


def applies(project: Project) -> bool:
    return True


def files(project: Project) -> dict[str, str]:
    """The configuration of pre-commit."""
    return {".pre-commit-config.yaml": TEXT}
