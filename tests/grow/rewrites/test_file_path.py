"""Paths made from __file__ go as many folders further up as the module lies deeper."""

from pathlib import Path

import pytest
from rewrites.cases import rewritten, text

from fastapi_grow.place import Place
from fastapi_grow.rewrites import file_path

UNCHANGED = [
    pytest.param('x = Path("data").parent', id="a path relative to the working directory"),
    pytest.param("x = other.__file__", id="the file of another module"),
]
CHANGED = [
    pytest.param("x = Path(__file__).parent", "x = Path(__file__).parent.parent", id="parent"),
    pytest.param(
        'x = Path(__file__).resolve().parent / "a"',
        'x = Path(__file__).resolve().parent.parent / "a"',
        id="parent of the resolved path",
    ),
    pytest.param(
        "x = os.path.dirname(os.path.abspath(__file__))",
        "x = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))",
        id="dirname",
    ),
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_stays(statement):
    assert rewritten(file_path.rewrite, statement) == text(statement)


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_goes_up(before, after):
    assert rewritten(file_path.rewrite, before) == text(after)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("Path(__file__).parents[0]", id="parents"),
        pytest.param("Path(__file__).name", id="the name of the file"),
        pytest.param("Path(__file__).with_suffix('.db').name", id="a name made from it"),
        pytest.param('f"{Path(__file__).name}"', id="in an f-string"),
    ],
)
@pytest.mark.parametrize("module", ["services", "routers/users"])
def test_evaluates_to_the_same(expression, module, tmp_path):
    code = rewritten(file_path.rewrite, f"x = {expression}", module=module)
    before = {"Path": Path, "__file__": str(tmp_path / "main.py")}
    after = {"Path": Path, "__file__": str(tmp_path / "app" / f"{module}.py")}
    exec(f"x = {expression}", before)  # noqa: S102
    exec(file_path.definition(Place(module, "main", "main.py")), after)  # noqa: S102
    exec(code, after)  # noqa: S102
    assert after["x"] == before["x"]
