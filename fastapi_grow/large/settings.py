"""The settings of an app: environment variables that it reads, by name, with their defaults."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_grow.survey import Survey

READS = {"os.getenv", "os.environ.get", "environ.get", "getenv", "os.environ.setdefault"}
MAPPINGS = {"os.environ"}
SETTINGS = ("pydantic_settings.BaseSettings", "pydantic.BaseSettings")


@dataclass(frozen=True)
class Setting:
    """One environment variable; `default` is its text, None where the app needs a value."""

    name: str
    default: str | None
    line: int


def settings_of(survey: Survey) -> list[Setting]:
    """Every setting once, in the order of the file."""
    found: dict[str, Setting] = {}
    for item in survey.items.values():
        tree = item.statement.tree
        fields = _fields(survey, tree) if isinstance(tree, ast.ClassDef) else ()
        for name, default in [*fields, *_reads(survey, tree)]:
            found.setdefault(name, Setting(name, default, item.statement.line))
    return list(found.values())


def _fields(survey: Survey, tree: ast.ClassDef) -> Iterator[tuple[str, str | None]]:
    """The fields of a settings class, by the names that pydantic-settings reads."""
    read_by_hand = tree.name.endswith("Settings") and any(
        survey.resolve(base) == "pydantic.BaseModel" for base in tree.bases
    )
    own = any(survey.resolve(base).startswith(SETTINGS) for base in tree.bases)
    if not own and not read_by_hand:
        return
    prefix = _prefix(tree)
    for line in tree.body:
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        if line.target.id != "model_config" and not line.target.id.startswith("_"):
            yield f"{prefix}{line.target.id}".upper(), _default(line.value)


def _prefix(tree: ast.ClassDef) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "env_prefix":
            return _text(node.value) or ""
    return ""


def _default(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Call) and value.args and ast.unparse(value.func).endswith("Field"):
        return _default(value.args[0])
    if isinstance(value, ast.Constant) and value.value is not None and value.value is not ...:
        return str(value.value)
    return "" if value is not None and not _is_ellipsis(value) else None


def _is_ellipsis(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is ...


def _reads(survey: Survey, tree: ast.stmt) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and survey.resolve(node) in READS:
            name = _text(node.args[0])
            default = node.args[1] if len(node.args) > 1 else None
            if name:
                yield name, _default(default) if default else ""
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            name = _text(node.slice)
            if name and survey.resolve(node.value) in MAPPINGS:
                yield name, None


def _text(node: ast.expr) -> str | None:
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if constant else None  # type: ignore[attr-defined]
