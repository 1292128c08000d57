"""A name that is rebound while the program runs is reached through its module.

`from .state import counter` would freeze the value of the moment: outside its home, `counter`
becomes `state.counter`, and `global counter` goes away. Local names of the same spelling,
keywords and attributes are somebody else's.
"""

from __future__ import annotations

import symtable
from collections.abc import Mapping

import libcst as cst
import libcst.matchers as m

from fastapi_grow.place import Place


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    captured = _captured(node) if place.through else set()
    through = {name: path for name, path in place.through.items() if name not in captured}
    return node.visit(_Through(through)) if through else node  # type: ignore[return-value]


def _captured(node: cst.BaseStatement) -> set[str]:
    """Names that a `case` outside functions binds, which no attribute can be: they stay names."""
    if isinstance(node, cst.FunctionDef | cst.ClassDef):
        return set()
    patterns = m.MatchAs() | m.MatchStar() | m.MatchMapping()
    found = m.findall(node, patterns)
    names = [getattr(one, "name", None) or getattr(one, "rest", None) for one in found]
    return {name.value for name in names if isinstance(name, cst.Name)}


class _Through(cst.CSTTransformer):
    def __init__(self, through: Mapping[str, str]) -> None:
        super().__init__()
        self.through = through
        self.hidden: list[set[str]] = []  # names that are local, by enclosing scope
        self.classes: list[int] = []  # which of these scopes are class bodies
        self.skip: set[int] = set()  # ids of Name nodes that are no variables

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.skip.add(id(node.name))
        self.hidden.append(set())  # decorators and defaults belong outside: see visit_body
        self.hidden[-1] = self._locals(node)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self.hidden.pop()
        return updated_node

    def visit_Lambda(self, node: cst.Lambda) -> None:
        self.hidden.append(self._locals(cst.Expr(node)))

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
        self.hidden.pop()
        return updated_node

    def visit_ListComp(self, node: cst.ListComp) -> None:
        self._enter_comprehension(node)

    def visit_SetComp(self, node: cst.SetComp) -> None:
        self._enter_comprehension(node)

    def visit_DictComp(self, node: cst.DictComp) -> None:
        self._enter_comprehension(node)

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> None:
        self._enter_comprehension(node)

    def leave_ListComp(
        self, original_node: cst.ListComp, updated_node: cst.ListComp
    ) -> cst.ListComp:
        self.hidden.pop()
        return updated_node

    def leave_SetComp(self, original_node: cst.SetComp, updated_node: cst.SetComp) -> cst.SetComp:
        self.hidden.pop()
        return updated_node

    def leave_DictComp(
        self, original_node: cst.DictComp, updated_node: cst.DictComp
    ) -> cst.DictComp:
        self.hidden.pop()
        return updated_node

    def leave_GeneratorExp(
        self, original_node: cst.GeneratorExp, updated_node: cst.GeneratorExp
    ) -> cst.GeneratorExp:
        self.hidden.pop()
        return updated_node

    def _enter_comprehension(self, node: cst.BaseComp) -> None:
        targets = m.findall(node.for_in, m.CompFor())
        names = {
            cst.ensure_type(name, cst.Name).value
            for found in targets
            for name in m.findall(cst.ensure_type(found, cst.CompFor).target, m.Name())
        }
        self.hidden.append(names)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.skip.add(id(node.name))

    def visit_ClassDef_body(self, node: cst.ClassDef) -> None:
        self.classes.append(len(self.hidden))
        self.hidden.append(_fields(node))

    def leave_ClassDef_body(self, node: cst.ClassDef) -> None:
        self.classes.pop()
        self.hidden.pop()

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self.skip.add(id(node.attr))

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword:
            self.skip.add(id(node.keyword))

    def visit_Param(self, node: cst.Param) -> None:
        self.skip.add(id(node.name))

    def visit_ImportAlias(self, node: cst.ImportAlias) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Nonlocal(self, node: cst.Nonlocal) -> bool:
        return False

    def visit_Global(self, node: cst.Global) -> bool:
        return False

    def leave_Global(
        self, original_node: cst.Global, updated_node: cst.Global
    ) -> cst.Global | cst.RemovalSentinel:
        kept = [item for item in updated_node.names if item.name.value not in self.through]
        if len(kept) == len(updated_node.names):
            return updated_node
        if not kept:
            return cst.RemoveFromParent()
        kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(names=kept)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        name = original_node.value
        if name not in self.through or id(original_node) in self.skip:
            return updated_node
        if self._is_hidden(name):
            return updated_node
        return cst.parse_expression(self.through[name])

    def _is_hidden(self, name: str) -> bool:
        """Is it local here? The names of a class body are seen there, not in its methods."""
        innermost = len(self.hidden) - 1
        return any(
            name in hidden and (depth == innermost or depth not in self.classes)
            for depth, hidden in enumerate(self.hidden)
        )

    def _locals(self, node: cst.CSTNode) -> set[str]:
        """Names of `through` that are local to this function and not to the module."""
        table = symtable.symtable(cst.Module([]).code_for_node(node), "part", "exec")
        children = table.get_children()
        if not children:
            return set()
        scope = next((c for c in children if c.get_type() == "function"), children[0])
        return {
            name
            for name in self.through
            if name in scope.get_identifiers() and scope.lookup(name).is_local()
        }


def _fields(node: cst.ClassDef) -> set[str]:
    """The names that the body of a class binds itself."""
    targets = [
        target
        for line in node.body.body
        for part in (line.body if isinstance(line, cst.SimpleStatementLine) else [])
        for target in _targets(part)
    ]
    return {target.value for target in targets if isinstance(target, cst.Name)}


def _targets(node: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(node, cst.Assign):
        return [target.target for target in node.targets]
    return [node.target] if isinstance(node, cst.AnnAssign) else []
