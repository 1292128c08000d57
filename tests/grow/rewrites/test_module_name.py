"""__name__ keeps MAIN's value."""

import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import module_name

UNCHANGED = [
    pytest.param("x = function.__name__", id="the name of a function"),
    pytest.param('x = "__name__"', id="the word in a string"),
]
CHANGED = [
    pytest.param("log = getLogger(__name__)", 'log = getLogger("main")', id="a logger"),
    pytest.param(
        'log = getLogger(f"{__name__}.child")',
        "log = getLogger(f\"{'main'}.child\")",
        id="inside an f-string, with the other quotes",
    ),
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_stays(statement):
    assert rewritten(module_name.rewrite, statement) == text(statement)


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_keeps_its_value(before, after):
    assert rewritten(module_name.rewrite, before) == text(after)
