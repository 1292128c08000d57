"""The command line as people use it: what it prints, its exit status, what it leaves on disk."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import warm
from apps import SHOP, TESTS, WALKER

from fastapi_grow.cli import main

QUICK = ["--requests", "25", "--python", warm.PYTHON]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in a folder; returns exit status, output and errors."""

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def repository(write):
    """A git work tree with the shop and its tests, all committed."""
    folder = write(SHOP, {"test_main.py": TESTS}).parent
    for command in (["init", "-q"], ["add", "-A"], [*WHO, "commit", "-qm", "Start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


WHO = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_in_place_it_grows_and_its_tests_say_the_same_before_and_after(run, repository):
    status, out, err = run(repository, "small", "--json", "../report.json", *QUICK)
    assert (status, err) == (0, ""), out
    report = json.loads((repository.parent / "report.json").read_text())
    assert report["stage"] == "small"
    assert set(report["checks"].values()) == {"passed"}
    assert {step["result"] for step in report["steps"]} == {"done"}
    left = report["lines"]["root"] + report["lines"]["assembling"]
    assert left <= 0.25 * report["lines"]["before"]
    tests = (repository / "test_main.py").read_text()
    assert "from app.schemas import Item" in tests
    assert 'monkeypatch.setattr("app.state.total"' in tests or "total" in tests
    done = subprocess.run(
        [warm.PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 2 passed" in done.stdout
    assert run(repository, "small")[0] == 2, "the work tree has changes now"


def test_growing_a_grown_app_changes_nothing(run, repository):
    assert run(repository, "small", "--into", "../grown", *QUICK)[0] == 0
    grown = repository.parent / "grown"
    before = snapshot(grown)
    status, out, _err = run(grown, "small", "--into", "../again", *QUICK)
    assert (status, "has grown already" in out) == (0, True)
    assert snapshot(grown) == before
    assert not (repository.parent / "again").exists()
    assert snapshot(repository) == {"main.py": SHOP, "test_main.py": TESTS}, "source untouched"
    assert run(repository, "compare", "main.py", "../grown/main.py", *QUICK)[0] == 0


def test_each_step_is_a_commit_and_the_entry_stays(run, repository, monkeypatch):
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "ann@example.com")
    status, out, _err = run(repository, "small", "--commit", "--no-tests", *QUICK)
    assert status == 0, out
    subjects = git(repository, "log", "--format=%s").splitlines()
    assert subjects[-1] == "Start"
    assert any("routes" in subject for subject in subjects)
    assert git(repository, "status", "--porcelain") == ""
    assert (repository / "main.py").read_text().endswith("uvicorn.run(app, port=8000)\n")


def test_a_step_that_cannot_be_proved_is_named_and_the_others_go_on(run, write):
    folder = write(WALKER).parent
    status, out, _err = run(folder, "small", "--into", "../grown", *QUICK)
    assert status == 0
    assert "skipped  the /users routes" in out
    assert "openapi" in out
    assert "class User" in (folder.parent / "grown/app/schemas.py").read_text()


WHOLE = {
    "Dockerfile": "FROM python:3.13-slim\nCOPY --from=build /venv /venv\nCOPY . /code\n",
    "compose.yaml": "services:\n  api:\n    volumes:\n      - .:/code\n",
    ".dockerignore": ".git\n",
}
BY_NAME = {
    "Dockerfile": "FROM python:3.13-slim\nCOPY --chown=app main.py model.pkl /code/\n",
    "compose.yaml": "services:\n  api:\n    volumes:\n      - ./main.py:/code/main.py\n",
    ".dockerignore": "*\n!main.py\n",
}
AS_JSON = {"Dockerfile": 'FROM python:3.13-slim\nCOPY ["main.py", "model.pkl", "/code/"]\n'}
ADVICE = [
    ".dockerignore line 2 takes main.py alone: add `!app`",
    "Dockerfile line 2 takes main.py alone: add `COPY app app/`",
    "compose.yaml line 4 takes main.py alone: mount app too",
]


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        pytest.param(WHOLE, [], id="an image of the whole folder holds the package"),
        pytest.param(BY_NAME, ADVICE, id="one of files by name has to be told of it"),
        pytest.param(AS_JSON, ADVICE[1:2], id="so has one that names them in JSON"),
    ],
)
def test_what_takes_the_app_along_by_its_name_is_told(run, write, files, advice):
    folder = write(SHOP, files).parent
    _status, out, _err = run(folder, "small", "--into", "../grown", "--no-tests", *QUICK)
    assert [line.strip() for line in out.splitlines() if " takes main.py" in line] == advice


def test_a_plan_changes_nothing(run, repository):
    before = snapshot(repository)
    status, out, _err = run(repository, "small", "--plan")
    assert status == 0
    assert "app/routers/orders.py" in out
    assert "what stays in app/main.py" in out
    assert snapshot(repository) == before


@pytest.mark.parametrize(
    ("name", "others", "package"),
    [
        pytest.param("old/main.py", {}, "app", id="main.py has the package app"),
        pytest.param("old/server.py", {}, "app", id="so has a file of another name"),
        pytest.param("old/_main.py", {}, "app", id="and one that begins with an underscore"),
        pytest.param("old/app.py", {}, "app_app", id="app.py would hide a package app"),
        pytest.param("old/src/app.py", {}, "app_app", id="app.py in a folder too"),
        pytest.param("app/main.py", {}, "main_app", id="in a folder app it is another"),
        pytest.param("old/main.py", {"app/x.txt": ""}, "main_app", id="a folder app is there"),
        pytest.param("old/_main.py", {"app.py": ""}, "main_app", id="a file app.py is there"),
    ],
)
def test_the_package_has_a_name_that_is_free(run, write, name, others, package):
    main = write(SHOP, others, name)
    status, out, _err = run(main.parent, "small", main.name, "--plan")
    assert (status, f"  {package}/routers/orders.py" in out) == (0, True), out


TINY = """\
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class User(BaseModel):
    name: str
    age: int


@app.get("/users")
def users() -> list[User]:
    return [User(name="ann", age=3)]
"""


def test_the_command_given_for_the_tests_decides(run, write):
    folder = write(TINY).parent
    short = f"test $(wc -l < main.py) -ge {TINY.count(chr(10))}"  # fails once main.py is shorter
    status, out, _err = run(folder, "small", "--into", "../grown", "--tests", short, *QUICK)
    assert (status, "passed before, exit status 1 now" in out) == (1, True), out
    assert not (folder.parent / "grown").exists()
    right = f"{warm.PYTHON} -c 'import main; assert main.User'"
    status, out, _err = run(folder, "small", "--into", "../grown", "--tests", right, *QUICK)
    assert status == 0, out
    assert "class User" not in (folder.parent / "grown/main.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["small", "none.py"], "does not exist", id="there is no such file"),
        pytest.param(["small"], "not in a git work tree", id="in place without git"),
        pytest.param(["small", "--into", "."], "not empty", id="a directory that is in use"),
        pytest.param(["small", "--package", "a-b"], "a name that Python", id="no package name"),
        pytest.param(["small", "--package", "main"], "is taken", id="a package name that is taken"),
        pytest.param(["small", "data.py"], "makes no FastAPI object", id="no app in it"),
        pytest.param(["small", "broken.py"], "line 1", id="not Python"),
        pytest.param(["small", "--speed", "9"], "unrecognized", id="an unknown option"),
        pytest.param(
            ["small", "crash.py", "--into", "../new", *QUICK], "No module named 'nowhere'",
            id="an app that cannot be imported shows its own error",
        ),
    ],
)  # fmt: skip
def test_usage_errors_say_what_to_do(run, write, arguments, said):
    broken = {
        "data.py": "X = 1\n",
        "broken.py": "def (:\n",
        "crash.py": "import nowhere\nfrom fastapi import FastAPI\napp = FastAPI()\n",
    }
    folder = write(SHOP, broken).parent
    before = snapshot(folder)
    status, _out, err = run(folder, *arguments)
    assert (status, said in err) == (2, True), err
    assert snapshot(folder) == before


def test_an_app_with_nothing_to_move_is_refused_and_left_alone(run, write):
    folder = write("from fastapi import FastAPI\n\napp = FastAPI()\n").parent
    status, out, _err = run(folder, "small", "--into", "../grown", *QUICK)
    assert (status, "nothing was changed" in out) == (1, True)
    assert not (folder.parent / "grown").exists()


def test_compare_names_the_difference(run, write):
    old = write(SHOP).parent
    new = write(SHOP.replace('"EUR"', '"USD"'), name="new/main.py")
    status, out, _err = run(old, "compare", "main.py", str(new), *QUICK)
    assert (status, "/orders/total" in out) == (1, True), out


def test_a_short_app_is_told_to_stay_tiny(run, write):
    status, out, _err = run(write(SHOP).parent, "advise")
    assert (status, out.startswith("Stay tiny")) == (0, True)
    assert "items: /items, /items/{name}" in out


def test_help_teaches(run, tmp_path):
    status, out, _err = run(tmp_path, "small", "--help")
    assert status == 0
    for word in ("example:", "never changed:", "--plan", "--into", "git work tree"):
        assert word in out
