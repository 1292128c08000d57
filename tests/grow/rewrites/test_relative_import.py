"""Relative imports inside functions get the dots of their new depth."""

import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import relative_import


def test_an_absolute_import_stays():
    statement = "def f():\n    from store import x"
    assert rewritten(relative_import.rewrite, statement) == text(statement)


@pytest.mark.parametrize(("module", "dots"), [("services", ".."), ("routers/users", "...")])
def test_goes_up(module, dots):
    before, after = "def f():\n    from .store import x", f"def f():\n    from {dots}store import x"
    assert rewritten(relative_import.rewrite, before, module=module) == after
