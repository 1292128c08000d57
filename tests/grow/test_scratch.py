"""Copies of a project are made in memory where there is room, and nothing of them stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fastapi_grow import scratch


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """A folder that stands for the one in memory, with room for 2 GiB or not."""
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(scratch, "MEMORY", place)
    monkeypatch.setattr(scratch, "ROOM", 0)
    scratch._place.cache_clear()
    yield place
    scratch._place.cache_clear()


def parent_of_a_copy(project: Path) -> Path:
    with scratch.scratch(project) as folder:
        assert not any(folder.iterdir())
    assert not folder.exists()
    return folder.parent


def test_a_copy_is_in_memory(memory, tmp_path):
    assert parent_of_a_copy(tmp_path) == memory


def test_a_folder_for_temporary_files_that_the_user_names_is_taken(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # where the last answer is kept
    assert parent_of_a_copy(tmp_path) == tmp_path


def sparse(path: Path) -> None:
    """A file of a TiB that takes no room itself."""
    with path.open("wb") as file:
        file.truncate(2**40)


NO_ROOM = {
    "there is none": lambda _project: scratch.MEMORY.rmdir(),
    "too little is free": lambda _project: setattr(scratch, "ROOM", 2**60),
    "the project is too large": lambda project: sparse(project / "large"),
}


@pytest.mark.parametrize("happens", NO_ROOM.values(), ids=NO_ROOM)
def test_without_room_a_copy_is_where_temporary_files_are(memory, tmp_path, happens):
    happens(tmp_path)
    assert parent_of_a_copy(tmp_path) == Path(tempfile.gettempdir()).resolve()


def test_an_environment_in_the_project_takes_no_room(memory, tmp_path):
    (tmp_path / ".venv").mkdir()
    sparse(tmp_path / ".venv/large")
    assert parent_of_a_copy(tmp_path) == memory


def test_what_a_killed_run_left_is_removed_and_what_others_have_is_not(memory, tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left, others = (memory / f"fastapi-grow-{pid}-x" for pid in (ended.pid, os.getpid()))
    for folder in (left, others):
        (folder / "app").mkdir(parents=True)
    assert parent_of_a_copy(tmp_path) == memory
    assert not left.exists()
    assert (others / "app").exists()
