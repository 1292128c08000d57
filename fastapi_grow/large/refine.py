"""From the modules of the small stage to those of the large: each is split, none is mixed.

A small module is cut by kind and resource as the arrangement says. Pieces that need each other in
a circle are one; pieces under about 20 lines join the piece they have most to do with; a folder
with one module of less than 100 lines is that module.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi_grow import layers
from fastapi_grow.bundles import bundles_of
from fastapi_grow.groups import OVERHEAD, SMALL
from fastapi_grow.large.arrangement import Arrangement
from fastapi_grow.large.resources import resources_of
from fastapi_grow.survey import Survey

LONE = 100  # lines from which a single module deserves its folder
FINER = {"logger": "logger", "template": "template"}  # kinds that leave the module of others
Homes = dict[int, str]


def refine(
    survey: Survey, homes: Mapping[int, str], arrangement: Arrangement, small: int = SMALL
) -> Homes:
    """The large home of every statement, given the small one; MAIN and set-up stay."""
    groups = _groups(homes)
    resources = resources_of(survey, groups)
    large = dict(homes)
    modules = sorted(set(homes.values()) - {"", layers.MAIN, layers.SETUP})
    for module in modules:
        large |= _cut(survey, homes, module, resources, arrangement, small)
    _keep_together(survey, homes, large)
    for module in modules:
        pieces = {large[index] for index, home in homes.items() if home == module}
        _merge_circles(survey, large, pieces)
        _merge_small(survey, large, pieces, small)
    return _collapse(survey, large, arrangement)


def _groups(homes: Mapping[int, str]) -> dict[str, set[int]]:
    groups: dict[str, set[int]] = {}
    for index, home in homes.items():
        if home.startswith(layers.ROUTERS):
            groups.setdefault(home.removeprefix(layers.ROUTERS), set()).add(index)
    return groups


def _cut(
    survey: Survey,
    homes: Mapping[int, str],
    module: str,
    resources: Mapping[int, str | None],
    arrangement: Arrangement,
    small: int,
) -> Homes:
    mine = [index for index, home in homes.items() if home == module]
    if module.startswith(layers.ROUTERS):
        home = arrangement.home("routers", module.removeprefix(layers.ROUTERS))
        return dict.fromkeys(mine, home)
    queries = _queries(survey, mine, small) if module == "services" else set()
    found = {}
    for index in mine:
        kind = FINER.get(survey.items[index].kind, module) if module == "config" else module
        kind = "crud" if index in queries else kind
        found[index] = arrangement.home(kind, resources[index])
    return found


def _queries(survey: Survey, mine: list[int], small: int) -> set[int]:
    """The functions that ask the database: they use tables, and of their module only their like."""
    tables = {index for index, item in survey.items.items() if item.kind == "table"}
    found = {index for index in mine if survey.items[index].uses & tables}
    while wrong := {i for i in found if survey.items[i].uses & (set(mine) - found)}:
        found -= wrong
    lines = sum(survey.items[index].statement.lines for index in found)
    return found if lines + OVERHEAD >= small else set()


def _keep_together(survey: Survey, homes: Mapping[int, str], large: Homes) -> None:
    for bundle in bundles_of(survey):
        for module in {homes[index] for index in bundle}:
            inside = [index for index in bundle if homes[index] == module]
            largest = max(inside, key=lambda i: (survey.items[i].statement.lines, large[i]))
            large |= dict.fromkeys(inside, large[largest])


def _merge_circles(survey: Survey, large: Homes, pieces: set[str]) -> None:
    while len(pieces) > 1:
        reach = {piece: _reach(survey, large, piece) for piece in pieces}
        circle = [p for p in sorted(pieces) if any(p in reach[q] for q in reach[p] & pieces - {p})]
        if not circle:
            return
        sizes = _sizes(survey, large)
        kept = max(circle, key=lambda piece: (sizes[piece], piece))
        partner = next(p for p in circle if p != kept and p in reach[kept] and kept in reach[p])
        _join(large, pieces, partner, kept)


def _reach(survey: Survey, large: Homes, start: str) -> set[str]:
    edges: dict[str, set[str]] = {}
    for index, item in survey.items.items():
        edges.setdefault(large[index], set()).update(large[used] for used in item.uses)
    found: set[str] = set()
    waiting = list(edges.get(start, set()) - {start})
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += edges.get(module, set()) - {module}
    return found


def _merge_small(survey: Survey, large: Homes, pieces: set[str], size: int) -> None:
    while len(pieces) > 1:
        sizes = _sizes(survey, large)
        small = min(pieces, key=lambda piece: (sizes[piece], piece))
        if sizes[small] + OVERHEAD >= size:
            return
        near = max(
            pieces - {small},
            key=lambda piece: (_shared(survey, large, small, piece), sizes[piece], piece),
        )
        _join(large, pieces, small, near)
        _merge_circles(survey, large, pieces)


def _shared(survey: Survey, large: Homes, one: str, other: str) -> int:
    return sum(
        {large[index], large[used]} == {one, other}
        for index, item in survey.items.items()
        for used in item.uses
    )


def _sizes(survey: Survey, large: Homes) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for index, home in large.items():
        sizes[home] = sizes.get(home, 0) + survey.items[index].statement.lines
    return sizes


def _join(large: Homes, pieces: set[str], gone: str, kept: str) -> None:
    for index, home in large.items():
        if home == gone:
            large[index] = kept
    pieces.discard(gone)


def _collapse(survey: Survey, large: Homes, arrangement: Arrangement) -> Homes:
    """`large` with a small module that is alone in its folder standing in the folder's place."""
    sizes = _sizes(survey, large)
    inside: dict[str, set[str]] = {}
    for module in sizes:
        parts = module.split("/")
        for depth in range(1, len(parts)):
            inside.setdefault("/".join(parts[:depth]), set()).add(module)
    names = {}
    for module in sizes:
        folder = module.rpartition("/")[0]
        alone = bool(folder) and inside[folder] == {module} and sizes[module] < LONE
        name = arrangement.collapsed(folder, module)
        free = name not in sizes and (name == folder or name not in inside)
        names[module] = name if alone and free else module
    return {index: names[home] for index, home in large.items()}
