"""MAIN as a list of top-level statements, each with its text, its position and its comments.

LibCST splits the file, so a statement carries the comments and blank lines above it and all
statements joined again are the file, byte for byte (but `a; b` becomes two lines). Nothing here
knows what a statement means.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

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
    statements: list[Statement] = []
    for whole, code in zip(module.body, codes, strict=True):
        for node in _one_by_one(whole):
            part = code if node is whole else module.code_for_node(node)
            tree = ast.parse(part).body[0]
            first, lines = line + _first_line(tree), part.count("\n")
            statements.append(Statement(len(statements), node, part, tree, first, lines))
        line += code.count("\n")
    _give_preface_to_docstring(statements)
    return Source(text, module, tuple(statements), text[:start], text[start + len(body) :])


def _give_preface_to_docstring(statements: list[Statement]) -> None:
    """A paragraph of comments below the docstring (a licence, say) is about the file: it stays."""
    if len(statements) < 2 or not isinstance(statements[0].tree, ast.Expr):
        return
    docstring, first = statements[:2]
    code = first.text.splitlines(keepends=True)
    above = next(i for i, line in enumerate(code) if line.strip() and line[0] != "#")
    blank = max((i for i, line in enumerate(code[:above]) if not line.strip()), default=0)
    preface = "".join(code[:blank])
    if preface.strip() and isinstance(first.tree, ast.Import | ast.ImportFrom):
        text, rest = docstring.text + preface, "".join(code[blank:])
        lines = docstring.lines + blank, first.lines - blank
        statements[0] = replace(docstring, text=text, lines=lines[0])
        statements[1] = replace(first, text=rest, lines=lines[1])


def _one_by_one(node: cst.BaseStatement) -> list[cst.BaseStatement]:
    """`a; b` as two lines; the comments above stay with the first, the one behind with the last."""
    if not isinstance(node, cst.SimpleStatementLine) or len(node.body) < 2:
        return [node]
    alone = [part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for part in node.body]
    return [
        cst.SimpleStatementLine(
            [part],
            leading_lines=node.leading_lines if part is alone[0] else (),
            trailing_whitespace=node.trailing_whitespace
            if part is alone[-1]
            else cst.TrailingWhitespace(),
        )
        for part in alone
    ]


def _first_line(tree: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(tree, "decorator_list", [])
    return min([tree.lineno, *(d.lineno for d in decorators)])
