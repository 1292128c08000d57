"""Modules too small to stand alone join a neighbour.

The neighbour is the one that uses it most, or that it uses most; never one with which it would
close a circle of imports. Only what is tied to the application anyway (lifespan, middleware,
exception handlers) joins the assembling module, as long as it is a few lines.
"""

from __future__ import annotations

from fastapi_grow import layers
from fastapi_grow.groups import OVERHEAD
from fastapi_grow.survey import Survey

TINY = 10  # lines that the assembling module takes in; it is to stay short


def merge_small_modules(survey: Survey, homes: dict[int, str], size: int) -> dict[int, str]:
    """`homes` with every module under about `size` lines joined to another, if possible."""
    homes = dict(homes)
    settled = {layers.MAIN, layers.SETUP}
    while True:
        sizes = _sizes(survey, homes)
        small = [m for m in sizes if m not in settled and sizes[m] + OVERHEAD < size]
        if not small:
            return homes
        module = min(small, key=lambda m: (sizes[m], m))
        neighbour = _neighbour(survey, homes, module)
        if neighbour is None:
            settled.add(module)
            continue
        kept, gone = neighbour, module
        fixed = neighbour.startswith((layers.ROUTERS, layers.MAIN))
        if not fixed and sizes[module] > sizes[neighbour]:
            kept, gone = module, neighbour
        homes = {index: kept if home == gone else home for index, home in homes.items()}


def _sizes(survey: Survey, homes: dict[int, str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for index, home in homes.items():
        sizes[home] = sizes.get(home, 0) + survey.items[index].statement.lines
    return sizes


def _neighbour(survey: Survey, homes: dict[int, str], module: str) -> str | None:
    if module.startswith(layers.ROUTERS):
        return None
    names = [m for m in set(homes.values()) if m not in {module, layers.MAIN, layers.SETUP}]
    preferred = layers.NEIGHBOURS.get(module, ())
    users = {homes[i] for i, item in survey.items.items() if _uses(homes, item.uses, module)}
    users -= {module}
    tiny = _sizes(survey, homes)[module] <= TINY
    if tiny and layers.MAIN in preferred and users <= {layers.MAIN}:
        return layers.MAIN

    def score(other: str) -> tuple[object, ...]:
        only = users == {other}
        shared = _shared(survey, homes, module, other)
        rank = -preferred.index(other) if other in preferred else -len(preferred) - 1
        router = other.startswith(layers.ROUTERS) and not only
        return (not router, only, other in preferred, shared, rank, other)

    for other in sorted(names, key=score, reverse=True):
        if other.startswith(layers.ROUTERS) and users - {other}:
            continue
        if not closes_circle(survey, homes, module, other):
            return other
    return None


def _uses(homes: dict[int, str], uses: set[int], module: str) -> bool:
    return any(homes[used] == module for used in uses)


def _shared(survey: Survey, homes: dict[int, str], one: str, other: str) -> int:
    return sum(
        (homes[index], homes[used]) in {(one, other), (other, one)}
        for index, item in survey.items.items()
        for used in item.uses
    )


def closes_circle(survey: Survey, homes: dict[int, str], one: str, other: str) -> bool:
    """Would one module made of both import itself through a third?"""
    joined = {index: other if home == one else home for index, home in homes.items()}
    return has_circle(survey, joined)


def has_circle(survey: Survey, homes: dict[int, str]) -> bool:
    """Do the modules of `homes` import each other in a circle?"""
    edges: dict[str, set[str]] = {home: set() for home in homes.values()}
    for index, item in survey.items.items():
        edges[homes[index]] |= {homes[used] for used in item.uses} - {homes[index]}
    while edges:
        leaves = {module for module, used in edges.items() if not used & set(edges)}
        if not leaves:
            return True
        edges = {module: used for module, used in edges.items() if module not in leaves}
    return False
