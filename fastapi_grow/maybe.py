"""Names that MAIN may leave unbound: `try: import redis` without a substitute.

Another module cannot import such a name, for then the import would fail where MAIN did not. It is
reached through its module instead, and missing only when it is used, as before.
"""

from __future__ import annotations

import ast

from fastapi_grow.survey import Survey

LEAVING = {"sys.exit", "exit", "quit", "os._exit"}


def maybe_unbound(survey: Survey) -> set[str]:
    """The module-level names that some path through MAIN does not bind."""
    found = set()
    for name, where in survey.definers.items():
        trees = [survey.items[index].statement.tree for index in where]
        blocks = ast.Try | ast.If | ast.With | ast.For | ast.While
        if all(isinstance(tree, blocks) and name not in _bound(survey, [tree]) for tree in trees):
            found.add(name)
    return found


def _bound(survey: Survey, statements: list[ast.stmt]) -> set[str]:
    """What is bound for sure once `statements` have run to their end."""
    names: set[str] = set()
    for tree in statements:
        if isinstance(tree, ast.If):
            names |= _common(survey, [tree.body, tree.orelse])
        elif isinstance(tree, ast.Try):
            paths = [[*tree.body, *tree.orelse], *(handler.body for handler in tree.handlers)]
            names |= _common(survey, paths) | _bound(survey, tree.finalbody)
        elif isinstance(tree, ast.With):
            if not any(_suppresses(survey, item) for item in tree.items):
                names |= _bound(survey, tree.body)
        else:
            names |= _bound_by(tree)
    return names


def _common(survey: Survey, paths: list[list[ast.stmt]]) -> set[str]:
    staying = [_bound(survey, path) for path in paths if not _leaves(survey, path)]
    return set.intersection(*staying) if staying else set()


def _bound_by(tree: ast.stmt) -> set[str]:
    if isinstance(tree, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in tree.names}
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {tree.name}
    if isinstance(tree, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
        return {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
    return set()


def _suppresses(survey: Survey, item: ast.withitem) -> bool:
    return survey.resolve(item.context_expr).endswith("suppress")


def _leaves(survey: Survey, statements: list[ast.stmt]) -> bool:
    """Does this path end the program, or raise?"""
    last = statements[-1] if statements else None
    if isinstance(last, ast.Raise):
        return True
    if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call):
        return False
    name = survey.resolve(last.value)
    return name in LEAVING or any(
        _never_returns(survey.items[index].statement.tree)
        for index in survey.definers.get(name, [])
    )


def _never_returns(tree: ast.stmt) -> bool:
    returns = getattr(tree, "returns", None)
    name = returns.attr if isinstance(returns, ast.Attribute) else getattr(returns, "id", None)
    return name in {"NoReturn", "Never"}
