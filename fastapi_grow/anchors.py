"""What stays on the application and answers URLs there: mounts, blocks, code that reads the routes.

A router is included at one place only. A group with routes on both sides of an anchor that can
answer the same URLs must leave one side behind; `sort_out` finds the smaller one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from fastapi_grow.groups import Group
from fastapi_grow.routes import Route, can_match_same, routes_of
from fastapi_grow.scope import dotted_name
from fastapi_grow.survey import Item, Survey

HARMLESS = {
    "add_middleware", "add_exception_handler", "exception_handler", "middleware", "on_event",
    "add_event_handler", "state", "debug", "openapi", "title", "description", "version",
    "dependency_overrides", "openapi_schema",
}  # fmt: skip
ELSEWHERE = {"guard", "handler", "middleware", "event", "app", "router", "lifespan"}
Paths = list[str | None]  # None stands for any path


def paths_left(survey: Survey, item: Item, owner: str) -> Paths:
    """The paths that `item`, left on the application `owner`, can answer or looks at."""
    routes = routes_of(survey, item)
    if routes:
        return [route.path for route in routes if route.owner == owner]
    if item.kind in ELSEWHERE or owner not in item.names.now:
        return []
    tree = item.statement.tree
    call = tree.value if isinstance(tree, ast.Expr) else None
    if isinstance(call, ast.Call):
        name = (dotted_name(call.func) or "").removeprefix(f"{owner}.").split(".")[0]
        if name in HARMLESS:
            return []
        if name == "mount" and call.args and isinstance(call.args[0], ast.Constant):
            path = str(call.args[0].value).rstrip("/")
            return [f"{path}/{{rest:path}}", path or "/"]
    if isinstance(tree, ast.Assign) and _assigns_attribute(tree, owner):
        return []
    return [None]


def _assigns_attribute(tree: ast.Assign, owner: str) -> bool:
    names = [dotted_name(target) or "" for target in tree.targets]
    return all(name.removeprefix(f"{owner}.").split(".")[0] in HARMLESS for name in names)


def meets(paths: Iterable[str | None], routes: Iterable[Route]) -> bool:
    """Can one URL match one of `paths` and one of `routes`?"""
    routes = list(routes)
    return any(can_match_same(path, route.path) for path in paths for route in routes)


def sort_out(survey: Survey, groups: list[Group], stay: set[int]) -> dict[int, str]:
    """Routes that must stay on the application, with the reason; `stay` is known to."""
    left: dict[int, str] = {}
    changed = True
    while changed:
        changed = False
        for group in groups:
            found = _entangled(survey, group, set(left) | stay, groups)
            changed = changed or bool(found)
            left |= found
    return left


def _entangled(survey: Survey, group: Group, stay: set[int], groups: list[Group]) -> dict[int, str]:
    moving = {index for other in groups for index in other.items} - stay
    for index, item in survey.items.items():
        if index in moving:
            continue
        for owner in {route.owner for routes in group.routes.values() for route in routes}:
            paths = paths_left(survey, item, owner)
            own = {i: [r for r in group.routes.get(i, []) if r.owner == owner] for i in group.items}
            near = [i for i in group.items - stay if meets(paths, own[i])]
            before = [i for i in near if i < index]
            after = [i for i in near if i > index]
            if before and after:
                why = f"its place relative to line {item.statement.line} decides who answers"
                smaller = before if len(before) < len(after) else after
                return dict.fromkeys(smaller, why)
    return {}
