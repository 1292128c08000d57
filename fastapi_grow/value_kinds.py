"""What kind of thing a value with a name is: an engine, a task queue, state, data, a constant.

What a call makes is known by who is called; a container that MAIN changes somewhere is state.
"""

from __future__ import annotations

import ast

from fastapi_grow.survey import Item, Survey

CALLS = {
    "base": ("sqlalchemy.ext.declarative.declarative_base", "sqlalchemy.orm.declarative_base",
             "sqlalchemy.MetaData", "sqlalchemy.orm.registry"),
    "engine": ("sqlalchemy.create_engine", "sqlmodel.create_engine", "sqlalchemy.engine.",
               "sqlalchemy.ext.asyncio.", "sqlalchemy.orm.sessionmaker",
               "sqlalchemy.orm.scoped_session", "motor.", "pymongo.", "redis.", "asyncpg.",
               "databases.Database", "sqlite3.", "psycopg"),
    "table": ("sqlalchemy.Table",),
    "security": ("fastapi.security.", "passlib.", "pwdlib.", "bcrypt."),
    "logger": ("logging.getLogger", "structlog.get_logger", "loguru."),
    "template": ("fastapi.templating.", "starlette.templating.", "jinja2."),
    "task": ("celery.",),
    "ml": ("joblib.", "pickle.", "torch.", "tensorflow.", "keras.", "transformers.", "onnxruntime.",
           "sklearn.", "xgboost.", "lightgbm.", "spacy.", "sentence_transformers."),
}  # fmt: skip
CONTAINERS = {"list", "dict", "set", "collections.defaultdict", "collections.deque"}
MUTATORS = {"append", "update", "extend", "add", "insert", "setdefault", "pop", "remove", "clear"}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
LONG = 20  # lines of a literal: more than that is no setting


def value_kind(survey: Survey, item: Item, value: ast.expr | None) -> str:
    """The kind of the statement `item`, which gives `value` a name."""
    if item.names.binds & set(survey.owners):
        return survey.owners[next(iter(item.names.binds))]
    if item.names.binds & survey.rebound:
        return "state"
    called = survey.resolve(value) if isinstance(value, ast.Call) else ""
    for kind, prefixes in CALLS.items():
        if called.startswith(prefixes):
            return kind
    calls = [node for node in ast.walk(value) if isinstance(node, ast.Call)] if value else []
    if {"fastapi.Depends", "fastapi.Security"} & {survey.resolve(call) for call in calls}:
        return "dependency"
    if _is_type_alias(survey, value):
        return "schema"
    names = item.names.binds
    if (isinstance(value, MUTABLE) or called in CONTAINERS) and names & _changed_names(survey):
        return "state"
    written = isinstance(value, ast.List | ast.Dict | ast.Set | ast.Tuple | ast.Constant)
    return "data" if written and item.statement.lines >= LONG else "constant"


def _changed_names(survey: Survey) -> set[str]:
    """Names of containers that some statement of MAIN changes in place."""
    return {
        name
        for item in survey.items.values()
        for node in ast.walk(item.statement.tree)
        for name in [_changed_name(node)]
        if name
    }


def _changed_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        base = node.func.value if node.func.attr in MUTATORS else None
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        base = node.value
    elif isinstance(node, ast.AugAssign):
        base = node.target
    else:
        return None
    while isinstance(base, ast.Subscript | ast.Attribute):
        base = base.value
    return base.id if isinstance(base, ast.Name) else None


def _is_type_alias(survey: Survey, value: ast.expr | None) -> bool:
    if not isinstance(value, ast.Subscript):
        called = survey.resolve(value) if isinstance(value, ast.Call) else ""
        return called in {"typing.TypeVar", "typing.NewType", "pydantic.create_model"}
    return survey.resolve(value).startswith("typing")
