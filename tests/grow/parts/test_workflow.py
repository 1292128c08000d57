"""The CI workflow, judged by actionlint."""

from __future__ import annotations

from parts.commands import run


def test_workflow_is_understood_by_actionlint(grown):
    run(grown()[0], "actionlint", ".github/workflows/ci.yml")
