"""Where MAIN reads the environment: which variable, by which default, and at which moment.

Plain data, found by reading alone. A read is `once` when it runs as MAIN is imported, whatever
happens: only such a read may fail earlier than it did, when the settings are made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastapi_grow.survey import Item, Survey

CALLS = {"os.getenv", "os.environ.get"}
MAPPING = "os.environ"
WRITING = {"setdefault", "update", "pop", "clear", "popitem"}
CONVERSIONS = {"int", "float"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
PERHAPS = (
    ast.If | ast.For | ast.While | ast.Try | ast.With | ast.Match | ast.IfExp | ast.BoolOp
    | ast.Assert | ast.Compare | ast.ListComp | ast.SetComp | ast.DictComp
)  # fmt: skip


@dataclass(frozen=True)
class Read:
    """One read of a variable; `node` is what a setting can stand for, `call` the read alone."""

    name: str
    item: int
    line: int
    call: ast.expr
    node: ast.expr  # with the conversion around it, if there is one
    default: ast.expr | None
    required: bool  # os.environ["X"]: KeyError without it
    later: bool  # when a function is called
    once: bool

    @property
    def convert(self) -> str:
        """`int` or `float`, where that is what becomes of the text."""
        call = self.node if self.node is not self.call else None
        return ast.unparse(call.func) if isinstance(call, ast.Call) else ""

    @property
    def plain(self) -> Read:
        """The same without the conversion."""
        return replace(self, node=self.call)

    def key(self) -> str:
        """What two reads of one variable must share to be one setting."""
        default = ast.dump(self.default) if self.default else ""
        return f"{self.required} {default}"


@dataclass(frozen=True)
class Left:
    """A read that stays where it is, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


def reads_of(survey: Survey) -> tuple[list[Read], list[Left]]:
    """Every read in the order of MAIN, and the places where it cannot be told what is read."""
    found: list[Read] = []
    left: list[Left] = []
    for item in survey.items.values():
        for part in _found(survey, item, item.statement.tree, item.is_guard, sure=True):
            if isinstance(part, Read):
                found.append(part)
            else:
                left.append(part)
    return found, left


def _found(
    survey: Survey, item: Item, node: ast.AST, later: bool, *, sure: bool
) -> Iterator[Read | Left]:
    """The reads in `node`, which runs `later` than MAIN, or surely with it."""
    read = _read(survey, item, node, later, sure)
    if read:
        yield read
        return
    if isinstance(node, FUNCTIONS | ast.Lambda):
        for part in [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
            yield from _found(survey, item, part, later, sure=sure)
        for decorator in getattr(node, "decorator_list", []):
            yield from _found(survey, item, decorator, later, sure=sure)
        body: list[ast.AST] = [*node.body] if isinstance(node.body, list) else [node.body]
        for statement in body:
            yield from _found(survey, item, statement, True, sure=False)
        return
    if _is_whole(survey, node):
        yield Left(_line(item, node), "os.environ is used as a whole")
        return
    later = later or isinstance(node, ast.GeneratorExp)
    for child in ast.iter_child_nodes(node):
        if not _is_written(survey, child):
            yield from _found(survey, item, child, later, sure=sure and not _may_skip(node))


def _may_skip(node: ast.AST) -> bool:
    return isinstance(node, PERHAPS)


def _read(survey: Survey, item: Item, node: ast.AST, later: bool, sure: bool) -> Read | Left | None:
    if _converts(node):
        inner = _read(survey, item, node.args[0], later, sure)  # type: ignore[attr-defined]
        plain = isinstance(inner, Read) and inner.node is inner.call
        if plain and sure and not later and _is_sound(inner, node.func.id):  # type: ignore
            return replace(inner, node=node)  # type: ignore
        return inner
    name, default, required = _parts(survey, node)
    line = _line(item, node)
    if name is None or not isinstance(node, ast.expr):
        return None
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return Left(line, "which variable it reads is decided as it runs")
    once = not later and (sure or not required)
    return Read(name.value, item.index, line, node, node, default, required, later, once)


def _converts(node: ast.AST) -> bool:
    """Is it `int(...)` or `float(...)` of one thing?"""
    func = node.func if isinstance(node, ast.Call) else None
    named = isinstance(func, ast.Name) and func.id in CONVERSIONS
    return named and len(node.args) == 1 and not node.keywords  # type: ignore[attr-defined]


def _is_sound(read: Read, convert: str) -> bool:
    """Does the default stand for a number, so that the setting can have one?"""
    if read.required:
        return True
    value = read.default.value if isinstance(read.default, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    try:
        return float(value) == (int(value) if convert == "int" else float(value))
    except ValueError:
        return False


def _parts(survey: Survey, node: ast.AST) -> tuple[ast.expr | None, ast.expr | None, bool]:
    """Name, default and whether it must be there; no name for what reads nothing."""
    if isinstance(node, ast.Call) and survey.resolve(node.func) in CALLS:
        given = dict(zip(("key", "default"), node.args, strict=False))
        given |= {keyword.arg or "": keyword.value for keyword in node.keywords}
        return given.get("key", node), given.get("default"), False
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return (node.slice if _is_environ(survey, node.value) else None), None, True
    return None, None, False


def _is_environ(survey: Survey, node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and survey.resolve(node) == MAPPING


def _is_whole(survey: Survey, node: ast.AST) -> bool:
    return _is_environ(survey, node) and isinstance(getattr(node, "ctx", None), ast.Load)


def _is_written(survey: Survey, node: ast.AST) -> bool:
    """`os.environ["X"] = ...`, `os.environ.update(...)`: no reads."""
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _is_environ(survey, node.value)
    called = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(called, ast.Attribute)
        and called.attr in WRITING
        and _is_environ(survey, called.value)
    )


def written_by(survey: Survey, item: Item) -> set[str] | None:
    """The variables that a statement sets as MAIN is imported; None when it may be any."""
    found: set[str] = set()
    for node in ast.walk(item.statement.tree):
        keys: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            name = survey.resolve(node.func)
            if name.startswith("dotenv.load_dotenv"):
                return None
            if _is_written(survey, node):
                keys = _keys(node.args[0] if node.args else None)
            elif name == "os.putenv":
                keys = [node.args[0]]
        elif isinstance(node, ast.Subscript) and _is_written(survey, node):
            keys = [node.slice]
        elif isinstance(node, ast.AugAssign) and _is_environ(survey, node.target):
            keys = _keys(node.value)
        for key in keys:
            if not isinstance(key, ast.Constant):
                return None
            found.add(str(key.value))
    return found


def _keys(node: ast.expr | None) -> list[ast.expr | None]:
    return list(node.keys) if isinstance(node, ast.Dict) else [node]


def _line(item: Item, node: ast.AST) -> int:
    first = min([item.statement.tree.lineno, *(d.lineno for d in _decorators(item))])
    return item.statement.line + getattr(node, "lineno", first) - first


def _decorators(item: Item) -> list[ast.expr]:
    return getattr(item.statement.tree, "decorator_list", [])
