"""Tests that move to tests/: what they say there, and when they stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import warm
from apps import SHOP, TESTS

from fastapi_grow.cli import main
from fastapi_grow.large.tests_step import deeper

QUICK = ["--requests", "10", "--without", "settings", "--python", warm.PYTHON]


@pytest.fixture
def grown(write, tmp_path, monkeypatch, capsys):
    """Grow a shop with `files` beside it; returns the new folder and what was printed."""

    def grown(files: dict[str, str], *more: str) -> tuple[Path, str]:
        old, new = write(SHOP, files).parent, tmp_path / "new"
        monkeypatch.chdir(old)
        assert main(["large", "--into", str(new), *QUICK, *more]) == 0
        return new, capsys.readouterr().out

    return grown


def pytest_in(folder: Path) -> str:
    """The last line of `pytest`, which has not the folder on its path."""
    done = subprocess.run(
        [Path(sys.executable).with_name("pytest"), "-q", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


DATA = """
import os
from pathlib import Path
from main import app
def test_data():
    assert Path(__file__).parent.joinpath("data.txt").read_text() == "1"
    assert os.path.exists(os.path.join(os.path.dirname(__file__), "data.txt"))
"""


def test_what_tests_said_beside_the_app_they_say_in_their_folder(grown):
    fixture = "import pytest\n@pytest.fixture\ndef one():\n    return 1\n"
    asks = "import main\ndef test_one(one):\n    assert one == 1\n"
    files = {"test_main.py": TESTS, "test_data.py": DATA, "data.txt": "1",
             "conftest.py": fixture, "test_one.py": asks,
             "README.md": "run `pytest test_main.py`\n"}  # fmt: skip
    new, said = grown(files)
    assert {path.name for path in new.glob("tests/*.py")} == {
        "conftest.py", "test_data.py", "test_main.py", "test_one.py",
    }  # fmt: skip
    assert not list(new.glob("test_*.py"))
    assert pytest_in(new).startswith("1 failed, 4 passed"), said
    assert "README.md line 1 names test_main.py, which is tests/test_main.py now" in said


def test_where_no_configuration_helps_a_conftest_lets_pytest_find_the_app(grown):
    new, _said = grown({"test_main.py": TESTS}, "--without", "package")
    assert (new / "conftest.py").exists()
    assert pytest_in(new).startswith("1 failed, 2 passed")


@pytest.mark.parametrize(
    ("files", "more", "reason"),
    [
        pytest.param({}, [], "no test stands beside the app", id="there are none"),
        pytest.param({"test_main.py": TESTS}, ["--no-tests"], "no tests were run",
                     id="none was to be run"),
        pytest.param({"test_main.py": TESTS, "tests/test_main.py": "import main\n"}, [],
                     "tests/test_main.py is there already", id="the place is taken"),
        pytest.param(
            {"test_main.py": TESTS + "\n\ndef test_place():\n"
             '    assert "/tests/" not in __spec__.origin\n'}, [],
            "test_place: passed before, failed now", id="a test that cannot be moved",
        ),
    ],
)  # fmt: skip
def test_tests_that_cannot_be_moved_stay_and_say_why(grown, files, more, reason):
    new, said = grown(files, *more)
    assert reason in said
    assert (new / "test_main.py").exists() == ("test_main.py" in files)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("HERE = Path(__file__).parent\n", "HERE = Path(__file__).parent.parent\n",
                     id="a folder is one further up"),
        pytest.param("from .main import app\n", "from ..main import app\n",
                     id="a relative import has one more dot"),
        pytest.param("x = main.__file__\n", "x = main.__file__\n", id="not the file of another"),
        pytest.param("# why\nx = 1\n", "# why\nx = 1\n", id="nothing else changes"),
    ],
)  # fmt: skip
def test_a_test_reads_in_its_folder(before, after):
    assert deeper(before, "test_x.py") == after
