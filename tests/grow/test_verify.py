"""What is chance does not stop a step; what is not does, however the app answers by chance."""

from __future__ import annotations

import warm

from fastapi_grow.cli import main

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


def test_an_app_that_answers_by_chance_is_grown(write, monkeypatch, capsys):
    monkeypatch.chdir(write(MOODY).parent)
    assert main(["small", "--into", "../new", *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if "skipped" in line] == ["tests:"], lines


def test_what_is_no_chance_is_seen_in_such_an_app(write, monkeypatch, capsys):
    monkeypatch.chdir(write(MOODY).parent)
    new = write(MOODY.replace('"EUR"', '"USD"'), name="new/main.py")
    assert main(["compare", "main.py", str(new), *QUICK]) == 1
    found = capsys.readouterr().out
    assert "/mood" in found
    assert "currency" in found.lower()
