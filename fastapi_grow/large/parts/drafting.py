"""Run by the app's interpreter in a copy of the project: draft the first migration, and prove it.

Two empty SQLite databases: one gets the tables by `create_all`, one by `alembic upgrade head`.
What reflection says of them must be the same, and Alembic must find nothing left to do.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext


def main(report: str, app: str) -> None:
    """Write a report: the draft, and the differences between the two schemas.

    `app` is MAIN's name: what it adds to the tables' metadata counts too.
    """
    config = Config("alembic.ini")
    drafting, by_metadata, by_alembic = (sa.create_engine("sqlite://") for _ in range(3))
    with drafting.connect() as connection:
        config.attributes["connection"] = connection
        script: Any = command.revision(config, "initial", autogenerate=True, rev_id="0001")
    metadata = _metadata(config, drafting)
    importlib.import_module(app)
    metadata.create_all(by_metadata)
    with by_alembic.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        left = compare_metadata(MigrationContext.configure(connection), metadata)
    found = differences(schema_of(by_metadata), schema_of(by_alembic))
    found += [f"alembic check: {line}" for line in left]
    with open(script.path, encoding="utf-8") as file, open(report, "w", encoding="utf-8") as out:
        json.dump({"draft": file.read(), "differences": found, "own": _is_ours_alone()}, out)


def _is_ours_alone() -> bool:
    """Are the app's databases files of this copy, which may be written to?"""
    urls = [thing.url for thing in gc.get_objects() if isinstance(thing, sa.Engine)]
    here = os.getcwd()
    files = [url.database for url in urls if url.database not in {None, "", ":memory:"}]
    local = all(os.path.abspath(str(name)).startswith(here) for name in files)
    return bool(files) and local and all(url.get_backend_name() == "sqlite" for url in urls)


def _metadata(config: Config, engine: sa.Engine) -> sa.MetaData:
    """The MetaData that env.py gives to Alembic."""
    seen: list[sa.MetaData] = []

    def look(_revision: object, context: MigrationContext) -> list[object]:
        seen.append(context.opts["target_metadata"])
        return []

    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        with EnvironmentContext(config, scripts, fn=look):
            scripts.run_env()
    return seen[0]


def schema_of(engine: sa.Engine) -> dict[str, Any]:
    """What reflection says of every table but Alembic's own."""
    inspector = sa.inspect(engine)
    tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
    return {name: _table(inspector, name) for name in sorted(tables)}


def _table(inspector: sa.Inspector, name: str) -> dict[str, Any]:
    columns = [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)]
    lists: dict[str, list[Any]] = {
        "foreign keys": inspector.get_foreign_keys(name),
        "indexes": inspector.get_indexes(name),
        "unique": inspector.get_unique_constraints(name),
        "checks": inspector.get_check_constraints(name),
    }
    plain = {key: sorted(map(_plain, rows)) for key, rows in lists.items()}
    return {
        "columns": [_plain(column) for column in columns],
        "primary key": _plain(inspector.get_pk_constraint(name)),
        "comment": _plain(_comment(inspector, name)),
        **plain,
    }


def _comment(inspector: sa.Inspector, name: str) -> object:
    try:
        return inspector.get_table_comment(name)
    except NotImplementedError:
        return None


def _plain(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Where two schemas differ, a line each."""
    found = [f"table {name} is in one only" for name in sorted(set(one) ^ set(other))]
    for name in sorted(set(one) & set(other)):
        for key, value in one[name].items():
            if value != other[name][key]:
                found.append(f"{name}, {key}: {value} and {other[name][key]}")
    return found


if __name__ == "__main__":
    sys.path[0] = "."
    main(sys.argv[1], sys.argv[2])
