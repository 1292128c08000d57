"""Modules of the large stage: where things go, and how these modules name each other."""

from __future__ import annotations

import pytest
from apps import SHOP
from conftest import ask_both, grow_trusting, homes_of
from ledger import LEDGER

from fastapi_grow.large.arrangement import read_arrangement
from fastapi_grow.large.grow import enlarge

ASK = """
import src.app.api.v1.router
import src.main
print(sorted(src.main.app.openapi()["paths"]))
"""


def enlarged(main, arrangement=None, small=0):
    growth = grow_trusting(main)
    enlarge(growth, read_arrangement(arrangement), small=small)
    return growth


@pytest.mark.parametrize(
    ("name", "home"),
    [
        pytest.param("Item", "schemas/items", id="a schema goes to the resource it is named for"),
        pytest.param("COUNTRIES", "core/settings", id="a constant is configuration"),
        pytest.param("items", "core/state", id="what changes while it runs is state"),
        pytest.param("book", "services/orders", id="a service goes to the only routes using it"),
        pytest.param("find", "services/common", id="a service of several resources is shared"),
        pytest.param("only_some", "api/dependencies", id="a dependency belongs to the API"),
        pytest.param("read_item", "api/v1/endpoints/items", id="a route goes to its resource"),
        pytest.param("app", "main", id="the application is put together in main"),
    ],
)
def test_each_kind_has_its_home_in_layers(write, name, home):
    assert homes_of(enlarged(write(SHOP)))[name] == home


@pytest.mark.parametrize(
    ("name", "home"),
    [
        pytest.param("read_item", "items/routes", id="routes"),
        pytest.param("book", "orders/services", id="services"),
        pytest.param("Item", "items/schemas", id="schemas"),
    ],
)
def test_by_resource_what_belongs_together_is_in_one_folder(write, name, home):
    assert homes_of(enlarged(write(SHOP), "by_resource"))[name] == home


def test_questions_to_the_database_are_a_layer_of_their_own(write):
    homes = homes_of(enlarged(write(LEDGER)))
    assert homes["balance_of"].startswith("crud")
    assert homes["engine"] == "db"
    assert homes["Account"].startswith("models")


def test_a_folder_with_one_small_module_is_that_module(write):
    files = enlarged(write(SHOP), small=20).files
    assert "app/schemas.py" in files
    assert not any(path.startswith("app/schemas/") for path in files)


def test_no_package_is_without_a_sentence(write):
    files = enlarged(write(SHOP)).files
    packages = [path for path in files if path.endswith("__init__.py")]
    assert len(packages) > 4
    assert all(files[path].startswith('"""') and files[path].count(".") for path in packages)


def test_within_a_package_modules_name_each_other_relatively_at_every_depth(write, tmp_path):
    files = {"__init__.py": "", "../README.md": "uvicorn src.main:app\n"}
    old = write(SHOP, files, "old/src/main.py")
    growth = enlarged(old)
    assert growth.layout.identity.dotted
    new = write(SHOP, {**files, **growth.files}, "new/src/main.py")
    (said,) = ask_both(ASK, new.parents[1])
    assert said.startswith("['/items',"), said


SAME_NAME = SHOP.replace("LIMIT = int(", "settings = {'a': 1}\nLIMIT = int(", 1)
USES = """
import main
def test_both(monkeypatch):
    monkeypatch.setattr(main, "CURRENCY", "USD")
    assert main.settings == {"a": 1}
"""


def test_main_gives_out_a_name_that_is_called_like_its_module(write):
    old = write(SAME_NAME, {"test_main.py": USES})
    new = write(SAME_NAME, enlarged(old).files, "new/main.py").parent
    script = "import main; print(main.settings, main.CURRENCY)"
    assert ask_both(script, old.parent, new) == ["{'a': 1} EUR\n"] * 2
