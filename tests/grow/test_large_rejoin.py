"""A small package read back as one file leads to the same small package."""

from __future__ import annotations

import pytest
from apps import SHOP, TESTS
from conftest import grow_trusting
from test_traps import TRAPS

from fastapi_grow.large.grow import _as_on_disk
from fastapi_grow.large.regrow import (
    before_moving,
    comments_of,
    layout_of,
    same_code,
    small_on_disk,
)
from fastapi_grow.large.rejoin import rejoin
from fastapi_grow.tree import write_tree

INEXACT = {  # star imports; comments above imports that several modules share
    "26 stacked decorators, blocks, star imports and names bound twice",
    "28 comments and banners travel with what they describe",
}


@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_every_trap_is_read_back_as_it_was_written(trap, write):
    growth = grow_trusting(write(trap.text, trap.files))
    if growth.tree is None:
        assert trap.refused, "only what is refused has no tree"
        return
    identity = growth.layout.identity
    rejoined = rejoin(growth.files, identity.path.name, identity.package)
    same = same_code(write_tree(layout_of(rejoined, identity)).files, growth.files)
    assert same == (str(trap) not in INEXACT)
    if not same:
        assert _as_on_disk(growth) is growth.layout, "then it grows on from the plan itself"


def test_tests_are_read_as_they_were_before_they_followed(write):
    identity = grow_trusting(write(SHOP, {"test_main.py": TESTS})).layout.identity
    text = (
        "from app.schemas import Item\nfrom app import state as state_module\n"
        'monkeypatch.setattr("app.routers.items.find", 1)\n'
    )
    assert before_moving(text, identity) == (
        'from main import Item\nimport main as state_module\nmonkeypatch.setattr("main.find", 1)\n'
    )


def test_a_comment_counts_once_wherever_it_stands():
    files = {"a.py": "x = 1  # one\n", "b.py": "# one\n# two\n'# three'\n"}
    assert comments_of(files) == {"# one", "# two"}


def test_what_is_no_small_package_is_left_alone(write):
    main = write(
        "from app.main import app\n",
        {"app/__init__.py": "", "app/main.py": "app = 1\n", "app/views.py": "x = 1\n"},
    )
    assert small_on_disk(main) is None
