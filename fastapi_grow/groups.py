"""Routes grouped by resource: one router module for each, none of them trifling.

A resource with very many lines is cut by what its paths name next: `/shop/orders`, `/shop/items`.
Two groups become one when their order cannot be kept apart (a path of the first can match a URL
of the second in both directions), when they call each other, or when one is too small to stand
alone; the larger gives the name.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from fastapi_grow.routes import (
    Route,
    can_match_same,
    part_of,
    resource_of,
    routes_of,
    singular,
    text_of,
    word,
)
from fastapi_grow.survey import Survey

SMALL = 20  # lines below which a module joins its neighbour
LONG = 400  # lines above which a module is cut, where its paths say how
OVERHEAD = 6  # lines of imports and blank lines that a module adds


@dataclass(eq=False)
class Group:
    """The items of one router module."""

    name: str
    items: set[int]
    routes: dict[int, list[Route]] = field(default_factory=dict)

    def lines(self, survey: Survey) -> int:
        return OVERHEAD + sum(survey.items[index].statement.lines for index in self.items)


def group_routes(survey: Survey, together: list[set[int]], small: int = SMALL) -> list[Group]:
    """Group the route items of `survey`; every set of `together` stays in one group."""
    groups = _by_resource(survey)
    for bundle in together:
        touched = [group for group in groups if group.items & bundle]
        for other in touched[1:]:
            _merge(survey, groups, touched[0], other)
    _merge_mutual(survey, groups)
    _merge_small(survey, groups, small)
    _merge_tangled(survey, groups)
    return sorted(groups, key=lambda group: min(group.items))


def _by_resource(survey: Survey) -> list[Group]:
    groups: dict[str, Group] = {}
    for item in survey.items.values():
        if item.kind not in {"route", "router"}:
            continue
        routes = routes_of(survey, item)
        owner = routes[0].owner if routes else next(iter(item.names.binds), "")
        if survey.owners.get(owner) == "router":
            key = name = _router_name(survey, owner)
        else:
            name = resource_of(routes[0].path, routes[0].tag) if routes else "system"
            key = singular(name) if owner == survey.app else f"{owner} {singular(name)}"
        group = groups.setdefault(key, Group(name, set()))
        group.items.add(item.index)
        group.routes[item.index] = routes
    cut = [part for group in groups.values() for part in _cut(survey, group)]
    return cut if len({group.name for group in cut}) == len(cut) else list(groups.values())


def _cut(survey: Survey, group: Group, depth: int = 1) -> list[Group]:
    """The group itself; a long one of the application's in parts of two routes or more."""
    owners = {route.owner for routes in group.routes.values() for route in routes}
    if group.lines(survey) <= LONG or owners != {survey.app}:
        return [group]
    parts: dict[str, Group] = {}
    for index, routes in group.routes.items():
        name = part_of(routes[0].path, depth)
        part = parts.setdefault(singular(name), Group(f"{group.name}_{name}", set()))
        part.items.add(index)
        part.routes[index] = routes
    parts.pop("", None)  # of the resource itself: they stay
    own = [part for part in parts.values() if len(part.items) > 1 and part.lines(survey) > SMALL]
    rest = Group(group.name, group.items.difference(*(part.items for part in own)))
    rest.routes = {index: group.routes[index] for index in rest.items}
    found = [further for part in own for further in _cut(survey, part, depth + 1)]
    return [*found, rest] if rest.items else found


def _router_name(survey: Survey, owner: str) -> str:
    """The resource of an APIRouter that MAIN makes itself: of its prefix, or in its name."""
    tree = survey.items[survey.definers[owner][0]].statement.tree
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "prefix":
            named = resource_of(text_of(survey, node.value), None)
            if named != "system":
                return named
    name = word(owner.removesuffix("router").removesuffix("_"))
    return name if name != "system" else owner


def _merge(survey: Survey, groups: list[Group], one: Group, other: Group) -> None:
    short, long = sorted((one.name, other.name), key=len)
    if long.startswith(f"{short}_"):  # a resource, and a part that was cut off
        one.name = short
    elif (other.lines(survey) > one.lines(survey) and other.name != "system") or (
        one.name == "system" and other.lines(survey) >= SMALL
    ):
        one.name = other.name
    one.items |= other.items
    one.routes |= other.routes
    groups.remove(other)


def _merge_mutual(survey: Survey, groups: list[Group]) -> None:
    for one in list(groups):
        for other in list(groups):
            if one is other or not {one, other} <= set(groups):
                continue
            if _calls(survey, one, other) and _calls(survey, other, one):
                _merge(survey, groups, one, other)


def _calls(survey: Survey, one: Group, other: Group) -> bool:
    return any(survey.items[index].uses & other.items for index in one.items)


def _merge_small(survey: Survey, groups: list[Group], size: int) -> None:
    settled: list[Group] = []
    while waiting := [group for group in groups if group not in settled]:
        small = min(waiting, key=lambda group: group.lines(survey))
        if small.lines(survey) >= size + OVERHEAD:
            return
        others = [group for group in groups if group is not small and _share_owner(group, small)]
        if not others:
            settled.append(small)
            continue
        nearest = max(others, key=lambda group: _affinity(survey, small, group))
        _merge(survey, groups, nearest, small)


def _share_owner(one: Group, other: Group) -> bool:
    """Do the routes of two groups hang on one application or router? No module has two."""
    owners = [{r.owner for routes in g.routes.values() for r in routes} for g in (one, other)]
    return not all(owners) or bool(owners[0] & owners[1])


def _affinity(survey: Survey, one: Group, other: Group) -> tuple[int, int, int]:
    """How much two groups have in common: tags, names they use, nearness in the file."""
    shared_tags = _tags(one) & _tags(other)
    shared = _used(survey, one) & _used(survey, other)
    distance = min(abs(a - b) for a in one.items for b in other.items)
    both_small = other.lines(survey) < SMALL + OVERHEAD
    return (2 * len(shared_tags) + len(shared) + both_small, -distance, other.lines(survey))


def _tags(group: Group) -> set[str]:
    return {route.tag for routes in group.routes.values() for route in routes if route.tag}


def _used(survey: Survey, group: Group) -> set[int]:
    return {
        used
        for index in group.items
        for used in survey.items[index].uses
        if survey.items[used].kind != "app"
    }


def _merge_tangled(survey: Survey, groups: list[Group]) -> None:
    """Merge groups whose overlapping paths demand an order in both directions."""
    changed = True
    while changed:
        changed = False
        after = {id(one): _must_follow(groups, one) for one in groups}
        for one in groups:
            loop = next((g for g in _reachable(after, one) if one in _reachable(after, g)), None)
            if loop is not None and loop is not one:
                _merge(survey, groups, one, loop)
                changed = True
                break


def _must_follow(groups: list[Group], one: Group) -> list[Group]:
    return [other for other in groups if other is not one and must_precede(one, other)]


def _reachable(after: dict[int, list[Group]], start: Group) -> list[Group]:
    found: list[Group] = []
    waiting = list(after[id(start)])
    while waiting:
        group = waiting.pop()
        if group not in found:
            found.append(group)
            waiting += after[id(group)]
    return found


def must_precede(one: Group, other: Group) -> bool:
    """Has `one` a route in front of a route of `other` that can match the same URL?"""
    return any(
        first < second and _overlapping(routes, later)
        for first, routes in one.routes.items()
        for second, later in other.routes.items()
    )


def _overlapping(routes: list[Route], others: list[Route]) -> bool:
    return any(can_match_same(a.path, b.path) for a in routes for b in others)
