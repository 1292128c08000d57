"""What counts as a difference between two reports, and what is only chance."""

import json

import pytest

from fastapi_grow.compare import differences


def report(body=None, status=200, headers=(), **facets):
    answer = {"status": status, "headers": [list(h) for h in headers], "error": None}
    answer["body"] = json.dumps(body)
    return {"responses": [answer], "events": [], "routes": [], **facets}


def row(path, kind="APIRoute"):
    return [path, ["GET"], path, "f", kind, None]


SAME = [
    pytest.param([report(1), report(1)], report(1), id="equal answers"),
    pytest.param([report({"at": 1}), report({"at": 2})], report({"at": 9}), id="a clock"),
    pytest.param([report([1]), report([1, 2])], report([]), id="a list that grows"),
    pytest.param([report(1), report(1, 500)], report(1, 500), id="a status that comes and goes"),
    pytest.param(
        [report(1, headers=[("date", "a")])], report(1, headers=[("date", "b")]), id="the date"
    ),
    pytest.param(
        [report(routes=[row("/a"), row("/b")])],
        report(routes=[row("/b"), row("/a")]),
        id="the order of routes that never meet",
    ),
]
OTHER = [
    pytest.param([report(1)] * 2, report(2), "responses", id="another body"),
    pytest.param([report(1)] * 2, report(1, 201), "responses", id="another status"),
    pytest.param(
        [report({"at": 1, "x": 1}), report({"at": 2, "x": 1})],
        report({"at": 3, "x": 2}),
        "responses",
        id="a change beside a clock",
    ),
    pytest.param([report()], report(headers=[("x-a", "1")]), "responses", id="a new header"),
    pytest.param([report(openapi={"a": 1})], report(openapi={}), "openapi", id="the document"),
    pytest.param(
        [report(routes=[row("/a"), row("/{x}")])],
        report(routes=[row("/{x}"), row("/a")]),
        "routes",
        id="the order of routes that meet",
    ),
    pytest.param([report(routes=[row("/a")])], report(), "routes", id="a lost route"),
    pytest.param(
        [report(events=[["import", "log", "main x"]])] * 2,
        report(events=[["import", "log", "app.config x"]]),
        "events",
        id="another logger",
    ),
    pytest.param([report(classes=["A"])], report(classes=[]), "classes", id="a pickle that fails"),
    pytest.param([report()], report(error="E"), "error", id="an app that does not start"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_no_difference(old, new):
    assert differences(old, new, []) == []


@pytest.mark.parametrize(("old", "new", "facet"), OTHER)
def test_difference(old, new, facet):
    assert [found.facet for found in differences(old, new, [])] == [facet]
