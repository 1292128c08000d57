"""`--api-version`: new addresses beside the old, or a reason why not."""

from __future__ import annotations

import json

import pytest
import warm
from apps import SHOP
from conftest import ask_both

from fastapi_grow.cli import main
from fastapi_grow.large.arrangement import read_arrangement
from fastapi_grow.large.versions import Version, serve_version

QUICK = ["--requests", "30", "--python", warm.PYTHON]
OPENAPI = "import main, json; print(json.dumps(main.app.openapi()))"
ASK = """
import warnings
warnings.simplefilter("ignore")
from fastapi.testclient import TestClient
import main
client = TestClient(main.app)
client.post("/items", json={"name": "tea", "price": 2})
print(client.get("/api/v1/items/tea").json(), client.get("/items/tea").json())
"""


def grow(write, monkeypatch, text: str, *arguments: str):
    old = write(text)
    monkeypatch.chdir(old.parent)
    command = ["large", "--into", "../new", "--no-tests", *QUICK, *arguments]
    assert main(command) == 0
    return old.parent, old.parent.parent / "new"


def test_old_document_stands_within_the_new_and_both_addresses_share_their_data(write, monkeypatch):
    old, new = grow(write, monkeypatch, SHOP, "--api-version", "v1")
    before, after = (json.loads(text) for text in ask_both(OPENAPI, old, new))
    paths = after.pop("paths")
    old_paths = before.pop("paths")
    assert after == before, "the schemas, the title and all the rest"
    assert {path: paths[path] for path in old_paths} == old_paths
    assert set(paths) - set(old_paths) == {f"/api/v1{path}" for path in old_paths}
    (said,) = ask_both(ASK, new)
    tea = "{'name': 'tea', 'price': 2.0, 'country': 'de'}"
    assert said.strip() == f"{tea} {tea}"


def test_forms_of_the_new_addresses_have_schemas_of_their_own(write, monkeypatch):
    form = (
        "\n\n@app.post('/token')\ndef token(name: Annotated[str, Form()], key: "
        "Annotated[str, Form()]) -> str:\n    return name + key\n"
    )
    text = "from typing import Annotated\n\nfrom fastapi import Form\n" + SHOP + form
    old, new = grow(write, monkeypatch, text, "--api-version", "v1")
    before, after = (json.loads(text) for text in ask_both(OPENAPI, old, new))
    assert set(after["paths"]) > set(before["paths"])
    schemas = [document["components"]["schemas"] for document in (before, after)]
    assert set(schemas[1]) - set(schemas[0]) == {"Body_token_api_v1_token_post"}
    assert {name: schemas[1][name] for name in schemas[0]} == schemas[0]


def test_old_addresses_are_deprecated_if_asked(write, monkeypatch):
    _old, new = grow(write, monkeypatch, SHOP, "--api-version", "v2", "--deprecate-old")
    (said,) = ask_both(OPENAPI, new)
    paths = json.loads(said)["paths"]
    assert paths["/items"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/v2/items"]["get"]


def test_a_prefix_of_api_becomes_part_of_the_version(write, monkeypatch):
    text = SHOP.replace('("/items', '("/api/items').replace('("/orders', '("/api/orders')
    _old, new = grow(write, monkeypatch, text, "--api-version", "v1")
    (said,) = ask_both(OPENAPI, new)
    paths = json.loads(said)["paths"]
    assert {"/api/items", "/api/v1/items"} <= set(paths)
    assert not any("/api/v1/api" in path for path in paths)


@pytest.mark.parametrize(
    ("text", "said", "proving"),
    [
        pytest.param(
            SHOP.replace('("/orders/last")', '("/{rest:path}")'), "GET /api/v1", True,
            id="a route that answers every URL would answer the new addresses",
        ),
        pytest.param(
            SHOP.replace('("/items', '("/api/v1/items').replace('("/orders', '("/api/v1/orders'),
            "all routes are under /api/v1 already", False,
            id="the version is there already",
        ),
        pytest.param(
            SHOP.replace('("/items', '("/api/items'), "some paths begin with /api and some do not",
            False,
            id="only some paths begin with api",
        ),
        pytest.param(
            SHOP.replace(
                'title="Shop"', 'title="Shop", generate_unique_id_function=lambda r: r.name'
            ),
            "two operations would be called", True,
            id="the app names operations without their path",
        ),
    ],
)  # fmt: skip
def test_it_is_refused(versions, text, said, proving):
    old, new, growth = versions(text, prove=proving, large="layered")
    written = growth.files
    serve_version(growth, read_arrangement("layered"), Version("v1"))
    result = growth.results[-1]
    assert (result.result, result.step.name) == ("skipped", "routes under /api/v1")
    assert said in result.reason
    assert growth.files == written
    before, after = ask_both(OPENAPI, old, new)
    assert json.loads(after) == json.loads(before)
