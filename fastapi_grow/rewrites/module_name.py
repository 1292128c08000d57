"""`__name__` keeps the value it had in MAIN: loggers are configured and filtered by it."""

from __future__ import annotations

import libcst as cst

from fastapi_grow.place import Place


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if not place.module:
        return node
    return node.visit(_Names(place.main_name))  # type: ignore[return-value]


class _Names(cst.CSTTransformer):
    def __init__(self, main_name: str) -> None:
        super().__init__()
        self.main_name = main_name
        self.quotes = ['"']  # the one to use, inside the f-strings entered so far

    def visit_FormattedString(self, node: cst.FormattedString) -> None:
        self.quotes.append("'" if '"' in node.start else '"')

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.FormattedString:
        self.quotes.pop()
        return updated_node

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self.inside_attribute = node.attr

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if original_node.value != "__name__":
            return updated_node
        if original_node is getattr(self, "inside_attribute", None):
            return updated_node  # `func.__name__` is something else
        return cst.SimpleString(f"{self.quotes[-1]}{self.main_name}{self.quotes[-1]}")
