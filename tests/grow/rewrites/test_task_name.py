"""Celery tasks carry the name they had by default."""

import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import task_name

UNCHANGED = [
    pytest.param('@celery.task(name="mine")\ndef add(): ...', id="a task that names itself"),
    pytest.param("@cached\ndef add(): ...", id="a function that is no task"),
]
CHANGED = [
    pytest.param(
        "@celery.task\ndef add(): ...",
        '@celery.task(name="main.add")\ndef add(): ...',
        id="a bare decorator",
    ),
    pytest.param(
        "@celery.task(bind=True)\ndef add(self): ...",
        '@celery.task(bind=True, name="main.add")\ndef add(self): ...',
        id="a decorator with options",
    ),
    pytest.param(
        "@shared_task()\ndef add(): ...",
        '@shared_task(name="main.add")\ndef add(): ...',
        id="a shared task",
    ),
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_stays(statement):
    assert rewritten(task_name.rewrite, statement) == text(statement)


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_keeps_its_name(before, after):
    assert rewritten(task_name.rewrite, before) == text(after)
