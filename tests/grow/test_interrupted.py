"""Killed or interrupted at any moment of writing, the project is the old one or the new one.

A child process is killed by a real signal at its first, second, third … look at the disk; so is the
next run, which clears up after it. What is left is compared with the two versions.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fastapi_grow import apply

OLD, NEW = "old = 1\n", "from app.main import new\n"
FILES = {
    "main.py": NEW,
    "app/__init__.py": '"""Parts."""\n',
    "app/main.py": "new = 2\n",
    "app/routers/users.py": "users = 3\n",
}
BEFORE = {"main.py": OLD, "test_main.py": "before\n", "app/__init__.py": '"""Others."""\n'}
AFTER = {**BEFORE, **FILES, "test_main.py": "after\n"}
DISK = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.scandir"}
ENOUGH = 500  # moments; far more than there are

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and signals")


@pytest.fixture
def project(tmp_path):
    for name, text in BEFORE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    """Every file with its text, and every empty folder."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[name] = "an empty folder"
    return found


def write(folder: Path) -> None:
    apply.write_tree(folder / "main.py", FILES, {folder / "test_main.py": "after\n"})


def recover(folder: Path) -> None:
    apply.recover(folder / "main.py")


def interrupted(act: Callable[[Path], None], folder: Path, moment: int, number: int) -> bool:
    """Run `act` in a child that gets signal `number` at its `moment`-th look; did it get there?"""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    looks = iter(range(ENOUGH))
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def look(event: str, _: object) -> None:
        if event in DISK and next(looks) == moment:
            os.kill(os.getpid(), number)

    sys.addaudithook(look)
    try:
        act(folder)
    except KeyboardInterrupt:
        os._exit(1)
    os._exit(0)


def reset(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for name, text in BEFORE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def test_killed_at_any_moment_the_next_run_leaves_the_old_or_the_new_project(project):
    ended = set()
    for moment in range(ENOUGH):
        reset(project)
        killed = interrupted(write, project, moment, signal.SIGKILL)
        entry = (project / "main.py").read_text()
        assert entry in {OLD, NEW}, moment
        if entry == NEW:
            now = contents(project)
            assert {name: now[name] for name in AFTER} == AFTER, moment
        recover(project)
        assert contents(project) == (BEFORE if entry == OLD else AFTER), moment
        ended.add(entry)
        if not killed:
            break
    assert moment > 20  # not ended before it began
    assert ended == {OLD, NEW}


def test_killed_while_it_clears_up_the_run_after_that_does_it(project):
    moments = 0
    for moment in range(0, ENOUGH, 3):
        reset(project)
        if not interrupted(write, project, moment, signal.SIGKILL):
            break
        entry = (project / "main.py").read_text()
        for again in range(ENOUGH):
            moments += 1
            if not interrupted(recover, project, again, signal.SIGKILL):
                break
        recover(project)
        assert contents(project) == (BEFORE if entry == OLD else AFTER), moment
    assert moments > 50


def test_interrupted_from_the_keyboard_it_clears_up_by_itself(project):
    for moment in range(ENOUGH):
        reset(project)
        if not interrupted(write, project, moment, signal.SIGINT):
            break
        assert contents(project) in (BEFORE, AFTER), moment
    assert moment > 20
