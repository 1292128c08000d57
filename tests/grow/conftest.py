"""Planted apps on disk, grown with and without proof, and questions asked in other processes."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import warm
from ledger import LEDGER

from fastapi_grow.edits import patch_edits
from fastapi_grow.evidence import project_of
from fastapi_grow.externals import externals
from fastapi_grow.growth import Growth, all_steps, grow
from fastapi_grow.large.arrangement import read_arrangement
from fastapi_grow.large.grow import enlarge
from fastapi_grow.large.parts import PARTS, add_parts
from fastapi_grow.large.parts.project import Project
from fastapi_grow.locate import ways_to_import
from fastapi_grow.subject import Options, lay_out, read_app, watch

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def zygote():
    """From now on there is a command like `python` that has imported FastAPI already."""
    with (
        tempfile.TemporaryDirectory(prefix="warm-") as folder,  # pytest's is too long for a socket
        socket.socket(socket.AF_UNIX) as listener,
    ):
        listener.bind(f"{folder}/socket")
        listener.listen()
        others = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(
            [sys.executable, HERE / "zygote.py", str(listener.fileno())],
            pass_fds=[listener.fileno()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env={**others, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        command = Path(folder, warm.PYTHON)
        call = f'exec "{sys.executable}" -IS "{warm.__file__}" "{folder}/socket" "$@"'
        command.write_text(f"#!/bin/sh\n{call}\n")
        command.chmod(0o755)
        os.environ |= {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "WARM_SOCKET": f"{folder}/socket",
            # The tests of planted apps need none; to load all there are takes longer than they do.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        listener.close()
        yield
        process.stdin.close()
        process.wait()


class Trusting:
    """A verifier that believes everything: what is written must be right by itself."""

    def judge(self, files, edited):
        return []


@pytest.fixture
def write(tmp_path):
    """Write an app and its companions into a folder, and return MAIN's path."""

    def write(text: str, files: dict[str, str] | None = None, name: str = "old/main.py") -> Path:
        main = tmp_path / name
        for path, content in {main.name: text, **(files or {})}.items():
            target = main.parent / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        return main

    return write


def grow_trusting(main: Path, *, prove: bool = False) -> Growth:
    """Grow an app by the plan, no module too small; nothing is proved unless it is asked for."""
    found = read_app(main)
    way = ways_to_import(main, None, main.parent)[0]
    known = externals(way.identity, project_of(main))
    verifier = Trusting()
    if prove:
        options = Options(main, python=warm.PYTHON, requests=20, no_tests=True)
        verifier = watch(found, options)[0]
    layout = lay_out(found, way, known, small=0)
    growth = Growth(layout, verifier, lambda trial: patch_edits(trial, known), lambda *told: None)
    grow(growth, all_steps(layout.plan))
    return growth


def homes_of(growth: Growth) -> dict[str, str]:
    """The module, by name of what is defined, where each definition goes."""
    survey = growth.layout.survey
    return {
        name: home
        for index, home in growth.layout.homes.items()
        for name in survey.items[index].names.binds
    }


@pytest.fixture
def versions(write):
    """The folders of the old and of the grown version of an app."""

    def versions(text, files=None, *, prove=False, large="") -> tuple[Path, Path, Growth]:
        old = write(text, files)
        growth = grow_trusting(old, prove=prove)
        if large:
            enlarge(growth, read_arrangement(large), small=0)
        edits = {path.name: changed for path, changed in growth.edits.items()}
        new = write(text, {**(files or {}), **growth.files, **edits}, "new/main.py")
        return old.parent, new.parent, growth

    return versions


def ask_both(script: str, *folders: Path) -> list[str]:
    """What a script prints in each folder, each in a process of its own, side by side."""

    def ask(folder: Path) -> str:
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            with open(os.devnull) as nothing:
                files = (nothing.fileno(), said.fileno(), errors.fileno())
                warm.ask(["-B", "-c", script], files, cwd=str(folder), timeout=60)
            said.seek(0)
            errors.seek(0)
            return (said.read() + errors.read()).decode()

    with ThreadPoolExecutor() as pool:
        return list(pool.map(ask, folders))


def with_parts(main: Path, new: Path) -> tuple[dict[str, str], list[str]]:
    """Grow `main` into the folder `new`, with all its parts; returns these, and what was said."""
    growth = grow_trusting(main)
    enlarge(growth, read_arrangement(None), small=0)
    said: list[str] = []
    project = Project(growth.layout, growth.files, main.parent, warm.PYTHON, tests=False)
    found = add_parts(project, PARTS, said.append)
    for path, content in {**growth.files, **found}.items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_text(content)
    return found, said


@pytest.fixture(scope="session")
def grown_once(tmp_path_factory):
    """Write an app and grow it with its parts, the first time that it is asked for."""

    @functools.cache
    def grown_once(text: str, files: tuple[tuple[str, str], ...]):
        folder = tmp_path_factory.mktemp("parts")
        main = folder / "old/main.py"
        main.parent.mkdir()
        for name, content in (("main.py", text), *files):
            (main.parent / name).write_text(content)
        return folder / "new", *with_parts(main, folder / "new")

    return grown_once


@pytest.fixture
def grown(grown_once, tmp_path):
    """An app grown with its parts: a folder of one's own, the files in it, and what was said."""

    def grown(text: str = LEDGER, files=None):
        folder, found, said = grown_once(text, tuple((files or {}).items()))
        return shutil.copytree(folder, tmp_path / "new"), found, said

    return grown
