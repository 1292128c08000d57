"""Names that are rebound are reached through their module; everything else is left alone."""

import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import rebound

THROUGH = {"model": "state.model", "count": "state.count"}

UNCHANGED = [
    pytest.param("def f(model): return model", id="a parameter hides the name"),
    pytest.param("def f():\n    model = 1\n    return model", id="a local variable hides it"),
    pytest.param("x = [model for model in range(3)]", id="a comprehension has its own"),
    pytest.param("x = lambda model: model", id="so has a lambda"),
    pytest.param("x = thing.model", id="an attribute is somebody else's"),
    pytest.param("x = call(model=1)", id="so is a keyword"),
    pytest.param("def model(): pass", id="and the name of a definition"),
    pytest.param("def f():\n    import model\n    return model", id="and a local import"),
    pytest.param('x = "model"', id="and a string"),
    pytest.param(
        "match x:\n    case ['a', model]:\n        f(model)\n    case [*count]:\n        f(count)",
        id="and what a case binds, which could be no attribute",
    ),
    pytest.param("class A:\n    model: str\n    count = 1", id="and the fields of a class"),
]
CHANGED = [
    pytest.param(
        "class A:\n    model: str = count\n    def f(self):\n        return model",
        "class A:\n    model: str = state.count\n    def f(self):\n        return state.model",
        id="in the methods of a class with such a field",
    ),
    pytest.param("x = model", "x = state.model", id="a reading"),
    pytest.param("x = model.name", "x = state.model.name", id="the start of a chain"),
    pytest.param(
        "def f():\n    global model\n    model = 1",
        "def f():\n    state.model = 1",
        id="an assignment, and its global goes",
    ),
    pytest.param(
        "def f():\n    global model, other\n    model += other",
        "def f():\n    global other\n    state.model += other",
        id="other names stay global",
    ),
    pytest.param(
        'x = f"{model} {count!r:>3}"',
        'x = f"{state.model} {state.count!r:>3}"',
        id="inside an f-string",
    ),
    pytest.param(
        "def f():\n    def g(count):\n        return model, count\n    return g",
        "def f():\n    def g(count):\n        return state.model, count\n    return g",
        id="in a nested function, where another name is hidden",
    ),
    pytest.param(
        "def f():\n    return [x for x in model if count]",
        "def f():\n    return [x for x in state.model if state.count]",
        id="in a comprehension",
    ),
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_stays(statement):
    assert rewritten(rebound.rewrite, statement, through=THROUGH) == text(statement)


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_reached_through_module(before, after):
    assert rewritten(rebound.rewrite, before, through=THROUGH) == text(after)
