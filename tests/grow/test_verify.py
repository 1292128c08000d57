"""What is chance does not stop a step; what is not does, however the app answers by chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import warm

from fastapi_grow.cli import main
from fastapi_grow.subject import Options, read_app, watch

PLACES = """\
import os

import main
import pytest


@pytest.mark.parametrize("place", [os.path.abspath("model.pkl")])
def test_mood(place):
    assert main.mood()["currency"] == "EUR"
"""
ONCE = """\
from pathlib import Path

import main

BEFORE = Path(r"{}")


def test_a_file_that_the_first_run_leaves():
    assert BEFORE.exists() or BEFORE.touch()
    assert main.CURRENCY == "EUR"
"""
QUICK = ["--requests", "15", "--python", warm.PYTHON]
MOODY = """\
import os
import time

from fastapi import FastAPI

STARTED = time.monotonic_ns()
CURRENCY = "EUR"
app = FastAPI(description=os.urandom(9).hex())


@app.get("/mood")
def mood() -> dict[str, str | int]:
    return {"started": STARTED, "mood": os.urandom(9).hex(), "currency": CURRENCY}


@app.get("/moods")
def moods() -> list[str]:
    return [os.urandom(9).hex()]
"""


@pytest.mark.parametrize("stage", [["small"], ["large", "--api-version", "v1"]], ids=" ".join)
def test_an_app_that_answers_by_chance_is_grown(write, monkeypatch, capsys, stage):
    monkeypatch.chdir(write(MOODY).parent)
    assert main([*stage, "--into", "../new", *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    nothing_to_do = ": no test ", ": nothing reads the environment"
    for line in lines:
        assert "skipped" not in line or any(why in line for why in nothing_to_do), lines


def test_a_test_is_the_same_in_every_folder_though_its_id_holds_the_path(write, monkeypatch):
    monkeypatch.chdir(write(MOODY, {"test_main.py": PLACES}).parent)
    assert main(["small", "--into", "../new", "--json", "../report.json", *QUICK]) == 0
    report = json.loads(Path("../report.json").read_text())
    assert report["checks"]["tests"] == "passed"
    assert "skipped" not in {step["result"] for step in report["steps"] if step["name"] != "tests"}


def test_a_test_that_failed_once_by_chance_is_held_to_pass(write, tmp_path):
    path = write(MOODY, {"test_main.py": ONCE.format(tmp_path / "before")})
    options = Options(path, python=warm.PYTHON, requests=15)
    verifier = watch(read_app(options.main), options)[0]
    assert verifier.results == {"test_main::test_a_file_that_the_first_run_leaves": "passed"}
    [found] = verifier.judge_tests({"main.py": MOODY.replace('"EUR"', '"USD"')}, {})
    assert found.text.endswith(": passed before, failed now")


def test_what_is_no_chance_is_seen_in_such_an_app(write, monkeypatch, capsys):
    monkeypatch.chdir(write(MOODY).parent)
    new = write(MOODY.replace('"EUR"', '"USD"'), name="new/main.py")
    assert main(["compare", "main.py", str(new), *QUICK]) == 1
    found = capsys.readouterr().out
    assert "/mood" in found
    assert "currency" in found.lower()


def test_under_uvicorn_too_only_what_is_no_chance_is_seen(write):
    options = Options(write(MOODY), python=warm.PYTHON, requests=15, no_tests=True)
    verifier = watch(read_app(options.main), options)[0]
    assert verifier.served(verifier.old) == []
    found = verifier.served({"main.py": MOODY.replace('"EUR"', '"USD"')})
    assert {difference.text.split(": ")[0] for difference in found or []} == {"GET /mood body"}
