"""The imports of MAIN, one entry for each name they bind, and how to write them again.

A module of the grown package gets exactly the entries for the names it uses. Imports inside
`try` or `if` are statements like any other; only `if TYPE_CHECKING:` blocks are read here.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fastapi_grow.source import Statement

FOR_TOOLS = ("type:", "noqa", "pyright:", "pylint:", "nosec")  # whatever is on the line


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
    comment: str = ""  # behind it
    above: str = ""  # the lines of comments in front of it

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
    entries = list(_entries(tree, statement.index))
    return _with_comments(statement, entries) if entries else []


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


def _with_comments(statement: Statement, entries: list[Import]) -> list[Import]:
    """`entries` of one statement with its comments, each at the name that it stands by."""
    aliases = statement.tree.names  # type: ignore[attr-defined]
    lines = [alias.end_lineno for alias in aliases]
    above, behind = [""] * len(entries), [""] * len(entries)
    for line, text in _comments(statement.text):
        if any(mark in text for mark in FOR_TOOLS):
            entries = [replace(entry, comment=f"  {text}") for entry in entries]
            continue
        after = [number for number, end in enumerate(lines) if end >= line]
        if line in lines and (len(entries) == 1 or lines.count(line) == 1):
            behind[lines.index(line)] = f"  {text}"
        elif text.strip("# "):
            above[after[0] if after else -1] += f"{text}\n"
    return [
        replace(entry, above=a, comment=entry.comment or b)
        for entry, a, b in zip(entries, above, behind, strict=True)
    ]


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def with_comments_once(headers: Mapping[str, list[Import]]) -> dict[str, list[Import]]:
    """The imports of each module; a comment above one stays with the first module that has it."""
    seen: set[tuple[int, str]] = set()
    result = {}
    for module, entries in headers.items():
        mine = {(entry.index, entry.above) for entry in entries}
        result[module] = [
            replace(entry, above="") if (entry.index, entry.above) in seen else entry
            for entry in entries
        ]
        seen |= mine
    return result


def write_imports(entries: Iterable[Import]) -> str:
    """Import statements, one for each module; their order and wrapping are ruff's business."""
    entries = list({entry.key(): entry for entry in entries}.values())
    lines = [entry.above + _write(entry) for entry in entries if not entry.typing_only]
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
