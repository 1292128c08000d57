"""Paths computed from `__file__` keep pointing where they did.

Beside MAIN, `__file__` was MAIN's own path; in a module of the package the folder of MAIN is one
or two parents further up. Where the file itself is meant, `MAIN_FILE` stands for it.
"""

from __future__ import annotations

import libcst as cst
import libcst.matchers as m

from fastapi_grow.place import Place

MAIN_FILE = "MAIN_FILE"
FILE = m.Name("__file__")
PATH_CALL = m.Call(args=[m.Arg(FILE)])
FOLDER = m.Call(
    func=m.Attribute(attr=m.Name("dirname")) | m.Name("dirname"),
    args=[m.Arg(FILE | PATH_CALL)],
)
PARENT = m.Attribute(
    value=PATH_CALL
    | m.Call(
        func=m.Attribute(value=PATH_CALL, attr=m.Name("resolve") | m.Name("absolute")), args=[]
    ),
    attr=m.Name("parent"),
)


def definition(place: Place) -> str:
    """The line that a module needs where MAIN's own path is used as it is."""
    return f'{MAIN_FILE} = str(Path(__file__).parents[{place.depth}] / "{place.main_file}")\n'


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if not place.depth:
        return node
    return node.visit(_Paths(place))  # type: ignore[return-value]


class _Paths(cst.CSTTransformer):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.done: set[cst.CSTNode] = set()

    def visit_Call(self, node: cst.Call) -> bool:
        return not m.matches(node, FOLDER)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        return not m.matches(node, PARENT)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if not m.matches(original_node, FOLDER):
            return updated_node
        folder: cst.BaseExpression = updated_node
        for _ in range(self.place.depth):
            folder = cst.Call(updated_node.func, [cst.Arg(folder)])
        return folder

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        if not m.matches(original_node, PARENT):
            return updated_node
        folder: cst.BaseExpression = updated_node
        for _ in range(self.place.depth):
            folder = cst.Attribute(folder, cst.Name("parent"))
        return folder

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self.done.add(node.attr)  # `module.__file__` is somebody else's

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        if original_node.value != "__file__" or original_node in self.done:
            return updated_node
        return cst.Name(MAIN_FILE)
