"""Alembic: what the migration makes is what create_all makes, read back from real databases."""

from __future__ import annotations

import os
import uuid

import pytest
import sqlalchemy as sa
import warm
from ledger import LEDGER
from parts.commands import run

from fastapi_grow.large.parts.drafting import differences, schema_of

ALEMBIC = (warm.PYTHON, "-m", "alembic")
SERVER = os.environ.get("TEST_DATABASE_SERVER", "postgresql+psycopg://postgres@127.0.0.1:5432")
MAKE = "import main  # it calls create_all"
MODELS = LEDGER.replace("import ForeignKey,", "import JSON, DateTime, Enum, ForeignKey,").replace(
    "    note: Mapped[str | None]\n",
    "    note: Mapped[str | None] = mapped_column(index=True)\n"
    "    kind: Mapped[str] = mapped_column(Enum('own', 'shared', name='account_kind'))\n"
    "    more: Mapped[dict] = mapped_column(JSON)\n"
    "    since: Mapped[str] = mapped_column(DateTime(timezone=True), server_default=func.now())\n",
)


def test_an_app_without_tables_gets_no_migrations(grown):
    text = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\ndef x(): return 1\n"
    found = grown(text)[1]
    assert "alembic.ini" not in found
    assert "volumes:" not in found["compose.yaml"]


@pytest.fixture
def postgres():
    """The URL of an empty database on the PostgreSQL server."""
    name = f"grow_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield f"{SERVER}/{name}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


@pytest.mark.parametrize("text", [LEDGER, MODELS], ids=["plain tables", "types of all sorts"])
def test_upgrade_makes_on_postgresql_what_create_all_makes(grown, postgres, text):
    folder = grown(text)[0]
    run(folder, warm.PYTHON, "-c", MAKE, DATABASE_URL=postgres)
    by_metadata = taken_down(postgres)
    run(folder, *ALEMBIC, "upgrade", "head", DATABASE_URL=postgres)
    assert "No new upgrade operations" in run(folder, *ALEMBIC, "check", DATABASE_URL=postgres)
    assert "\n".join(differences(by_metadata, read_back(postgres))) == ""
    assert set(by_metadata) == {"accounts", "bookings"}
    run(folder, *ALEMBIC, "downgrade", "base", DATABASE_URL=postgres)
    assert read_back(postgres) == {}


def read_back(url: str) -> dict:
    """The schema of a database."""
    engine = sa.create_engine(url)
    try:
        return schema_of(engine)
    finally:
        engine.dispose()


def taken_down(url: str) -> dict:
    """The schema of a database, which is empty afterwards."""
    found = read_back(url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return found


def test_upgrade_makes_on_sqlite_what_create_all_makes(grown):
    folder = grown()[0]
    one, other = (f"sqlite:///{folder}/{name}.db" for name in ("one", "other"))
    run(folder, warm.PYTHON, "-c", MAKE, DATABASE_URL=one)
    run(folder, *ALEMBIC, "upgrade", "head", DATABASE_URL=other)
    assert "No new upgrade operations" in run(folder, *ALEMBIC, "check", DATABASE_URL=other)
    assert read_back(one) == read_back(other) != {}


def test_a_schema_that_alembic_cannot_draft_is_no_migration(grown):
    # A check constraint that Alembic does not write: create_all makes more than the draft would.
    text = LEDGER.replace("celery = Celery", DDL + "celery = Celery")
    _folder, found, said = grown(text)
    assert "alembic.ini" not in found
    assert any("create_all and the migration differ" in line for line in said), said


DDL = """
sa_event.listen(
    Base.metadata, "after_create", DDL("CREATE INDEX by_hand ON accounts (note)")
)
"""
DDL = "from sqlalchemy import DDL, event as sa_event\n" + DDL
