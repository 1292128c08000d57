"""Routes go to a router, their prefix is lifted; other registrations come off."""

import libcst as cst
import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import route

PLACE = {"module": "routers/users", "router": "router", "owner": "app", "prefix": "/users"}

UNCHANGED = [
    pytest.param('@other.get("/users")\ndef f(): ...', id="a route of another application"),
    pytest.param("@cached\ndef f(): ...", id="a decorator that registers nothing"),
    pytest.param('def f():\n    app.get("/users")', id="a call in a body"),
]
CHANGED = [
    pytest.param(
        '@app.get("/users/{id}")\ndef f(id): ...',
        '@router.get("/{id}")\ndef f(id): ...',
        id="the path loses the prefix",
    ),
    pytest.param(
        "@app.post('/users', tags=[\"/users\"])\ndef f(): ...",
        "@router.post('', tags=[\"/users\"])\ndef f(): ...",
        id="only the path does, and quotes stay",
    ),
    pytest.param(
        '@app.get(path="/users/me")\ndef f(): ...',
        '@router.get(path="/me")\ndef f(): ...',
        id="a path given by name",
    ),
    pytest.param(
        '@app.get("/users/a")  # first\n@app.get("/users/b")\n@cached\ndef f(): ...',
        '@router.get("/a")  # first\n@router.get("/b")\n@cached\ndef f(): ...',
        id="stacked decorators, with their comments",
    ),
    pytest.param(
        'app.get("/users/x")(cached(endpoint))',
        'router.get("/x")(cached(endpoint))',
        id="a registration written as a call",
    ),
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_stays(statement):
    assert rewritten(route.rewrite, statement, **PLACE) == text(statement)


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_hangs_on_the_router(before, after):
    assert rewritten(route.rewrite, before, **PLACE) == text(after)


def test_a_handler_moves_bare_with_the_comment_above_it():
    before = (
        "# When it goes wrong.\n@app.exception_handler(A)\n@app.exception_handler(B)\ndef f(): ..."
    )
    after = "# When it goes wrong.\ndef f(): ..."
    assert rewritten(route.rewrite, before, owner="app", unregister=True) == after


def test_its_decorators_become_calls_the_lowest_first():
    node = cst.parse_module(
        "@app.exception_handler(A)\n@app.exception_handler(B)\ndef f(): ..."
    ).body[0]
    assert isinstance(node, cst.FunctionDef)
    expected = "app.exception_handler(B)(f)\napp.exception_handler(A)(f)\n"
    assert route.registrations(node, "app") == expected
