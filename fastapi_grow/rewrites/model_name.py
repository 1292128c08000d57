"""Models that share a name keep the module they had: it is part of their key in OpenAPI.

Two classes called `Settings`, one in `User` and one in `Shop`, appear to clients as
`main__User__Settings` and `main__Shop__Settings`. Only such classes get a `__module__`.
"""

from __future__ import annotations

from collections import Counter

import libcst as cst
import libcst.matchers as m

from fastapi_grow.place import Place


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if not place.module or not place.namesakes or not isinstance(node, cst.ClassDef):
        return node
    return node.visit(_Keep(place))  # type: ignore[return-value]


class _Keep(cst.CSTTransformer):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        body = updated_node.body
        if not updated_node.bases or not _is_or_holds(original_node, self.place.namesakes):
            return updated_node  # Pydantic wants a class and those inside it to agree
        if not isinstance(body, cst.IndentedBlock):
            return updated_node
        line = cst.parse_statement(
            f'__module__ = "{self.place.main_name}"  # part of its OpenAPI key'
        )
        return updated_node.with_changes(body=body.with_changes(body=[line, *body.body]))


def _is_or_holds(node: cst.ClassDef, names: frozenset[str]) -> bool:
    """Is it one of `names`, or is one defined inside it?"""
    found = [node, *m.findall(node.body, m.ClassDef())]
    return any(cst.ensure_type(part, cst.ClassDef).name.value in names for part in found)


def namesakes(module: cst.Module) -> frozenset[str]:
    """The names that several classes of a file have, at whatever depth."""
    counted: Counter[str] = Counter()

    class Count(cst.CSTVisitor):
        def visit_ClassDef(self, node: cst.ClassDef) -> None:
            counted[node.name.value] += bool(node.bases)

    module.visit(Count())
    return frozenset(name for name, count in counted.items() if count > 1)
