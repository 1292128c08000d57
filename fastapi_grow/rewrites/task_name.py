"""A Celery task keeps the name it had, because messages already queued carry it.

The default name is the module's path, which a move would change: it is written into the
decorator. Tasks that name themselves are left alone.
"""

from __future__ import annotations

import libcst as cst

from fastapi_grow.place import Place


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    if not isinstance(node, cst.FunctionDef) or not place.module:
        return node
    name = f"{place.main_name}.{node.name.value}"
    return node.with_changes(
        decorators=[
            decorator.with_changes(decorator=_named(decorator.decorator, name))
            if is_task(decorator.decorator)
            else decorator
            for decorator in node.decorators
        ]
    )


def is_task(decorator: cst.BaseExpression) -> bool:
    """Is it `@celery.task`, `@celery.task(...)` or `@shared_task`?"""
    func = decorator.func if isinstance(decorator, cst.Call) else decorator
    if isinstance(func, cst.Attribute):
        return func.attr.value == "task"
    return isinstance(func, cst.Name) and func.value == "shared_task"


def _named(decorator: cst.BaseExpression, name: str) -> cst.Call:
    argument = cst.Arg(
        keyword=cst.Name("name"),
        value=cst.SimpleString(f'"{name}"'),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    if not isinstance(decorator, cst.Call):
        return cst.Call(decorator, [argument])
    if any(arg.keyword and arg.keyword.value == "name" for arg in decorator.args):
        return decorator
    args = list(decorator.args)
    if args and isinstance(args[-1].comma, cst.MaybeSentinel):
        args[-1] = args[-1].with_changes(
            comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        )
    return decorator.with_changes(args=[*args, argument])
