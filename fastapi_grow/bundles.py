"""Statements that must not be separated, and statements that must not move at all.

All that bind one name share a module, so do statements that use each other in a circle, and those
that ask `globals()` for a name with its definition. What looks names up in ways that cannot be read
off the text stays where it is.
"""

from __future__ import annotations

import ast

from fastapi_grow.scope import dotted_name
from fastapi_grow.survey import Item, Survey


def reflective(survey: Survey) -> dict[int, str]:
    """Statements that look names up in the module while they run: nothing may leave it then."""
    found = {}
    for item in survey.items.values():
        asks = [node for node in ast.walk(item.statement.tree) if _looks_up(survey, node)]
        if asks or _asked_of_globals(survey, item)[1]:
            what = ast.unparse(asks[0]) if asks else "globals()"
            line = item.statement.line
            found[item.index] = f"line {line}: {what} may look any name up in this module"
    return found


def _looks_up(survey: Survey, node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return survey.resolve(node.value) == "sys.modules" and dotted_name(node.slice) == "__name__"
    evaluates = isinstance(node, ast.Call) and dotted_name(node.func) in {"eval", "exec"}
    return evaluates and len(node.args) < 2  # type: ignore[attr-defined]


def _asked_of_globals(survey: Survey, item: Item) -> tuple[set[str], bool]:
    """The names that `item` looks up with `globals()`, and whether it may ask for any other."""
    names: set[str] = set()
    calls, known = 0, 0
    for node in ast.walk(item.statement.tree):
        calls += _is_globals(node)
        key = None
        if isinstance(node, ast.Compare) and _is_globals(node.comparators[0]):
            key = node.left
        elif isinstance(node, ast.Subscript) and _is_globals(node.value):
            key = node.slice
        elif isinstance(node, ast.Call) and _is_globals(getattr(node.func, "value", None)):
            key = node.args[0] if node.args else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            names.add(key.value)
            known += 1
    return names, calls > known


def _is_globals(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and dotted_name(node.func) == "globals"


def bundles_of(survey: Survey) -> list[set[int]]:
    """Statements that must share a module: all that bind one name, or that need each other."""
    bundles = [_bound_twice(survey, name) for name in survey.duplicates]
    bundles += [set(loop) for loop in _loops(survey)]
    for item in survey.items.values():
        asked = _asked_of_globals(survey, item)[0]
        bundles += [
            {item.index, *survey.definers[name]} for name in asked if name in survey.definers
        ]
    merged: list[set[int]] = []
    for bundle in bundles:
        touching = [other for other in merged if other & bundle]
        for other in touching:
            bundle |= other
            merged.remove(other)
        merged.append(bundle)
    return merged


def _bound_twice(survey: Survey, name: str) -> set[int]:
    """All that bind `name`, and those that read it before it gets its last value."""
    where = survey.definers.get(name, [])
    last = max(where, default=-1)
    between = {i for i, item in survey.items.items() if name in item.names.now and i < last}
    return {*where, *between}


def _loops(survey: Survey) -> list[set[int]]:
    """Sets of statements that use each other, directly or in a circle."""
    reach = {index: closure(survey, index) for index in survey.items}
    loops = []
    for index, found in reach.items():
        loop = {other for other in found if index in reach[other]}
        if len(loop) > 1 and index == min(loop):
            loops.append(loop)
    return loops


def closure(survey: Survey, start: int) -> set[int]:
    found: set[int] = set()
    waiting = list(survey.items[start].uses)
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += survey.items[index].uses
    return found
