"""The routes of MAIN: who owns each, its path, its resource, and which may not change order.

Starlette takes the first route that matches, and the first that matches the path alone decides
what a wrong method is answered. So two paths that can match the same URL keep their order.
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass

from fastapi_grow.kinds import ADD_ROUTE, VERBS
from fastapi_grow.scope import dotted_name
from fastapi_grow.survey import Item, Survey

VERSION = re.compile(r"^(api|v\d+)$")
PARAMETER = re.compile(r"^\{.*\}$")
SYSTEM = {
    "", "health", "healthz", "healthcheck", "health-check", "ready", "live", "ping", "status",
    "version", "info", "metrics", "favicon.ico", "robots.txt", "index", "home", "docs", "about",
}  # fmt: skip
AUTH = {
    "auth", "login", "logout", "signin", "signup", "register", "token", "refresh", "me", "oauth",
    "password", "verify", "sign-in", "sign-up",
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """One registration. `path` is None when it is not a plain string in the decorator."""

    owner: str
    method: str
    path: str | None
    literal: bool
    tag: str | None


def routes_of(survey: Survey, item: Item) -> list[Route]:
    """The routes that `item` registers, in the order of its decorators."""
    found = []
    for call in _registering_calls(item.statement.tree):
        owner, _, method = (dotted_name(call.func) or "").rpartition(".")
        if owner in survey.owners and method in VERBS | ADD_ROUTE:
            found.append(_route(survey, owner, method, call))
    return found


def _registering_calls(tree: ast.stmt) -> list[ast.Call]:
    calls = [d for d in getattr(tree, "decorator_list", []) if isinstance(d, ast.Call)]
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Call):
        inner = tree.value.func
        calls.append(inner if isinstance(inner, ast.Call) else tree.value)
    return calls


def _route(survey: Survey, owner: str, method: str, call: ast.Call) -> Route:
    keywords = {k.arg: k.value for k in call.keywords}
    node = call.args[0] if call.args else keywords.get("path")
    literal = isinstance(node, ast.Constant)
    tags = keywords.get("tags")
    first = tags.elts[0] if isinstance(tags, ast.List) and tags.elts else None
    tag = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    return Route(owner, method, text_of(survey, node), literal, tag)


def text_of(survey: Survey, node: ast.AST | None) -> str | None:
    """The string an expression of constants stands for, or None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        where = survey.definers.get(node.id, [])
        tree = survey.items[where[0]].statement.tree if len(where) == 1 else None
        return text_of(survey, tree.value) if isinstance(tree, ast.Assign | ast.AnnAssign) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [text_of(survey, node.left), text_of(survey, node.right)]
    elif isinstance(node, ast.JoinedStr):
        parts = [
            text_of(survey, part.value if isinstance(part, ast.FormattedValue) else part)
            for part in node.values
        ]
    else:
        return None
    return None if None in parts else "".join(part or "" for part in parts)


def segments(path: str) -> list[str]:
    return [segment for segment in path.strip("/").split("/") if segment]


def can_match_same(one: str | None, other: str | None) -> bool:
    """Can one URL match both path templates? Unknown paths are taken to match anything."""
    if one is None or other is None:
        return True
    return _overlap(_split(one), _split(other))


def _split(path: str) -> list[str]:
    return path.split("/")[1:]


def _overlap(one: list[str], other: list[str]) -> bool:
    if (one and _greedy(one[0])) or (other and _greedy(other[0])):
        return True
    if not one or not other:
        return not one and not other
    same = _one_segment(one[0], other[0])
    return same and _overlap(one[1:], other[1:])


def _greedy(segment: str) -> bool:
    return ":path}" in segment or segment == "*"


def _one_segment(one: str, other: str) -> bool:
    if "{" not in one and "{" not in other:
        return one == other
    patterns = [re.sub(r"\\\{[^{}]*\\\}", ".*", re.escape(part)) for part in (one, other)]
    if "{" in one and "{" in other:
        return True
    return bool(re.fullmatch(patterns[0], other) or re.fullmatch(patterns[1], one))


def resource_of(path: str | None, tag: str | None) -> str:
    """The resource a route is about: `bookings` for `/api/v1/bookings/{id}`."""
    parts = segments(path or "")
    while parts and VERSION.match(parts[0]):
        parts = parts[1:]
    fixed = [part for part in parts if not PARAMETER.match(part) and "{" not in part]
    if parts and _greedy(parts[0]):
        return "pages"
    if parts and PARAMETER.match(parts[0]):
        name = re.sub(r"(_?(id|name|slug|key|path))?(:\w+)?\}$", "", parts[0][1:]).strip("_")
        return word(tag or name or "items")
    first = fixed[0] if fixed else ""
    if first.lower() in SYSTEM:
        return "system"
    return "auth" if first.lower() in AUTH else word(first)


def part_of(path: str | None, depth: int = 1) -> str:
    """What part of its resource a route is about: `orders` for `/api/v1/shop/orders/{id}`."""
    parts = segments(path or "")
    while parts and VERSION.match(parts[0]):
        parts = parts[1:]
    return word(parts[depth]) if len(parts) > depth and "{" not in parts[depth] else ""


def word(text: str) -> str:
    """A module name from a path segment or a tag."""
    name = re.sub(r"\W+", "_", text.rsplit(".", 1)[0]).strip("_").lower()
    if keyword.iskeyword(name):
        return f"{name}_routes"
    if name[:1].isdigit():
        return f"routes_{name}"
    return name or "system"


def singular(name: str) -> str:
    """`heroes` -> `hero`: two spellings of one resource compare equal."""
    for ending, end in (("ies", "y"), ("sses", "ss"), ("oes", "o"), ("s", "")):
        if name.endswith(ending) and not name.endswith("ss"):
            return name[: -len(ending)] + end
    return name
