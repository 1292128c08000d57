"""`advise`: which stage suits an app, and why."""

from __future__ import annotations

from pathlib import Path

from fastapi_grow.groups import Group
from fastapi_grow.plan import plan_small
from fastapi_grow.subject import is_grown, read_app

SHORT_LINES = 350  # up to so many, one file is the easiest to read
TINY_LINES, TINY_ROUTES = 450, 15  # up to both as well
LARGE_LINES, LARGE_ROUTES = 3000, 80  # beyond either, flat modules grow too long


def advise(main: Path) -> list[str]:
    """The advice for MAIN in lines of text, the verdict first."""
    found = read_app(main)
    if is_grown(found):
        return [f"{main.name} has grown already."]
    plan = plan_small(found)
    groups = list(plan.groups.values())
    routes = sum(len(registered) for group in groups for registered in group.routes.values())
    facts = [
        f"{found.lines()} lines, {routes} routes, {len(groups)} resources: "
        + (", ".join(group.name for group in groups) or "none"),
        *_belonging(groups),
    ]
    return [_verdict(main.name, found.lines(), routes, len(groups)), *facts]


def _verdict(name: str, lines: int, routes: int, resources: int) -> str:
    if lines <= SHORT_LINES or (lines <= TINY_LINES and routes <= TINY_ROUTES):
        return (
            f"Stay tiny: {name} can be read in one sitting (up to {SHORT_LINES} lines,"
            f" or {TINY_LINES} with no more than {TINY_ROUTES} routes)."
        )
    if lines > LARGE_LINES or routes > LARGE_ROUTES:
        return (
            f"Grow small first (fastapi-grow small {name}), then large: beyond {LARGE_LINES} lines"
            f" or {LARGE_ROUTES} routes, modules by kind grow too long."
        )
    why = f"{resources} resources share one file" if resources > 1 else f"it has {lines} lines"
    return f"Grow small (fastapi-grow small {name} --plan shows how): {why}."


def _belonging(groups: list[Group]) -> list[str]:
    rows = []
    for group in groups:
        paths = [r.path for found in group.routes.values() for r in found if r.path is not None]
        rows.append(f"  {group.name}: {', '.join(dict.fromkeys(paths))}")
    return ["what belongs together:", *rows] if rows else []
