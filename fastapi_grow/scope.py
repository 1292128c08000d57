"""Which module-level names a statement binds, reads and rebinds.

Python's own `symtable` decides what is global in each scope; strings that name types
(`"Item"` in an annotation, `response_model=List["Item"]`) are read as the names they hold.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}
TYPE_KEYWORDS = {"response_model", "bound", "default_factory"}


@dataclass
class Names:
    """Names of the module as one statement uses them."""

    binds: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)  # read when the statement runs
    later: set[str] = field(default_factory=set)  # read when a function in it is called
    rebinds: set[str] = field(default_factory=set)  # assigned through `global`
    attributes: set[str] = field(default_factory=set)  # `x.y.z` chains, for `import a.b`

    @property
    def reads(self) -> set[str]:
        return self.now | self.later


def names_of(text: str) -> Names:
    """The names of one statement given as source text."""
    names = Names()
    _walk(symtable.symtable(text, "statement", "exec"), names, later=False, top=True)
    tree = ast.parse(text)
    names.later |= set(_names_in_strings(tree)) - names.now
    names.attributes = set(_dotted_names(tree))
    return names


def _walk(table: symtable.SymbolTable, names: Names, *, later: bool, top: bool = False) -> None:
    is_class = table.get_type() == "class"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        bound = symbol.is_assigned() or symbol.is_imported()
        if top:
            if bound:
                names.binds.add(name)
            if symbol.is_referenced():
                names.now.add(name)
            continue
        if symbol.is_global() and bound:
            names.rebinds.add(name)
        # A class body looks a name up in the module when the class has not bound it yet.
        if symbol.is_referenced() and (symbol.is_global() or is_class):
            (names.later if later else names.now).add(name)
    for child in table.get_children():
        deferred = child.get_type() == "function" and child.get_name() not in COMPREHENSIONS
        _walk(child, names, later=later or deferred)


def _names_in_strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for place in _type_places(node):
            for part in ast.walk(place):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield from _names_in_text(part.value)


def _type_places(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.AnnAssign | ast.arg):
        yield from [node.annotation] if node.annotation else []
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
        yield node.returns
    elif isinstance(node, ast.keyword) and node.arg in TYPE_KEYWORDS:
        yield node.value
    elif isinstance(node, ast.Subscript) and _ends_with(node.value, TYPE_CONTAINERS):
        yield node.slice


TYPE_CONTAINERS = {
    "List", "Dict", "Set", "Optional", "Union", "Type", "Sequence", "Mapping", "Iterable",
    "Mapped", "list", "dict", "set", "tuple", "Tuple", "type",
}  # fmt: skip


def _ends_with(node: ast.expr, names: set[str]) -> bool:
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    return last in names


def _names_in_text(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id


def _dotted_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (dotted := dotted_name(node)):
            yield dotted


def dotted_name(node: ast.AST | None) -> str | None:
    """`a.b.c` for a chain of attributes on a name; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted_name(node.value)):
        return f"{base}.{node.attr}"
    return None
