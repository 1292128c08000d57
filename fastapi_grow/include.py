"""Routers in the assembling module: their prefix, and where each one is included.

What stays on the application (mounts, catch-all routes, code that reads the routes) keeps its
order with every route that can match the same URL; a router that cannot be placed so raises
Unplaceable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_grow.anchors import meets, paths_left
from fastapi_grow.groups import Group, must_precede
from fastapi_grow.plan import Plan, is_router_route
from fastapi_grow.routes import PARAMETER, Route, routes_of, segments
from fastapi_grow.survey import Survey


class Unplaceable(ValueError):
    """The routes of a router cannot stay in order with what remains on the application."""


@dataclass(frozen=True)
class Router:
    """The APIRouter of one module."""

    module: str
    owner: str
    prefix: str
    items: frozenset[int]  # the moved routes that hang on it
    name: str = "router"

    @property
    def line(self) -> str:
        prefix = f'prefix="{self.prefix}"' if self.prefix else ""
        return f"{self.name} = APIRouter({prefix})\n"


def router_in(survey: Survey, plan: Plan, homes: Mapping[int, str], module: str) -> Router | None:
    """The router that module `module` needs, or None when none of its routes is the app's."""
    group = plan.groups.get(module)
    if group is None:
        return None
    items = {
        index: routes
        for index, routes in group.routes.items()
        if homes[index] == module and routes and is_router_route(survey, survey.items[index])
    }
    owners = {route.owner for routes in items.values() for route in routes}
    apps = [owner for owner in owners if survey.owners[owner] == "app"]
    if not apps:
        return None
    items = {i: own for i, routes in items.items() if (own := _of(apps[0], routes))}
    routes = [route for own in items.values() for route in own]
    taken = {*survey.definers, *survey.imported}
    name = "router" if "router" not in taken else f"{apps[0]}_router"
    return Router(module, apps[0], common_prefix(routes), frozenset(items), name)


def _of(owner: str, routes: list[Route]) -> list[Route]:
    return [route for route in routes if route.owner == owner]


def common_prefix(routes: list[Route]) -> str:
    """The fixed segments that all paths begin with; empty for a single route."""
    paths = [route.path for route in routes if route.literal and route.path]
    if len(paths) < 2 or len(paths) < len(routes):
        return ""
    common: list[str] = []
    for parts in zip(*(segments(path) for path in paths), strict=False):
        if len(set(parts)) > 1 or PARAMETER.match(parts[0]) or "{" in parts[0]:
            break
        common.append(parts[0])
    prefix = "/" + "/".join(common)
    whole = all(path == prefix or path.startswith(f"{prefix}/") for path in paths)
    return prefix if common and whole else ""


def placed(
    survey: Survey, plan: Plan, homes: Mapping[int, str], assembling: str
) -> list[tuple[int, Router]]:
    """Each router with the position, among MAIN's statements, in front of which it is included."""
    routers = [
        router
        for module in plan.groups
        if module in homes.values() and (router := router_in(survey, plan, homes, module))
    ]
    ordered = _in_order(plan, routers)
    last = max((index for router in routers for index in router.items), default=0)
    result: list[tuple[int, Router]] = []
    for router in reversed(ordered):
        low, high = _bounds(survey, homes, assembling, router)
        last = min(last, high)
        if last <= low:
            where = survey.items[high].statement.line if high in survey.items else 0
            raise Unplaceable(
                f"routes of {router.module} stand before and after line {where},"
                " which can match the same URLs"
            )
        result.append((last, router))
    return result[::-1]


def _in_order(plan: Plan, routers: list[Router]) -> list[Router]:
    """Routers in file order, moved only where overlapping paths demand it."""
    waiting = sorted(routers, key=lambda router: min(router.items))
    ordered: list[Router] = []
    while waiting:
        free = next(
            (r for r in waiting if not any(_precedes(plan, o, r) for o in waiting if o is not r)),
            waiting[0],
        )
        waiting.remove(free)
        ordered.append(free)
    return ordered


def _precedes(plan: Plan, one: Router, other: Router) -> bool:
    return must_precede(_moved(plan, one), _moved(plan, other))


def _moved(plan: Plan, router: Router) -> Group:
    group = plan.groups[router.module]
    routes = {index: group.routes[index] for index in router.items}
    return Group(group.name, set(router.items), routes)


def _bounds(
    survey: Survey, homes: Mapping[int, str], assembling: str, router: Router
) -> tuple[int, int]:
    low, high = -1, len(survey.source.statements)
    low = max([low, *(index for index in survey.definers[router.owner])])
    mine = {index: routes_of(survey, survey.items[index]) for index in router.items}
    for index, home in homes.items():
        if index in router.items or (home != assembling and not _registers_here(survey, index)):
            continue
        paths = paths_left(survey, survey.items[index], router.owner)
        for position, routes in mine.items():
            if meets(paths, routes):
                if index < position:
                    low = max(low, index)
                else:
                    high = min(high, index)
    return low, high


def _registers_here(survey: Survey, index: int) -> bool:
    item = survey.items[index]
    return item.kind == "route" and not is_router_route(survey, item)
