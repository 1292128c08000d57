"""compose.yaml, judged by the Compose schema: the services that the imports call for."""

from __future__ import annotations

import pytest
import warm
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
