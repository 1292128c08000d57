"""Every trap of splitting an app, planted: the grown version answers as the old one does."""

from __future__ import annotations

import planted_places
import planted_registries
import planted_shapes
import planted_silent
import pytest
from conftest import ask_both

MODULES = (planted_silent, planted_registries, planted_places, planted_shapes)
TRAPS = [trap for module in MODULES for trap in module.TRAPS]


@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_trap_is_kept(trap, versions):
    old, new, growth = versions(trap.text, trap.files, prove=bool(trap.refused))
    before, after = ask_both(trap.script, old, new)
    assert "Traceback" not in before, before
    assert after == before
    assert set(trap.moved) <= names_moved(growth)
    skipped = [result for result in growth.results if result.result == "skipped"]
    assert bool(trap.refused) or not skipped, skipped
    assert trap.refused in " ".join(result.reason for result in growth.results)


def names_moved(growth) -> set[str]:
    survey, homes = growth.layout.survey, growth.layout.homes
    moved = {index for index, home in homes.items() if home not in {"", "main"}}
    return {name for index in moved for name in survey.items[index].names.binds}


def test_all_traps_are_planted():
    assert {trap.number for trap in TRAPS} == set(range(1, 29))
