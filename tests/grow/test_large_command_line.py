"""`large` as people use it: from one file, from the small stage, in other arrangements."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import warm
from apps import SHOP, TESTS

from fastapi_grow.cli import main

QUICK = ["--requests", "25", "--python", warm.PYTHON]


@pytest.fixture
def shop(write) -> Path:
    return write(SHOP, {"test_main.py": TESTS}).parent


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in a folder; returns exit status, output and errors."""

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        status = main(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"__pycache__", ".git"} & set(path.parts)
    }


def test_by_way_of_the_small_stage_or_at_once_the_tree_is_the_same(run, shop):
    at_once, small, later = (shop.parent / name for name in ("once", "small/old", "later"))
    assert run(shop, "large", "--into", str(at_once), *QUICK)[0] == 0
    assert run(shop, "small", "--into", str(small), *QUICK)[0] == 0
    status, out, _err = run(small, "large", "--into", str(later), *QUICK)
    assert status == 0, out
    assert files_of(later) == files_of(at_once)
    assert "app/api/v1/endpoints/items.py" in files_of(later)
    assert "app/routers/items.py" not in files_of(later)
    done = subprocess.run(
        [warm.PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=later, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 2 passed" in done.stdout, "as before: one of them fails on purpose"
    again = run(later, "large", "--into", str(shop.parent / "again"), *QUICK)
    assert (again[0], "has grown already" in again[1]) == (0, True)


def test_a_small_package_grows_in_place_a_commit_a_step(run, shop, monkeypatch):
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "ann@example.com")
    small = shop.parent / "small"
    assert run(shop, "small", "--into", str(small), "--no-tests", *QUICK)[0] == 0
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Start"]):
        subprocess.run(["git", *command], cwd=small, check=True)
    shutil.rmtree(small / "app/__pycache__", ignore_errors=True)
    status, out, _err = run(small, "large", "--commit", "--no-tests", *QUICK)
    assert status == 0, out
    said = subprocess.run(
        ["git", "log", "--format=%s"], cwd=small, check=True, capture_output=True, text=True
    ).stdout
    assert "Move the /items routes to app/api/v1/endpoints/items.py" in said
    assert not (small / "app/routers").exists()
    left = subprocess.run(
        ["git", "status", "--porcelain"], cwd=small, check=True, capture_output=True, text=True
    )
    assert left.stdout == ""


def test_a_layout_by_resource_puts_what_belongs_together_into_one_folder(run, shop):
    status, out, _err = run(shop, "large", "--plan", "--layout", "by_resource")
    assert status == 0
    assert "app/items/routes.py" in out or "app/items.py" in out
    assert "app/orders/services.py" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "not one of by_resource, layered", id="there is no such file"),
        pytest.param("[homes", "Expected ']'", id="it is not TOML"),
        pytest.param('[homes]\nviews = "a"\n', "views in [homes] is not", id="an unknown kind"),
        pytest.param('[homes]\nml = "../x"\n', "'../x' is no module path", id="a path that leaves"),
        pytest.param('colour = "red"\n', "colour at the top level", id="an unknown setting"),
        pytest.param(
            '[homes]\nschemas = "all"\nrouters = "all"\n', "import each other in a circle",
            id="modules that would need each other",
        ),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_used_says_what_would_do(run, shop, text, said):
    if text is not None:
        (shop / "my.toml").write_text(text)
    status, _out, err = run(shop, "large", "--plan", "--layout", "my.toml")
    assert (status, said in err) == (2, True), err
