"""The last step: tests import names from where they live now.

`from main import app, Item` becomes an import for each new home. Files that use MAIN as a module
(`main.Item`) keep doing so for what MAIN still gives out.
"""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from fastapi_grow.externals import External
from fastapi_grow.patches import Target

Importer = cst.ImportFrom


def move_imports(
    text: str, external: External, mains: set[str], homes: Mapping[str, Target]
) -> str:
    """`text` of a test file with its `from MAIN import …` lines pointing at the new homes."""
    if external.star and not external.names:
        return text
    return cst.parse_module(text).visit(_Move(mains, homes)).code


class _Move(cst.CSTTransformer):
    def __init__(self, mains: set[str], homes: Mapping[str, Target]) -> None:
        super().__init__()
        self.mains = mains
        self.homes = homes

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.BaseStatement]:
        statement = updated_node.body[0]
        if len(updated_node.body) != 1 or not isinstance(statement, cst.ImportFrom):
            return updated_node
        if isinstance(statement.names, cst.ImportStar) or _source(statement) not in self.mains:
            return updated_node
        lines = self._split(statement)
        first = lines[0].with_changes(
            leading_lines=updated_node.leading_lines,
            trailing_whitespace=updated_node.trailing_whitespace,
        )
        return cst.FlattenSentinel([first, *lines[1:]])

    def _split(self, statement: cst.ImportFrom) -> list[cst.SimpleStatementLine]:
        by_module: dict[str, list[str]] = {}
        for alias in statement.names:  # type: ignore[union-attr]
            name = str(alias.evaluated_name)
            home = self.homes.get(name)
            written = f"{name} as {alias.evaluated_alias}" if alias.evaluated_alias else name
            by_module.setdefault(home.dotted if home else _source(statement), []).append(written)
        lines = []
        for module, names in sorted(by_module.items()):
            line = f"from {module} import {', '.join(names)}\n"
            if len(line) > 100:
                line = f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)\n"
            lines.append(cst.parse_statement(line))
        return lines  # type: ignore[return-value]


def _source(statement: cst.ImportFrom) -> str:
    """`main`, `.main` or `src.app`, as it is written."""
    dots = "." * len(statement.relative)
    module = cst.Module([]).code_for_node(statement.module) if statement.module else ""
    return f"{dots}{module}"
