"""Homes: where a good engineer would look, without circles, and what must stay."""

from __future__ import annotations

import pytest
from apps import SHOP
from conftest import grow_trusting, homes_of

HEAD = "from fastapi import APIRouter, FastAPI\nfrom pydantic import BaseModel\napp = FastAPI()\n"
LINES = "".join(f"    'word {number}',\n" for number in range(20))


def test_each_kind_has_its_home(write):
    homes = homes_of(grow_trusting(write(SHOP)))
    assert homes["CURRENCY"] == homes["log"] == "config"
    assert homes["Item"] == homes["Order"] == "schemas"
    assert homes["items"] == homes["total"] == "state"
    assert homes["only_some"] == "dependencies"
    assert homes["book"] == "services"
    assert homes["read_item"] == "routers/items"
    assert homes["read_total"] == "routers/orders"
    assert homes["app"] == "main"


@pytest.mark.parametrize(
    ("statements", "name", "home"),
    [
        pytest.param(
            "def f(): return 1\nclass A(BaseModel):\n    x: int = f()\n", "f", "schemas",
            id="a function that only a schema needs lives with it",
        ),
        pytest.param(
            "class A(BaseModel):\n    x: int\nFIRST = A(x=1)\n", "FIRST", "schemas",
            id="a constant made of a schema is lifted to it",
        ),
        pytest.param(
            "def f(inner): return inner\napp.add_middleware(f)\n", "f", "middleware",
            id="a function that is added as middleware is one",
        ),
        pytest.param(
            "def f(request, error): return error\napp.add_exception_handler(KeyError, f)\n",
            "f", "errors", id="a function that is added as a handler is one",
        ),
        pytest.param(
            "from sqlmodel import SQLModel\nclass Base(SQLModel):\n    x: int\n"
            "class A(Base):\n    y: int\n",
            "A", "schemas", id="a model of SQLModel that has no table is a schema",
        ),
        pytest.param(
            "from sqlmodel import Field, SQLModel\nclass Base(SQLModel):\n    x: int\n"
            "class A(Base, table=True):\n    id: int = Field(primary_key=True)\n",
            "A", "models", id="and one that has a table is none",
        ),
        pytest.param(
            "from typing import NamedTuple\nclass A(NamedTuple):\n    estimator: object\n"
            "    def best(self, rows): return self.estimator.predict(rows)\n",
            "A", "ml", id="a record that predicts is a model",
        ),
        pytest.param(
            "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
            "    def twice(self): return 2 * self.x\n",
            "A", "services", id="a record that works is a service",
        ),
        pytest.param(
            "from jinja2 import Environment\nenv = Environment()\n"
            "env.filters['up'] = (loud := str.upper)\n",
            "loud", "config", id="what configures an object stands beside it",
        ),
        pytest.param(
            "options = {}\nif __name__ == '__main__':\n    for options in ({}, {}): pass\n",
            "options", "config", id="a name that only the guard binds again is a constant",
        ),
        pytest.param(
            "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import DeclarativeBase\n"
            "class Base(DeclarativeBase): pass\nengine = create_engine('sqlite://')\n"
            "class A(Base):\n    __tablename__ = 'a'\n"
            "try:\n    done = Base.metadata.create_all(engine)\nexcept OSError: raise\n",
            "done", "models", id="tables are made where all of them are known",
        ),
        pytest.param(
            f"WORDS = [\n{LINES}]\n", "WORDS", "data", id="a long list is data, not configuration",
        ),
        pytest.param(
            "class LampConfig(BaseModel):\n    n: int\n"
            "@app.post('/l')\ndef light(lamp: LampConfig): return lamp\n",
            "LampConfig", "schemas", id="what requests hold is a schema, whatever its name",
        ),
        pytest.param(
            "class LampConfig(BaseModel):\n    n: int = 1\n"
            "lamp = LampConfig()\n@app.get('/l')\ndef light(): return lamp.n\n",
            "LampConfig", "config", id="what MAIN itself makes one of is configuration",
        ),
        pytest.param(
            "def f(): return app.title\n", "f", "main",
            id="a function that needs the application stays with it",
        ),
        pytest.param(
            "def f(n): return g(n)\ndef g(n): return f(n) if n else app\n", "f", "main",
            id="functions that call each other stay together",
        ),
    ],
)  # fmt: skip
def test_home(write, statements, name, home):
    route = "@app.get('/x')\ndef x(): return 1\nLIMIT = 3\n"
    assert grow_trusting(write(HEAD + statements + route)).layout.home_of(name) == home


def test_code_that_may_look_up_any_name_keeps_everything_where_it_is(write):
    growth = grow_trusting(write(HEAD + "LIMIT = 3\ndef f(name): return globals()[name]\n"))
    assert growth.tree is None
    assert "globals() may look any name up" in growth.results[-1].reason


def test_a_router_of_ours_does_not_take_the_name_of_theirs(write):
    theirs = "router = APIRouter(prefix='/a')\n@router.get('')\ndef a(): return 1\n"
    text = f"{HEAD}{theirs}app.include_router(router)\n@app.get('/a/b')\ndef b(): return 2\n"
    main = grow_trusting(write(text)).files["app/main.py"]
    assert "include_router(router)" in main
    assert ".app_router)" in main


def test_one_statement_that_cannot_move_does_not_keep_the_others(write):
    text = HEAD + (
        "from zlib import crc32\nLIMIT = 3\napp.title = str(crc32(b'1'))\nLAST = crc32(b'2')\n"
        "@app.get('/x')\ndef x(): return LIMIT\n"
    )
    growth = grow_trusting(write(text))
    assert (growth.layout.home_of("LIMIT"), growth.layout.home_of("LAST")) == ("config", "main")
    assert "`LAST` would run before line 6" in growth.results[0].reason


def test_routes_of_two_routers_do_not_share_a_module(write):
    text = HEAD + (
        "own = APIRouter(prefix='/own')\n@own.get('')\ndef a(): return 1\n"
        "@app.get('/other')\ndef b(): return 2\napp.include_router(own)\n"
    )
    homes = homes_of(grow_trusting(write(text)))
    assert (homes["a"], homes["b"]) == ("routers/own", "routers/other")


def endpoint(path: str, lines: int) -> str:
    """A route of so many lines."""
    name = "at" + "".join(c if c.isalnum() else "_" for c in path)
    numbers = "        0,\n" * lines
    return f"@app.get('{path}')\ndef {name}():\n    return [\n{numbers}    ]\n"


@pytest.mark.parametrize(
    ("paths", "lines", "homes"),
    [
        pytest.param(
            ["/shop/orders", "/shop/users", "/shop/orders/{id}", "/shop/users/{id}"], 90,
            ["shop", "shop", "shop", "shop"], id="not one that can still be read",
        ),
        pytest.param(
            ["/api/v1/shop/orders", "/api/v1/shop/users", "/api/v1/shop/orders/{id}",
             "/api/v1/shop/users/{id}"], 110,
            ["shop_orders", "shop_users", "shop_orders", "shop_users"],
            id="by what its paths name next",
        ),
        pytest.param(
            ["/shop/orders", "/shop/{id}", "/shop/orders/{id}", "/shop"], 110,
            ["shop_orders", "shop", "shop_orders", "shop"],
            id="and what is about the resource itself stays",
        ),
        pytest.param(
            ["/shop/open", "/shop/close", "/shop/move", "/shop/sell"], 110,
            ["shop", "shop", "shop", "shop"], id="not into a module for each route",
        ),
        pytest.param(
            ["/shop/admin/a/1", "/shop/admin/a/2", "/shop/admin/b/1", "/shop/admin/b/2"], 110,
            ["shop_admin_a", "shop_admin_a", "shop_admin_b", "shop_admin_b"],
            id="again where a part is long too",
        ),
        pytest.param(
            ["/shop/{a}/x", "/shop/orders/{b}", "/shop/orders/{id}/y", "/shop/{c}/y"], 110,
            ["shop", "shop", "shop", "shop"], id="not where the order of its routes would be lost",
        ),
    ],
)  # fmt: skip
def test_a_long_resource_is_cut(write, paths, lines, homes):
    text = HEAD + "".join(endpoint(path, lines) for path in paths)
    text += endpoint("/others", 30)  # a resource alone has no module of its own
    found = homes_of(grow_trusting(write(text)))
    found.pop("at_others")
    routes = [home for name, home in found.items() if name.startswith("at_")]
    assert routes == [f"routers/{home}" for home in homes]


def test_definitions_keep_their_distance(write):
    text = HEAD + (
        "# ---- what is sold\nclass Item(BaseModel):\n    x: int\n\n\n@app.get('/items')\n"
        "def items() -> Item: return Item(x=1)\n\n\n@app.get('/')\ndef root(): return app.title\n"
    )
    files = grow_trusting(write(text + endpoint("/others", 30))).files
    found = "".join(f"{path}\n{code}" for path, code in files.items())
    assert "import BaseModel\n\n\n# ---- what is sold\nclass Item" in found
    assert "def root(): return app.title\n\n\napp.include_router(" in found
