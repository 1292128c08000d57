"""Every trap of splitting an app once more, through to the large stage in both arrangements."""

from __future__ import annotations

import pytest
from conftest import ask_both
from test_traps import TRAPS, names_moved


@pytest.mark.parametrize("arrangement", ["layered", "by_resource"])
@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_trap_is_kept_in_layers(trap, arrangement, versions):
    old, new, growth = versions(trap.text, trap.files, prove=bool(trap.refused), large=arrangement)
    before, after = ask_both(trap.script, old, new)
    assert "Traceback" not in before, before
    assert after == before
    assert set(trap.moved) <= names_moved(growth)
