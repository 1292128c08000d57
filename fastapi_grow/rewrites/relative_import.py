"""`from .store import x` inside a function gets the dots of its new depth."""

from __future__ import annotations

import libcst as cst

from fastapi_grow.place import Place


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if not place.depth:
        return node
    return node.visit(_Dots(place.depth))  # type: ignore[return-value]


class _Dots(cst.CSTTransformer):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.depth = depth

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        if not original_node.relative:
            return updated_node
        return updated_node.with_changes(
            relative=[*updated_node.relative, *[cst.Dot()] * self.depth]
        )
