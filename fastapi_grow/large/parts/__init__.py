"""What a project needs besides code, by what its app imports: a module for each part.

A part has a NAME, a sentence that says what calls for it, `applies` and `files`. Existing files are
never overwritten: where they differ from what a part would write, the difference is shown.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from fastapi_grow.large import settings_step, tests_step
from fastapi_grow.large.parts import (
    compose,
    container,
    environment,
    hooks,
    migrations,
    package,
    readme,
    workflow,
)
from fastapi_grow.large.parts.migrations import Unproved
from fastapi_grow.large.parts.project import Project

PARTS: tuple[ModuleType, ...] = (
    package, migrations, container, compose, environment, workflow, hooks, readme,
)  # fmt: skip
STEPS: tuple[ModuleType, ...] = (
    settings_step,
    tests_step,
)  # of the code, and can be left out like a part
NAMES = tuple(part.NAME for part in PARTS)
CHOICES = (*(step.NAME for step in STEPS), *NAMES)
Say = Callable[[str], None]


def wanted_parts(only: Iterable[str], without: Iterable[str]) -> list[ModuleType]:
    """The parts that the user wants, in order."""
    chosen = set(only) or set(NAMES)
    return [part for part in PARTS if part.NAME in chosen - set(without)]


def wanted_steps(only: Iterable[str], without: Iterable[str]) -> frozenset[str]:
    """The steps that the user wants, by name."""
    chosen = set(only) or set(CHOICES)
    return frozenset(step.NAME for step in STEPS if step.NAME in chosen - set(without))


def add_parts(project: Project, parts: Iterable[ModuleType], say: Say) -> dict[str, str]:
    """The new files of `parts`, by path from the project's root; says what became of each."""
    for part in parts:
        if not part.applies(project):
            continue
        try:
            found = part.files(project)
        except Unproved as error:
            say(f"  skipped  {part.NAME}: {error}")
            continue
        fresh = {path: text for path, text in found.items() if not (project.root / path).exists()}
        project.added |= fresh
        if fresh:
            say(f"  written  {part.NAME}: {', '.join(fresh)}")
        for path in found.keys() - fresh.keys():
            _show(project.root / path, found[path], path, say)
    return project.added


def _show(there: Path, text: str, path: str, say: Say) -> None:
    old = there.read_text(encoding="utf-8")
    if old == text:
        return
    say(f"  kept     {path}, which is there already; this would differ:")
    lines = difflib.unified_diff(old.splitlines(), text.splitlines(), path, path, lineterm="", n=1)
    for line in list(lines)[2:]:
        say(f"           {line}")


def catalogue() -> list[str]:
    """A line for each part: its name, and what calls for it."""
    width = max(len(name) for name in CHOICES)
    return [f"{part.NAME:<{width}}  {part.CALLED_FOR_BY}" for part in (*STEPS, *PARTS)]
