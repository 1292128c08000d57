"""Names of MAIN that a settings class can take over: nothing but the code itself reads them.

What tests patch, other files import or functions rebind stays a name of its module. Constants that
are configuration by their names join the class as ClassVar: never read from the environment.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_grow.layers import SETUP
from fastapi_grow.layout import Layout
from fastapi_grow.survey import Item

CONFIGURES = {
    "algorithm", "bucket", "burst", "days", "debug", "delay", "dir", "directory", "endpoint",
    "expire", "expires", "expiration", "expiry", "folder", "host", "hours", "interval", "key",
    "level", "limit", "max", "maximum", "min", "minimum", "minutes", "password", "path", "period",
    "port", "prefix", "rate", "region", "retries", "seconds", "secret", "size", "timeout", "token",
    "ttl", "uri", "url", "user", "username", "version", "window", "workers",
}  # fmt: skip
NUMERIC = ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
STARTS = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Constant:
    """A constant that joins the class: its line there, with its comments."""

    name: str
    line: int
    text: str
    above: str
    behind: str


def constants_in(layout: Layout, home: str, at: int) -> Iterator[Constant]:
    """The constants of the module `home` that configure the app."""
    for index, item in layout.survey.items.items():
        value = _value(item)
        if layout.homes[index] != home or item.kind != "constant" or value is None:
            continue
        name, kind = folded_name(layout, item, value, at), _type_of(value)
        if name and kind and STARTS.fullmatch(name) and set(name.lower().split("_")) & CONFIGURES:
            text = f"{name}: ClassVar[{kind}] = {segment(item, value)}"
            yield Constant(name, item.statement.line, text, *comments_of(item))


def folded_name(layout: Layout, item: Item, value: ast.expr, at: int) -> str:
    """The name that has just `value`, if the class, which comes before `at`, can take its place."""
    tree, survey = item.statement.tree, layout.survey
    targets = tree.targets if isinstance(tree, ast.Assign) else [getattr(tree, "target", None)]
    target = targets[0] if len(targets) == 1 and _value(item) is value else None
    name = target.id if isinstance(target, ast.Name) else ""
    kept = {*layout.exports, *layout.through, *survey.rebound, *survey.duplicates}
    if not name or name in kept or survey.definers.get(name) != [item.index]:
        return ""
    if "__all__" in survey.definers or not _is_one_line(item):
        return ""
    readers = [other for other in survey.items.values() if name in other.names.reads]
    early = any(other.index < at and name in other.names.now for other in readers)
    setting_up = any(layout.homes[other.index] == SETUP for other in readers)
    return "" if early or setting_up or f"del {name}" in survey.source.text else name


def _value(item: Item) -> ast.expr | None:
    tree = item.statement.tree
    return tree.value if isinstance(tree, ast.Assign | ast.AnnAssign) else None


def _type_of(value: ast.expr) -> str:
    """`int` for `10 * 1024`; empty for what is no plain number, text or truth."""
    if isinstance(value, ast.Constant):
        kind = type(value.value).__name__
        return kind if kind in {"bool", "float", "int", "str"} else ""
    nodes = list(ast.walk(value))
    numbers = [node.value for node in nodes if isinstance(node, ast.Constant)]
    if not all(isinstance(node, NUMERIC) for node in nodes):
        return ""
    if not all(type(number) in {int, float} for number in numbers):
        return ""
    divided = any(isinstance(node, ast.Div) or _is_small(node) for node in nodes)
    whole = all(isinstance(number, int) for number in numbers)
    return "int" if whole and not divided else "float" if not whole else ""


def _is_small(node: ast.AST) -> bool:
    """`2**-1`, perhaps: a fraction of whole numbers."""
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    return power and not isinstance(node.right, ast.Constant)  # type: ignore[attr-defined]


def segment(item: Item, node: ast.expr) -> str:
    """The text of `node` as it stands in its statement."""
    return ast.get_source_segment(item.statement.text, node) or ast.unparse(node)


def comments_of(item: Item) -> tuple[str, str]:
    """The comments above a statement, indented for a class body, and the one behind it."""
    first = item.statement.tree.lineno
    above, behind = "", ""
    for token in tokenize.generate_tokens(io.StringIO(item.statement.text).readline):
        if token.type == tokenize.COMMENT and token.start[0] < first:
            above += f"    {token.string}\n"
        elif token.type == tokenize.COMMENT:
            behind = f"  {token.string}"
    return above, behind


def _is_one_line(item: Item) -> bool:
    """A comment within a longer statement would be lost."""
    return item.statement.tree.lineno == item.statement.tree.end_lineno
