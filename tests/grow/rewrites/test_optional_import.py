"""An optional import says that others use it through its module."""

import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import optional_import

GIVEN_OUT = {"given_out": frozenset({"redis"})}

UNCHANGED = [
    pytest.param("try:\n    import json\nexcept ImportError:\n    pass", id="a name used here"),
    pytest.param("def f():\n    import redis", id="an import inside a function"),
    pytest.param(
        "try:\n    import redis  # type: ignore\nexcept ImportError:\n    pass",
        id="one that has a comment already",
    ),
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_stays(statement):
    assert rewritten(optional_import.rewrite, statement, **GIVEN_OUT) == text(statement)


def test_is_marked():
    before = "try:\n    import redis\nexcept ImportError:\n    pass"
    after = before.replace("redis", f"redis  {optional_import.USED_ELSEWHERE}")
    assert rewritten(optional_import.rewrite, before, **GIVEN_OUT) == after
