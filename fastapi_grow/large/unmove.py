"""One statement of the small stage as it read in MAIN: what the `rewrites` did, undone."""

from __future__ import annotations

import symtable
from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m

from fastapi_grow.rewrites.file_path import MAIN_FILE

KEY = "# part of its OpenAPI key"


@dataclass
class Origin:
    """What the names of one module of the package stand for."""

    home: str
    ours: set[tuple[int, str]] = field(default_factory=set)  # imports of the package: dots, module
    modules: dict[str, str] = field(default_factory=dict)  # name here -> module of the package
    names: set[str] = field(default_factory=set)  # names taken from these modules
    uses: list[str] = field(default_factory=list)  # modules in the order of their imports
    reached: set[str] = field(default_factory=set)  # names taken through their module
    router: str = ""  # the router that the small stage made here
    owner: str = ""  # the application that includes it
    prefix: str = ""

    @property
    def depth(self) -> int:
        return self.home.count("/") + 1 if self.home else 0


def unmove(node: cst.BaseStatement, origin: Origin) -> cst.BaseStatement | None:
    """The statement as it was; None for a line that the small stage added."""
    if _is_router(node, origin) or _defines_main_file(node):
        return None
    if m.matches(node, BOTH_WAYS):
        return None
    changed = node.visit(_Back(origin))
    gone = isinstance(changed, cst.RemovalSentinel) or not getattr(changed, "body", True)
    return None if gone else changed  # type: ignore[return-value]


BOTH_WAYS = m.If(test=m.Name("__package__"))


def _assigned(node: cst.BaseStatement) -> tuple[str, cst.BaseExpression] | None:
    if not m.matches(node, m.SimpleStatementLine(body=[m.Assign()])):
        return None
    line = cst.ensure_type(node, cst.SimpleStatementLine)
    assign = cst.ensure_type(line.body[0], cst.Assign)
    target = assign.targets[0].target
    return (target.value, assign.value) if isinstance(target, cst.Name) else None


def _is_router(node: cst.BaseStatement, origin: Origin) -> bool:
    found = _assigned(node)
    if not origin.router or not found or found[0] != origin.router:
        return False
    for argument in m.findall(found[1], m.Arg(keyword=m.Name("prefix"))):
        value = cst.ensure_type(argument, cst.Arg).value
        origin.prefix = str(cst.ensure_type(value, cst.SimpleString).evaluated_value)
    return True


def _defines_main_file(node: cst.BaseStatement) -> bool:
    found = _assigned(node)
    return found is not None and found[0] == MAIN_FILE


class _Back(cst.CSTTransformer):
    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self.origin = origin
        self.freed: list[set[str]] = []  # names that lost their module, by function

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        code = cst.Module([]).code_for_node
        dots = len(original_node.relative)
        module = code(original_node.module) if original_node.module else ""
        if (dots, module) in self.origin.ours:
            return cst.RemoveFromParent()
        kept = updated_node.relative[: max(dots - self.origin.depth, 0)]
        return updated_node.with_changes(relative=kept)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.freed.append(set())

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        freed = self.freed.pop()
        bound = sorted(freed & _locals(updated_node))
        if not bound:
            return updated_node
        line = cst.parse_statement(f"global {', '.join(bound)}\n")
        body = list(updated_node.body.body)
        first = 1 if updated_node.get_docstring() is not None else 0
        block = updated_node.body.with_changes(body=[*body[:first], line, *body[first:]])
        return updated_node.with_changes(body=block)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        base = original_node.value
        if isinstance(base, cst.Name) and base.value in self.origin.modules:
            self.origin.reached.add(original_node.attr.value)
            for names in self.freed:
                names.add(original_node.attr.value)
            return updated_node.attr
        if self.origin.depth and _parents(original_node) > self.origin.depth:
            return _shortened(updated_node, self.origin.depth)
        return updated_node

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        return _parents(node) <= self.origin.depth  # the whole chain is shortened at once

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if self.origin.depth and _folders(original_node) > self.origin.depth:
            shorter: cst.BaseExpression = updated_node
            for _ in range(self.origin.depth):
                shorter = cst.ensure_type(shorter, cst.Call).args[0].value
            return shorter
        return self._unhung(updated_node)

    def visit_Call(self, node: cst.Call) -> bool:
        return _folders(node) <= self.origin.depth

    def _unhung(self, call: cst.Call) -> cst.Call:
        """`@router.get("/{id}")` as `@app.get("/users/{id}")`."""
        origin = self.origin
        hung = m.Attribute(value=m.Name(origin.router))
        if not origin.router or not m.matches(call.func, hung) or not origin.owner:
            return call
        func = call.func.with_changes(value=cst.Name(origin.owner))
        return call.with_changes(func=func, args=[self._prefixed(a) for a in call.args])

    def _prefixed(self, argument: cst.Arg) -> cst.Arg:
        value = argument.value
        named = argument.keyword is not None and argument.keyword.value != "path"
        if not self.origin.prefix or named or not isinstance(value, cst.SimpleString):
            return argument
        inner = f"{self.origin.prefix}{value.raw_value}"
        return argument.with_changes(
            value=cst.SimpleString(f"{value.prefix}{value.quote}{inner}{value.quote}")
        )

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return cst.Name("__file__") if original_node.value == MAIN_FILE else updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        comment = updated_node.trailing_whitespace.comment
        ours = comment is not None and comment.value == KEY
        return cst.RemoveFromParent() if ours else updated_node


def _locals(node: cst.FunctionDef) -> set[str]:
    """The names that a function binds without saying that they are global."""
    table = symtable.symtable(cst.Module([node]).code.strip(), "part", "exec")
    scope = next((c for c in table.get_children() if c.get_type() == "function"), None)
    if scope is None:
        return set()
    return {
        symbol.get_name()
        for symbol in scope.get_symbols()
        if symbol.is_local() and symbol.is_assigned() and not symbol.is_parameter()
    }


FILE = m.Name("__file__") | m.Call(args=[m.Arg(m.Name("__file__"))])


def _folders(node: cst.BaseExpression) -> int:
    """How many `dirname(` stand around `__file__`."""
    count = 0
    while m.matches(node, m.Call(func=m.Attribute(attr=m.Name("dirname")) | m.Name("dirname"))):
        count += 1
        node = cst.ensure_type(node, cst.Call).args[0].value
    return count if m.matches(node, FILE) else 0


RESOLVED = m.Attribute(attr=m.Name("resolve") | m.Name("absolute"))


def _parents(node: cst.BaseExpression) -> int:
    """How many `.parent` stand behind `Path(__file__)`."""
    count = 0
    while m.matches(node, m.Attribute(attr=m.Name("parent"))):
        count += 1
        node = cst.ensure_type(node, cst.Attribute).value
    if m.matches(node, m.Call(func=RESOLVED, args=[])):
        node = cst.ensure_type(cst.ensure_type(node, cst.Call).func, cst.Attribute).value
    return count if m.matches(node, m.Call(args=[m.Arg(m.Name("__file__"))])) else 0


def _shortened(node: cst.Attribute, depth: int) -> cst.BaseExpression:
    shorter: cst.BaseExpression = node
    for _ in range(depth):
        shorter = cst.ensure_type(shorter, cst.Attribute).value
    return shorter
