"""compose.yaml, judged by the Compose schema: the services that the imports call for."""

from __future__ import annotations

import re

import pytest
import warm
import yaml
from ledger import LEDGER
from parts.commands import run

POSTGRES = LEDGER.replace("import os\n", "import os\nimport psycopg\nimport redis\nimport boto3\n")


@pytest.mark.parametrize("text", [LEDGER, POSTGRES], ids=["few services", "every service"])
def test_compose_file_follows_the_schema(grown, text):
    folder = grown(text)[0]
    run(folder, "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_worker_waits_for_its_broker_and_tasks_keep_their_names(grown):
    folder, found, _said = grown()
    assert '["celery", "-A", "main:celery", "worker"]' in found["compose.yaml"]
    assert 'name="main.recount"' in "".join(p.read_text() for p in folder.glob("app/**/*.py"))
    tasks = run(folder, warm.PYTHON, "-c", "import main; print(sorted(main.celery.tasks)[-1])")
    assert tasks.strip() == "main.recount"


def test_a_database_in_a_file_outlives_its_container(grown):
    _folder, found, _said = grown()
    compose = yaml.safe_load(found["compose.yaml"])
    for name in ("app", "worker"):
        service = compose["services"][name]
        assert (
            service["environment"]["DATABASE_URL"] == "${DATABASE_URL:-sqlite:////data/ledger.db}"
        )
        assert service["volumes"] == ["data:/data"]
    assert "data" in compose["volumes"]
    assert re.search(r"install .*--owner=app .*/data", found["Dockerfile"])
    assert "*.db" in found[".dockerignore"].splitlines()


def test_a_secret_that_stands_in_the_code_has_to_be_given(grown):
    key = 'SECRET_KEY = os.getenv("SECRET_KEY", "change-me")\nTOKEN_MINUTES = '
    key += 'int(os.getenv("TOKEN_MINUTES", "30"))\nAPI_TOKEN'
    _folder, found, _said = grown(LEDGER.replace("API_TOKEN", key, 1))
    environment = yaml.safe_load(found["compose.yaml"])["services"]["app"]["environment"]
    given = [environment[name] for name in ("SECRET_KEY", "TOKEN_MINUTES")]
    assert given == ["${SECRET_KEY:?set it in .env}", "${TOKEN_MINUTES:-30}"]
    assert "SECRET_KEY=" in found[".env.example"].splitlines()
