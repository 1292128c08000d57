"""`--with migrations-only`: the tables come from Alembic, and what cannot be so is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import warm
from ledger import LEDGER

from fastapi_grow.cli import main
from fastapi_grow.large.migrations_only import without

QUICK = ["--requests", "20", "--without", "settings", "--with", "migrations-only"]
QUICK += ["--python", warm.PYTHON]
TEST = """
from fastapi.testclient import TestClient
import main
def test_accounts():
    client = TestClient(main.app)
    assert client.post("/accounts", json={"owner": "ann"}).json()["balance"] == 0
"""
IN_MEMORY = (
    """
import os
os.environ["DATABASE_URL"] = "sqlite:///of_tests.db"
"""
    + TEST
)


@pytest.fixture
def grown(write, tmp_path, monkeypatch, capsys):
    """Grow the ledger with `files` beside it; returns the new folder and what was printed."""

    def grown(files: dict[str, str] | None = None) -> tuple[Path, str]:
        old, new = write(LEDGER, files).parent, tmp_path / "new"
        monkeypatch.chdir(old)
        assert main(["large", "--into", str(new), *QUICK]) == 0
        return new, capsys.readouterr().out

    return grown


def code_of(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("app/**/*.py"))


def test_tables_are_made_by_the_start_of_the_container_alone(grown):
    new, said = grown({"test_main.py": TEST})
    assert "create_all" not in code_of(new), said
    assert "alembic upgrade head && exec uvicorn main:app" in (new / "Dockerfile").read_text()
    for command in (["-c", "import main"], ["-m", "alembic", "upgrade", "head"]):
        subprocess.run([sys.executable, *command], cwd=new, check=True, capture_output=True)
        engine = sa.create_engine(f"sqlite:///{new}/ledger.db")
        tables = set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
        engine.dispose()
        assert tables == ({"accounts", "bookings"} if "alembic" in command else set())


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({"test_main.py": IN_MEMORY}, "tests: ", id="tests that need create_all"),
        pytest.param({"Dockerfile": "FROM scratch\n"}, "no Dockerfile would run",
                     id="a container that would not make them"),
    ],
)  # fmt: skip
def test_create_all_stays_where_nothing_would_take_its_place(grown, files, reason):
    new, said = grown(files)
    assert f"skipped  migrations-only: {reason}" in said
    assert "create_all" in code_of(new)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("x = 1\n# why\n", "x = 1\n# why\n", id="another module"),
        pytest.param(
            "from db import Base, engine\n\nBase.metadata.create_all(bind=engine)\n\nx = Base\n",
            "from db import Base\n\nx = Base\n",
            id="at the top, with what only it needed",
        ),
        pytest.param(
            "def make():\n    Base.metadata.create_all(engine)\n",
            "def make():\n    pass\n",
            id="alone in a function",
        ),
        pytest.param(
            "async def make(c):\n    await c.run_sync(Base.metadata.create_all)\n    x()\n",
            "async def make(c):\n    x()\n",
            id="awaited",
        ),
    ],
)
def test_a_module_without_create_all(before, after):
    assert without(before) == after
