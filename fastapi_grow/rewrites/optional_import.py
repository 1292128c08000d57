"""`try: import redis` stays as it is, and says that others use it from here.

The name is reached through this module (see `maybe`), so a linter sees no use of it in the file.
"""

from __future__ import annotations

import libcst as cst

from fastapi_grow.place import Place

USED_ELSEWHERE = "# noqa: F401 - used through this module"


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if not place.given_out or isinstance(node, cst.SimpleStatementLine | cst.FunctionDef):
        return node
    return node.visit(_Mark(place.given_out))  # type: ignore[return-value]


class _Mark(cst.CSTTransformer):
    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        statement = updated_node.body[0]
        if not isinstance(statement, cst.Import | cst.ImportFrom):
            return updated_node
        if isinstance(statement.names, cst.ImportStar) or updated_node.trailing_whitespace.comment:
            return updated_node
        bound = {_bound(alias) for alias in statement.names}
        if not bound & self.names:
            return updated_node
        end = updated_node.trailing_whitespace.with_changes(
            whitespace=cst.SimpleWhitespace("  "), comment=cst.Comment(USED_ELSEWHERE)
        )
        return updated_node.with_changes(trailing_whitespace=end)


def _bound(alias: cst.ImportAlias) -> str:
    return (alias.evaluated_alias or alias.evaluated_name).split(".")[0]
