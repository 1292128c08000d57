"""What is written beside the code, each judged by the tool it is for."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
import warm
from conftest import grow_trusting
from ledger import LEDGER

import fastapi_grow
from fastapi_grow.large.arrangement import read_arrangement
from fastapi_grow.large.grow import enlarge
from fastapi_grow.large.parts import NAMES, PARTS, add_parts, catalogue, wanted_parts
from fastapi_grow.large.parts.drafting import differences, schema_of
from fastapi_grow.large.parts.project import Project

BIN = Path(sys.executable).parent
ALEMBIC = (warm.PYTHON, "-m", "alembic")
SERVER = os.environ.get("TEST_DATABASE_SERVER", "postgresql+psycopg://postgres@127.0.0.1:5432")


def with_parts(main: Path, new: Path) -> tuple[dict[str, str], list[str]]:
    """Grow `main` into the folder `new`, with all its parts; returns these, and what was said."""
    growth = grow_trusting(main)
    enlarge(growth, read_arrangement(None), small=0)
    said: list[str] = []
    project = Project(growth.layout, growth.files, main.parent, warm.PYTHON, tests=False)
    found = add_parts(project, PARTS, said.append)
    for path, content in {**growth.files, **found}.items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_text(content)
    return found, said


@pytest.fixture(scope="session")
def grown_once(tmp_path_factory):
    """Write an app and grow it with its parts, the first time that it is asked for."""

    @functools.cache
    def grown_once(text: str, files: tuple[tuple[str, str], ...]):
        folder = tmp_path_factory.mktemp("parts")
        main = folder / "old/main.py"
        main.parent.mkdir()
        for name, content in (("main.py", text), *files):
            (main.parent / name).write_text(content)
        return folder / "new", *with_parts(main, folder / "new")

    return grown_once


@pytest.fixture
def grown(grown_once, tmp_path):
    """An app grown with its parts: a folder of one's own, the files in it, and what was said."""

    def grown(text: str = LEDGER, files=None):
        folder, found, said = grown_once(text, tuple((files or {}).items()))
        return shutil.copytree(folder, tmp_path / "new"), found, said

    return grown


def run(folder: Path, *command: str, **environment: str) -> str:
    """What a command of this environment prints; it must succeed."""
    done = subprocess.run(
        command if command[0] == warm.PYTHON else [BIN / command[0], *command[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


POSTGRES = LEDGER.replace("import os\n", "import os\nimport psycopg\nimport redis\nimport boto3\n")


def test_docker_finds_nothing_to_complain_of(grown):
    run(grown()[0], "hadolint", "Dockerfile")


@pytest.mark.parametrize("text", [LEDGER, POSTGRES], ids=["few services", "every service"])
def test_compose_file_follows_the_schema(grown, text):
    folder = grown(text)[0]
    run(folder, "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_workflow_is_understood_by_actionlint(grown):
    run(grown()[0], "actionlint", ".github/workflows/ci.yml")


def test_hooks_really_run_and_find_what_is_wrong(grown):
    folder = grown()[0]
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    assert "Passed" in run(folder, "pre-commit", "run", "--all-files")
    (folder / "main.py").write_text("import os\n")
    done = subprocess.run(
        [BIN / "pre-commit", "run", "--all-files"], cwd=folder, capture_output=True, text=True,
        check=False, env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert (done.returncode, "F401" in done.stdout) == (1, True)


def test_uv_can_lock_what_the_project_needs(grown):
    folder, found, _said = grown()
    run(folder, "uv", "lock", "--quiet")
    assert "https://" not in found["pyproject.toml"], "no index is written down"
    assert re.search(r'"fastapi==\d', found["pyproject.toml"])


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


MAKE = "import main  # it calls create_all"
MODELS = LEDGER.replace("import ForeignKey,", "import JSON, DateTime, Enum, ForeignKey,").replace(
    "    note: Mapped[str | None]\n",
    "    note: Mapped[str | None] = mapped_column(index=True)\n"
    "    kind: Mapped[str] = mapped_column(Enum('own', 'shared', name='account_kind'))\n"
    "    more: Mapped[dict] = mapped_column(JSON)\n"
    "    since: Mapped[str] = mapped_column(DateTime(timezone=True), server_default=func.now())\n",
)


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


def test_files_that_are_there_are_kept_and_the_difference_is_shown(grown):
    mine = "FROM scratch\n"
    _folder, found, said = grown(files={"Dockerfile": mine})
    assert "Dockerfile" not in found
    assert any("kept     Dockerfile" in line for line in said)
    assert any(line.strip() == "-FROM scratch" for line in said)


def test_requirements_are_pinned_and_test_tools_set_apart(grown):
    _folder, found, _said = grown(files={"requirements.txt": "fastapi\npytest\nsqlalchemy>=2\n"})
    text = found["pyproject.toml"]
    needed = text.partition("dependencies = [")[2].partition("]")[0]
    assert re.search(r'"fastapi==\d', needed)
    assert '"sqlalchemy>=2"' in needed
    assert "pytest" not in needed


def test_every_setting_is_named(grown):
    found = grown()[1][".env.example"]
    for name in ("DATABASE_URL", "BROKER_URL", "API_TOKEN", "RABBITMQ_PASSWORD"):
        assert re.search(rf"^(# )?{name}=", found, re.MULTILINE), name


def test_worker_waits_for_its_broker_and_tasks_keep_their_names(grown):
    folder, found, _said = grown()
    assert '["celery", "-A", "main:celery", "worker"]' in found["compose.yaml"]
    assert 'name="main.recount"' in "".join(p.read_text() for p in folder.glob("app/**/*.py"))
    tasks = run(folder, warm.PYTHON, "-c", "import main; print(sorted(main.celery.tasks)[-1])")
    assert tasks.strip() == "main.recount"


def test_an_app_without_tables_gets_no_migrations(grown):
    text = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\ndef x(): return 1\n"
    found = grown(text)[1]
    assert "alembic.ini" not in found
    assert "volumes:" not in found["compose.yaml"]


def test_parts_are_listed_in_the_guide_as_the_command_lists_them():
    guide = Path(fastapi_grow.__file__).with_name("README.md").read_text()
    listed = guide.partition("$ fastapi-grow parts\n")[2].partition("```")[0]
    assert listed.splitlines() == catalogue()


def test_only_what_is_wanted_is_written():
    assert [part.NAME for part in wanted_parts(["hooks", "package"], [])] == ["package", "hooks"]
    left = [part.NAME for part in wanted_parts([], ["readme"])]
    assert left == [name for name in NAMES if name != "readme"]
