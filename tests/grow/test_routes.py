"""Paths: which can match the same URL, and which resource they are about."""

import pytest
from starlette.routing import compile_path

from fastapi_grow.routes import can_match_same, resource_of, singular

APART = [
    pytest.param("/a", "/b", id="two fixed paths"),
    pytest.param("/a", "/a/b", id="a path and one below it"),
    pytest.param("/a/{x}", "/b/{x}", id="other first segments"),
    pytest.param("/a/{x}", "/a/b/c", id="too many segments"),
    pytest.param("/a", "/a/", id="with and without a slash at the end"),
    pytest.param("/file.{kind}", "/items", id="a parameter within a segment"),
]
MEETING = [
    pytest.param("/a", "/a", "/a", id="the same path"),
    pytest.param("/a/{x}", "/a/b", "/a/b", id="a parameter and a fixed segment"),
    pytest.param("/{x}/b", "/a/{y}", "/a/b", id="parameters at different places"),
    pytest.param("/{rest:path}", "/a/b/c", "/a/b/c", id="a rest takes everything"),
    pytest.param("/a/{rest:path}", "/a/{x}/c", "/a/b/c", id="a rest below a segment"),
    pytest.param("/{x}.json", "/a.{kind}", "/a.json", id="parameters within segments"),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_no_url_matches_both(one, other):
    assert not can_match_same(one, other)
    assert not can_match_same(other, one)


@pytest.mark.parametrize(("one", "other", "url"), MEETING)
def test_some_url_matches_both(one, other, url):
    assert all(compile_path(path)[0].match(url) for path in (one, other)), "Starlette agrees"
    assert can_match_same(one, other)
    assert can_match_same(other, one)


def test_a_path_that_is_not_known_may_match_anything():
    assert can_match_same(None, "/a")


@pytest.mark.parametrize(
    ("path", "tag", "resource"),
    [
        pytest.param("/", None, "system", id="the root"),
        pytest.param("/health/live", None, "system", id="health"),
        pytest.param("/api/v1/bookings/{id}", None, "bookings", id="after a version"),
        pytest.param("/login", None, "auth", id="signing in"),
        pytest.param("/{site}/devices", None, "site", id="a parameter first"),
        pytest.param("/{site_id}/x", "places", "places", id="a tag helps then"),
        pytest.param("/{rest:path}", None, "pages", id="a rest"),
        pytest.param("/release-gate", None, "release_gate", id="a hyphen"),
        pytest.param("/import", None, "import_routes", id="a keyword of Python"),
    ],
)
def test_resource(path, tag, resource):
    assert resource_of(path, tag) == resource


@pytest.mark.parametrize(
    ("plural", "word"),
    [("heroes", "hero"), ("cities", "city"), ("classes", "class"), ("boss", "boss")],
)
def test_spellings_of_one_resource_are_one(plural, word):
    assert singular(plural) == word
