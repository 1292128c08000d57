"""`@app.get("/users/{id}")` becomes `@router.get("/{id}")`; other registrations come off.

Exception handlers, middleware and events exist on the application only: their functions move
bare, and the assembling module registers them where the decorator stood (`registration`).
"""

from __future__ import annotations

import ast

import libcst as cst

from fastapi_grow.place import Place


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if isinstance(node, cst.FunctionDef | cst.ClassDef):
        if place.unregister:
            return unregistered(node, place.owner)
        if place.router:
            hung = [_decorator(decorator, place) for decorator in node.decorators]
            return node.with_changes(decorators=hung)
    if isinstance(node, cst.SimpleStatementLine) and place.router:
        statement = node.body[0]
        if isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call):
            outer = statement.value
            if isinstance(outer.func, cst.Call):
                changed = outer.with_changes(func=_call(outer.func, place))
                return node.with_changes(body=[statement.with_changes(value=changed)])
    return node


def unregistered(
    node: cst.FunctionDef | cst.ClassDef, owner: str
) -> cst.FunctionDef | cst.ClassDef:
    """The definition without the decorators of `owner`; comments above it stay."""
    kept = [d for d in node.decorators if not _is_of(d, owner)]
    lines = [*node.leading_lines, *node.decorators[0].leading_lines]
    if kept:
        return node.with_changes(decorators=kept, leading_lines=lines)
    after = getattr(node, "lines_after_decorators", ())
    return node.with_changes(
        decorators=[], leading_lines=[*lines, *after], lines_after_decorators=[]
    )


def registrations(node: cst.FunctionDef | cst.ClassDef, owner: str) -> str:
    """The statements that register a function which lost its decorators, lowest first."""
    code = cst.Module([]).code_for_node
    mine = [d for d in node.decorators if _is_of(d, owner)]
    return "".join(f"{code(d.decorator)}({node.name.value})\n" for d in reversed(mine))


def _is_of(decorator: cst.Decorator, owner: str) -> bool:
    """Is it `@owner.something(...)`?"""
    call = decorator.decorator
    func = call.func if isinstance(call, cst.Call) else call
    base = func.value if isinstance(func, cst.Attribute) else None
    return isinstance(base, cst.Name) and base.value == owner


def _decorator(decorator: cst.Decorator, place: Place) -> cst.Decorator:
    if isinstance(decorator.decorator, cst.Call):
        return decorator.with_changes(decorator=_call(decorator.decorator, place))
    return decorator


def _call(call: cst.Call, place: Place) -> cst.Call:
    func = call.func
    if not isinstance(func, cst.Attribute) or not isinstance(func.value, cst.Name):
        return call
    if func.value.value != place.owner:
        return call
    func = func.with_changes(value=cst.Name(place.router))
    return call.with_changes(func=func, args=[_without_prefix(a, place.prefix) for a in call.args])


def _without_prefix(argument: cst.Arg, prefix: str) -> cst.Arg:
    """Shorten the path, which is the first argument or `path=`; other strings stay."""
    value = argument.value
    named = argument.keyword is not None and argument.keyword.value != "path"
    if not prefix or named or not isinstance(value, cst.SimpleString):
        return argument
    path = ast.literal_eval(value.value)
    if not isinstance(path, str) or not path.startswith(prefix):
        return argument
    short = f"{value.prefix}{value.quote}{path.removeprefix(prefix)}{value.quote}"
    return argument.with_changes(value=cst.SimpleString(short))
