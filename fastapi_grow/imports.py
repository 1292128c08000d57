"""The imports of MAIN, one entry for each name they bind, and how to write them again.

A module of the grown package gets exactly the entries for the names it uses. Imports inside
`try` or `if` are statements like any other; only `if TYPE_CHECKING:` blocks are read here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fastapi_grow.source import Statement


@dataclass(frozen=True)
class Import:
    """`from module import attribute as name`, or `import module as name`."""

    name: str
    module: str
    attribute: str | None = None
    level: int = 0  # leading dots
    renamed: bool = False
    typing_only: bool = False
    index: int = -1  # of its statement in MAIN
    comment: str = ""

    @property
    def target(self) -> str:
        """What the name stands for: `fastapi.responses.JSONResponse`."""
        if self.attribute:
            return f"{self.module}.{self.attribute}" if self.module else self.attribute
        return self.module if self.renamed else self.name

    def deeper(self, dots: int) -> Import:
        """The same import seen from a module `dots` packages further down."""
        return replace(self, level=self.level + dots) if self.level else self

    def key(self) -> tuple[object, ...]:
        return (self.module, self.attribute, self.level, self.name, self.typing_only)


def read_imports(statement: Statement) -> list[Import]:
    """The imports of one top-level statement; empty when it is anything else."""
    tree = statement.tree
    if isinstance(tree, ast.If) and is_type_checking(tree):
        found = [i for part in tree.body for i in _entries(part, statement.index)]
        return [replace(entry, typing_only=True) for entry in found]
    comment = _trailing_comment(statement.text)
    return [replace(entry, comment=comment) for entry in _entries(tree, statement.index)]


def is_type_checking(tree: ast.If) -> bool:
    """Is it `if TYPE_CHECKING:` with nothing but imports in it?"""
    test = tree.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    imports = all(isinstance(part, ast.Import | ast.ImportFrom) for part in tree.body)
    return name == "TYPE_CHECKING" and imports and not tree.orelse


def _entries(tree: ast.stmt, index: int) -> Iterator[Import]:
    if isinstance(tree, ast.Import):
        for alias in tree.names:
            bound = alias.asname or alias.name.split(".")[0]
            yield Import(bound, alias.name, renamed=bool(alias.asname), index=index)
    elif isinstance(tree, ast.ImportFrom):
        for alias in tree.names:
            name = alias.asname or alias.name
            yield Import(
                name,
                tree.module or "",
                alias.name,
                tree.level,
                renamed=bool(alias.asname),
                index=index,
            )


def _trailing_comment(text: str) -> str:
    last = text.rstrip("\n").rsplit("\n", 1)[-1]
    code, mark, comment = last.partition("#")
    keep = code.strip() and mark and any(w in comment for w in ("type:", "noqa", "pyright:"))
    return f"  # {comment.strip()}" if keep else ""


def write_imports(entries: Iterable[Import]) -> str:
    """Import statements, one for each module; their order and wrapping are ruff's business."""
    entries = list({entry.key(): entry for entry in entries}.values())
    lines = [_write(entry) for entry in entries if not entry.typing_only]
    typing_only = [_write(entry) for entry in entries if entry.typing_only]
    if typing_only:
        lines += ["from typing import TYPE_CHECKING", "", "if TYPE_CHECKING:"]
        lines += [f"    {line}" for line in typing_only]
    return "".join(f"{line}\n" for line in lines)


def _write(entry: Import) -> str:
    alias = f" as {entry.name}" if entry.renamed else ""
    if entry.attribute is None:
        return f"import {entry.module}{alias}{entry.comment}"
    dots = "." * entry.level
    return f"from {dots}{entry.module} import {entry.attribute}{alias}{entry.comment}"
