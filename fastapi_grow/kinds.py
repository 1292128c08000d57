"""What kind of thing each statement of MAIN is, in the words of the field.

A kind says where a good engineer would look for it: a schema, a table, a dependency, a route.
Bases and callables are resolved through the imports, so `from pydantic import BaseModel as B` and
a class that inherits from another class of MAIN are both understood.
"""

from __future__ import annotations

import ast

from fastapi_grow.scope import dotted_name
from fastapi_grow.survey import Item, Survey
from fastapi_grow.value_kinds import CALLS, value_kind

VERBS = {
    "get", "post", "put", "patch", "delete", "head", "options", "trace",
    "api_route", "websocket", "route", "websocket_route",
}  # fmt: skip
ADD_ROUTE = {"add_api_route", "add_api_websocket_route", "add_route", "add_websocket_route"}
GIVEN_TO = {
    "dependency": {"Depends", "Security"},
    "middleware": {"add_middleware", "Middleware"},
    "handler": {"add_exception_handler"},
    "event": {"add_event_handler"},
}
REGISTRATIONS = {"exception_handler": "handler", "middleware": "middleware", "on_event": "event"}

BASES = {
    "schema": (
        "pydantic.", "enum.", "typing.TypedDict", "typing_extensions.TypedDict",
        "typing.NamedTuple", "typing.Protocol",
    ),
    "table": ("sqlmodel.SQLModel",),
    "base": ("sqlalchemy.orm.DeclarativeBase", "sqlalchemy.ext.asyncio.AsyncAttrs"),
    "settings": ("pydantic_settings.BaseSettings", "pydantic.BaseSettings"),
    "middleware": ("starlette.middleware.",),
    "endpoint": ("starlette.endpoints.",),
}  # fmt: skip
EXCEPTIONS = ("Exception", "ValueError", "RuntimeError", "HTTPException", "LookupError", "KeyError")

SECURITY_WORDS = ("token", "password", "hash", "jwt", "auth", "credential")
SECURITY_MODULES = ("jose", "jwt", "passlib", "bcrypt", "pwdlib", "authlib", "hashlib")


def classify(survey: Survey) -> None:
    """Give every item of `survey` its kind."""
    for item in survey.items.values():
        item.kind = _kind(survey, item)
    for kind, functions in GIVEN_TO.items():
        names = _names_given_to(survey, functions)
        for item in survey.items.values():
            if item.kind == "service" and item.names.binds & names:
                item.kind = kind
    _link_to_tables(survey)


def _link_to_tables(survey: Survey) -> None:
    """What runs `create_all` needs every table, though it names none."""
    tables = {index for index, item in survey.items.items() if item.kind == "table"}
    for item in survey.items.values():
        if not item.waits and "create_all" in _called_attributes(item):
            item.uses |= tables - {item.index}
            item.uses_now |= tables - {item.index}


def _called_attributes(item: Item) -> set[str]:
    calls = (node.func for node in ast.walk(item.statement.tree) if isinstance(node, ast.Call))
    return {func.attr for func in calls if isinstance(func, ast.Attribute)}


def _kind(survey: Survey, item: Item) -> str:
    tree = item.statement.tree
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        return registered_as(survey, item) or _function_kind(survey, item, tree)
    if isinstance(tree, ast.ClassDef):
        return registered_as(survey, item) or _class_kind(survey, item, tree)
    if isinstance(tree, ast.Assign | ast.AnnAssign):
        return value_kind(survey, item, tree.value)
    if item.is_guard:
        return "guard"
    if is_route_call(survey, tree):
        return "route"
    blocks = ast.If | ast.Try | ast.With
    if isinstance(tree, blocks) and item.names.binds and not _mentions_owner(survey, item):
        return _block_kind(survey, tree)
    return "effect"


def _block_kind(survey: Survey, tree: ast.stmt) -> str:
    """`try: engine = create_engine(...)` is an engine; most blocks only choose a constant."""
    made = {survey.resolve(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    engine = any(name.startswith(CALLS["engine"]) for name in made)
    return "engine" if engine else "constant"


def registered_as(survey: Survey, item: Item) -> str | None:
    """`route`, `handler`, `middleware`, `event` or `task` when a decorator registers it."""
    kinds = []
    for decorator in getattr(item.statement.tree, "decorator_list", []):
        dotted = dotted_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
        owner, _, method = (dotted or "").rpartition(".")
        if owner in survey.owners:
            kinds.append("route" if method in VERBS else REGISTRATIONS.get(method, "registered"))
        elif method in {"task"} or survey.resolve(decorator) == "celery.shared_task":
            kinds.append("task")
    return next((kind for kind in kinds if kind != "route"), kinds[0]) if kinds else None


def is_route_call(survey: Survey, tree: ast.stmt) -> bool:
    """Is it `app.get("/x")(endpoint)` or `app.add_api_route("/x", endpoint)`?"""
    call = tree.value if isinstance(tree, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    inner = call.func.func if isinstance(call.func, ast.Call) else call.func
    owner, _, method = (dotted_name(inner) or "").rpartition(".")
    wanted = VERBS if isinstance(call.func, ast.Call) else ADD_ROUTE
    return owner in survey.owners and method in wanted


def _mentions_owner(survey: Survey, item: Item) -> bool:
    return bool(item.names.reads & set(survey.owners))


def _class_kind(survey: Survey, item: Item, tree: ast.ClassDef) -> str:
    if _is_settings(survey, tree):
        return "settings"
    seen = {tree.name}
    for base in tree.bases:
        kind = _base_kind(survey, base, seen)
        if kind == "base" and tree.bases and _is_own_class(survey, base):
            return "table"
        if kind == "table" and not any(keyword.arg == "table" for keyword in tree.keywords):
            return "schema"  # of SQLModel, for what clients send and get, or for tables to share
        record = any(survey.resolve(base) == "typing.NamedTuple" for base in tree.bases)
        if kind and not (record and _works(tree)):
            return kind
    decorators = {survey.resolve(d) for d in tree.decorator_list}
    record = bool(decorators & {"dataclasses.dataclass", "pydantic.dataclasses.dataclass"})
    if record and not _works(tree):
        return "schema"
    return "ml" if _uses_ml(survey, item) else "service"


def _is_settings(survey: Survey, tree: ast.ClassDef) -> bool:
    """By its name; a model of Pydantic's only if MAIN makes one of it, not when requests do."""
    if not tree.name.endswith(("Settings", "Config")) or not tree.name[0].isupper():
        return False
    if all(_base_kind(survey, base, {tree.name}) != "schema" for base in tree.bases):
        return True
    makers = ast.Assign | ast.AnnAssign | ast.Try
    items = (i for i in survey.items.values() if isinstance(i.statement.tree, makers))
    return any(tree.name in item.names.now for item in items)


def _works(tree: ast.ClassDef) -> bool:
    """Has this class methods of its own, and so does more than hold data?"""
    methods = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
    return any(not m.name.startswith("__") and not m.decorator_list for m in methods)


def _is_own_class(survey: Survey, node: ast.expr) -> bool:
    return dotted_name(node) in survey.definers


def _base_kind(survey: Survey, base: ast.expr, seen: set[str]) -> str | None:
    name = survey.resolve(base)
    for kind in ("settings", "base", "table", "schema", "middleware", "endpoint"):
        if name.startswith(BASES[kind]):
            return kind
    if name.rsplit(".", 1)[-1] in EXCEPTIONS or name.endswith(("Error", "Exception")):
        return "exception"
    if name in seen:
        return None
    for index in survey.definers.get(name, []):
        tree = survey.items[index].statement.tree
        if isinstance(tree, ast.ClassDef):
            return _class_kind_of_base(survey, tree, seen | {name})
        if isinstance(tree, ast.Assign) and survey.resolve(tree.value).startswith(CALLS["base"]):
            return "base"
    return None


def _class_kind_of_base(survey: Survey, tree: ast.ClassDef, seen: set[str]) -> str | None:
    return next((k for base in tree.bases if (k := _base_kind(survey, base, seen))), None)


def _function_kind(survey: Survey, item: Item, tree: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorators = {survey.resolve(d) for d in tree.decorator_list}
    if any(name.endswith("asynccontextmanager") for name in decorators) and _is_lifespan(
        survey, tree
    ):
        return "lifespan"
    used = {survey.items[index].kind for index in item.uses if index in survey.items}
    targets = _imported_packages(survey, item)
    opens = any(name.endswith("contextmanager") for name in decorators)
    lower = {"engine", "base", "session"} if opens else {"engine", "base"}
    if used & lower and not used & {"table", "schema"}:
        return "session"
    if _uses_ml(survey, item):
        return "ml"
    words = tree.name.lower()
    if targets & set(SECURITY_MODULES) or (
        "security" in used and any(w in words for w in SECURITY_WORDS)
    ):
        return "security"
    if "sqlite3" in targets and not used & {"table", "schema"}:
        return "session"
    return "service"


def _imported_packages(survey: Survey, item: Item) -> set[str]:
    entries = [entry for name in item.names.reads for entry in survey.imported.get(name, [])]
    return {entry.target.split(".")[0] for entry in entries}


def _uses_ml(survey: Survey, item: Item) -> bool:
    wanted = {prefix.rstrip(".") for prefix in CALLS["ml"]} - {"pickle"}
    predicts = {"predict", "predict_proba"} & _called_attributes(item)
    return bool(predicts or _imported_packages(survey, item) & wanted)


def _is_lifespan(survey: Survey, tree: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(node, ast.keyword)
        and node.arg == "lifespan"
        and dotted_name(node.value) == tree.name
        for item in survey.items.values()
        for node in ast.walk(item.statement.tree)
    )


def _names_given_to(survey: Survey, functions: set[str]) -> set[str]:
    """Names that a call of one of `functions` is given by position, anywhere in MAIN."""
    nodes = (node for item in survey.items.values() for node in ast.walk(item.statement.tree))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return {
        (dotted_name(argument) or "").split(".")[0]
        for call in calls
        if survey.resolve(call).rsplit(".", 1)[-1] in functions
        for argument in call.args
    }
