"""MAIN as a list of top-level statements, each with its text, its position and its comments.

LibCST splits the file, so a statement carries the comments and blank lines above it and all
statements joined again are the file, byte for byte. Nothing here knows what a statement means.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

import libcst as cst


@dataclass(frozen=True)
class Statement:
    """One top-level statement; `text` starts with the comments above it."""

    index: int
    node: cst.BaseStatement
    text: str
    tree: ast.stmt
    line: int  # of the first code line, counted from 1
    lines: int  # comments and blank lines above included

    @property
    def end_line(self) -> int:
        """The last line of the code."""
        return self.line + (self.tree.end_lineno or 1) - _first_line(self.tree)


@dataclass(frozen=True)
class Source:
    """A parsed file. `header` and `footer` are the comments outside every statement."""

    text: str
    module: cst.Module
    statements: tuple[Statement, ...]
    header: str
    footer: str

    @property
    def docstring(self) -> Statement | None:
        """The module's docstring, if its first statement is one."""
        first = self.statements[0] if self.statements else None
        if first and isinstance(first.tree, ast.Expr):
            value = first.tree.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return first
        return None


def read_source(text: str) -> Source:
    """Split `text`; raises SyntaxError when it is not Python."""
    ast.parse(text)
    module = cst.parse_module(text)
    codes = [module.code_for_node(node) for node in module.body]
    body = "".join(codes)
    start = f"{text}\n".find(body)
    line = text.count("\n", 0, start)
    statements = []
    for index, (node, code) in enumerate(zip(module.body, codes, strict=True)):
        tree = ast.parse(code).body[0]
        first = line + _first_line(tree)
        statements.append(Statement(index, node, code, tree, first, code.count("\n")))
        line += code.count("\n")
    return Source(text, module, tuple(statements), text[:start], text[start + len(body) :])


def _first_line(tree: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(tree, "decorator_list", [])
    return min([tree.lineno, *(d.lineno for d in decorators)])
