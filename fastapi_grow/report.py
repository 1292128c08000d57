"""What people and programs are told: the steps, the new tree, what was left and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from fastapi_grow.results import Outcome, StepResult
from fastapi_grow.survey import Survey

MARKS = {"done": "proved ", "skipped": "skipped", "failed": "failed "}
WHY = {
    "app": "makes the application",
    "effect": "ties something to the application, or runs as it is put together",
    "route": "cannot hang on a router without changing what it answers",
    "registered": "is registered on the application only",
    "constant": "is used only there, or with something that is",
}


def step_line(result: StepResult, package: str) -> str:
    """One line of progress: `proved  schemas -> app/schemas.py (12)`."""
    step = result.step
    what = f"{step.name} -> {package}/{step.place}"
    if result.result == "done":
        what += f" ({len(result.moved)})"
    return f"  {MARKS[result.result]}  {what}{': ' + result.reason if result.reason else ''}"


def tree_lines(lines: Mapping[str, int], before: int) -> list[str]:
    """The new tree with the lines of every file."""
    width = max((len(path) for path in lines), default=0)
    rows = [f"  {path:<{width}}  {count:>5}" for path, count in sorted(lines.items())]
    return [*rows, f"  {'before, in one file':<{width}}  {before:>5}"]


def left_over(survey: Survey, homes: Mapping[int, str], module: str) -> list[str]:
    """What stayed in the assembling module, with line and reason."""
    rows = []
    for index, home in homes.items():
        item = survey.items[index]
        if home == module and item.kind != "guard":
            why = WHY.get(item.kind, "uses the application, or something that stays with it")
            rows.append(f"  line {item.statement.line}: {item.title}: {why}")
    return rows


def as_json(outcome: Outcome) -> str:
    """The report for programs."""
    return json.dumps(
        {
            "stage": outcome.stage,
            "steps": [
                {
                    "name": result.step.name,
                    "result": result.result,
                    "reason": result.reason,
                    "moved": result.moved,
                }
                for result in outcome.steps
            ],
            "parts": outcome.parts,
            "checks": outcome.checks,
            "lines": {
                "before": outcome.before,
                "root": outcome.root,
                "assembling": outcome.assembling,
            },
            "seconds": {"total": outcome.seconds, "tool": outcome.tool_seconds},
        },
        indent=2,
    )


def write_json(path: str | None, outcome: Outcome) -> None:
    if path:
        Path(path).write_text(as_json(outcome) + "\n", encoding="utf-8")
