"""Alembic, with an initial migration that makes exactly the tables that `create_all` makes.

The migration is drafted by Alembic itself from the app's own tables against an empty database, and
believed only when both schemas, read back from SQLite, are the same.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from fastapi_grow import layers
from fastapi_grow.large.parts.project import Project
from fastapi_grow.layout import ROOT
from fastapi_grow.scratch import LEFT_OUT, scratch
from fastapi_grow.survey import Survey

NAME = "migrations"
CALLED_FOR_BY = "SQLAlchemy or SQLModel tables"
ENGINES = ("sqlalchemy.create_engine", "sqlmodel.create_engine")
HOLD = """\
from sqlalchemy import MetaData

create_all, MetaData.create_all = MetaData.create_all, lambda *_, **__: None  # Alembic does

"""
RELEASE = "\nMetaData.create_all = create_all\n"
METADATA = {"sqlalchemy.MetaData", "sqlalchemy.schema.MetaData"}
PROBE = Path(__file__).with_name("drafting.py")
PATIENCE = 120  # seconds
NOT_COPIED = ("*.db", "*.db-*", "*.sqlite", "*.sqlite3")  # a new database is empty

INI = """\
# Alembic: the database is the one that the app itself uses, see alembic/env.py.
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = %(here)s
path_separator = os
"""

ENV = '''\
"""Where Alembic runs: on the app's own engine, with every module of tables imported."""

from alembic import context
from sqlalchemy.sql.functions import Function

{hold}{imports}
{release}
target_metadata = {metadata}


def render_item(kind, value, _):
    """Write now() as sa.func.now(): each database has its own spelling of it."""
    function = getattr(value, "arg", None)
    plain = isinstance(function, Function) and not list(function.clauses)
    return f"sa.func.{{function.name}}()" if kind == "server_default" and plain else False


def run(connection):
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        render_item=render_item,
        # SQLite cannot alter a table: Alembic makes a new one and copies.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with {engine}.begin() as connection:
        run(connection)
'''

MAKO = '''\
"""${message}

Revises: ${down_revision | comma,n}
"""

import sqlalchemy as sa
{sqlmodel}from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''


class Unproved(ValueError):
    """The part cannot be had; the text says why."""


def applies(project: Project) -> bool:
    return bool(_tables(project))


def files(project: Project) -> dict[str, str]:
    """alembic.ini, env.py and the initial migration; raises Unproved."""
    engine = _engine(project)
    metadata, imports = _metadata(project)
    lines = _lines([(_dotted(project, engine[0]), engine[1]), imports])
    lines += [_import_of(project, module) for module in _tables(project)]
    used = "sqlmodel" in project.imports
    sqlmodel = "import sqlmodel  # noqa: F401 - its types\n" * used
    written = {
        "alembic.ini": INI,
        "alembic/env.py": ENV.format(
            imports="\n".join(sorted(lines)),
            metadata=metadata,
            engine=engine[1],
            hold=HOLD if _makes_at_import(project) else "",
            release=RELEASE if _makes_at_import(project) else "",
        ),
        "alembic/script.py.mako": MAKO.replace("{sqlmodel}", sqlmodel),
    }
    draft = _prove(project, written)
    return written | {"alembic/versions/0001_initial.py": draft}


def _makes_at_import(project: Project) -> bool:
    """Does a module that env.py imports call create_all as it is imported?"""
    items = project.survey.items.values()
    made = [item for item in items if "create_all" in item.statement.text and not item.waits]
    return any(project.layout.homes[item.index] != project.layout.assembling for item in made)


def _tables(project: Project) -> list[str]:
    """The modules that define tables."""
    items = project.survey.items.values()
    return sorted({project.layout.homes[item.index] for item in items if item.kind == "table"})


def _engine(project: Project) -> tuple[str, str]:
    survey = project.survey
    for item in survey.items.values():
        for node in ast.walk(item.statement.tree):
            made = survey.resolve(node) if isinstance(node, ast.Call) else ""
            if made in ENGINES and item.names.binds & set(survey.definers):
                if isinstance(item.statement.tree, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                return project.layout.homes[item.index], _bound_to_call(item.statement.tree, made)
    raise Unproved("no engine is made by create_engine at the top of a module")


def _bound_to_call(tree: ast.stmt, made: str) -> str:
    last = made.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and last in ast.unparse(node.value or node):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                return target.id
    raise Unproved("the engine has no name")


def _lines(wanted: list[tuple[str, str]]) -> list[str]:
    """`from module import names`, a line for each module."""
    by_module: dict[str, set[str]] = {}
    for module, name in wanted:
        by_module.setdefault(module, set()).add(name)
    return [f"from {module} import {', '.join(sorted(by_module[module]))}" for module in by_module]


def _metadata(project: Project) -> tuple[str, tuple[str, str]]:
    """The expression for the tables' MetaData, and the module and name that it needs."""
    survey = project.survey
    if "sqlmodel" in project.imports:
        return "SQLModel.metadata", ("sqlmodel", "SQLModel")
    for item in survey.items.values():
        if item.kind != "base" or not item.names.binds:
            continue
        name = min(item.names.binds)
        made = survey.resolve(getattr(item.statement.tree, "value", None))
        module = _dotted(project, project.layout.homes[item.index])
        return (name if made.endswith("MetaData") else f"{name}.metadata"), (module, name)
    for item in survey.items.values():
        name = _among_several(survey, item.statement.tree)
        if name:
            return name, (_dotted(project, project.layout.homes[item.index]), name)
    raise Unproved("the tables have no declarative base or MetaData of their own")


def _among_several(survey: Survey, tree: ast.stmt) -> str:
    """`tables` for `tables, column = MetaData(), ...`."""
    targets = tree.targets[0] if isinstance(tree, ast.Assign) else None
    value = getattr(tree, "value", None)
    if not isinstance(targets, ast.Tuple) or not isinstance(value, ast.Tuple):
        return ""
    for target, part in zip(targets.elts, value.elts, strict=False):
        made = survey.resolve(part) if isinstance(part, ast.Call) else ""
        if made in METADATA and isinstance(target, ast.Name):
            return target.id
    return ""


def _dotted(project: Project, module: str) -> str:
    """`app.db`, `src.app.db`; MAIN itself for what has not moved."""
    identity = project.identity
    parent = identity.name.rpartition(".")[0]
    if module == ROOT:
        return identity.name
    tail = "" if module == layers.SETUP else module.replace("/", ".")
    return ".".join(part for part in (parent, identity.package, tail) if part)


def _import_of(project: Project, module: str) -> str:
    package, _, name = _dotted(project, module).rpartition(".")
    line = f"from {package} import {name}" if package else f"import {name}"
    return f"{line}  # noqa: F401 - registers its tables"


def _prove(project: Project, written: dict[str, str]) -> str:
    """The initial migration, drafted and proved in copies of the project."""
    with _copied(project, written) as copy:
        draft, upgrades = _draft(project, copy)
    if upgrades:
        with _copied(project, written | {"alembic/versions/0001_initial.py": draft}) as copy:
            _upgrade(project, copy)
    return draft


@contextlib.contextmanager
def _copied(project: Project, written: dict[str, str]) -> Iterator[Path]:
    """A copy of the grown project with these files."""
    with scratch(project.root) as folder:
        copy = folder / project.root.name
        left_out = shutil.ignore_patterns(*NOT_COPIED)
        shutil.copytree(
            project.root, copy, symlinks=True,
            ignore=lambda at, names: LEFT_OUT(at, names) | left_out(at, names),
        )  # fmt: skip
        own = copy / project.identity.folder.relative_to(project.root)
        shutil.rmtree(own / project.identity.package, ignore_errors=True)
        for base, texts in ((own, project.files), (copy, written)):
            for path, text in texts.items():
                (base / path).parent.mkdir(parents=True, exist_ok=True)
                (base / path).write_text(text, encoding="utf-8")
        (copy / "alembic/versions").mkdir(exist_ok=True)
        yield copy


def _upgrade(project: Project, copy: Path) -> None:
    """Raises Unproved where `alembic upgrade head` fails on the app's own empty database."""
    for words in (["upgrade", "head"], ["check"]):
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [project.python, "-W", "ignore", "-m", "alembic", *words],
            cwd=copy, text=True, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "rror" in line] or ["no word"]
            raise Unproved(f"`alembic {' '.join(words)}` fails on an empty database: {said[-1]}")


def _draft(project: Project, copy: Path) -> tuple[str, bool]:
    report = copy.parent / "report.json"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [project.python, "-W", "ignore", str(PROBE), str(report), project.identity.name],
            cwd=copy, text=True, capture_output=True, timeout=PATIENCE, check=False,
            env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unproved(f"no migration after {PATIENCE} seconds") from error
    if not report.exists():
        said = done.stderr.strip().splitlines()
        if said and "No module named 'alembic'" in said[-1]:
            raise Unproved("alembic is not installed beside the app: pip install alembic")
        raise Unproved(said[-1] if said else "Alembic said nothing")
    found = json.loads(report.read_text(encoding="utf-8"))
    if found["differences"]:
        raise Unproved(f"create_all and the migration differ: {found['differences'][0]}")
    return found["draft"], found["own"]
