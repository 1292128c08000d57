"""Chapter by chapter: each begins with a copy of the folder in which the one before it ended.

    build/tutorial/05/       the folder at the end of chapter 5
    build/tutorial/05.json   what it was made from, which of its steps changed something

A state is made anew when a page up to it, or the repository that chapter 1 clones, has changed.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import page
from page import TUTORIAL, Step
from reader import Reader, Wrong

BUILD = TUTORIAL.parent / "build" / "tutorial"
# Caches and locks, which change when something is only read.
UNTOLD = ("__pycache__", ".pytest_cache", ".ruff_cache", ".venv", "index", ".lock", "-shm")


@dataclass
class Report:
    """What a run of a chapter showed."""

    steps: list[Step]
    changing: list[int] = field(default_factory=list)  # steps after which something was different
    wrong: list[Wrong] = field(default_factory=list)
    seconds: float = 0


def number(chapter: Path) -> str:
    return chapter.name[:2]


@contextlib.contextmanager
def start_state(chapter: Path) -> Iterator[Path]:
    """A folder to run the chapter in: a copy of the end of the one before; empty for the first."""
    at = page.chapters().index(chapter)
    # Not within this repository, whose settings git, pytest and ruff would find.
    with tempfile.TemporaryDirectory(prefix=f"course-{number(chapter)}-") as name:
        folder = Path(name).resolve() / "course"
        if at:
            shutil.copytree(BUILD / number(page.chapters()[at - 1]), folder, symlinks=True)
        else:
            folder.mkdir()
        yield folder


def fingerprint(reader: Reader) -> object:
    """Differs when a file, the terminal or the set of running servers does."""
    files = {}
    for folder, folders, names in os.walk(reader.folder):
        folders[:] = [f for f in folders if not f.endswith(UNTOLD)]
        for name in names:
            if not name.endswith(UNTOLD):
                found = os.lstat(Path(folder, name))
                files[folder, name] = (found.st_mtime_ns, found.st_size)
    links = [p.readlink() for p in reader.folder.glob("*/.venv") if p.is_symlink()]
    return files, links, reader.shell.memory, reader.servers.alive()


def run(
    chapter: Path, skip: int | None = None, on: Callable[[Wrong], bool] | None = None
) -> Report:
    """Run the chapter from its start state. At a Wrong step `on` is asked whether to go on.

    The folder becomes the chapter's state when all was right and nothing was skipped.
    """
    report, began = Report(page.read(chapter)), time.monotonic()
    with start_state(chapter) as folder:
        reader = Reader(folder, BUILD)
        try:
            follow(reader, report, skip, on)
            if report.steps and not report.wrong:
                reader.finish(report.steps[-1])
        except Wrong as wrong:
            report.wrong.append(wrong)
        finally:
            reader.servers.end()
        report.seconds = time.monotonic() - began
        if not report.wrong and skip is None:
            save(chapter, folder, report)
    return report


def follow(
    reader: Reader, report: Report, skip: int | None, on: Callable[[Wrong], bool] | None
) -> None:
    """Do all steps but the one to skip. Raises Wrong."""
    before = fingerprint(reader)
    for at, step in enumerate(report.steps):
        if at == skip or "docker" in step.options:
            continue
        try:
            reader.do(step)
        except Wrong as wrong:
            if not (on and on(wrong)):
                raise
            report.wrong.append(wrong)
        if skip is None:
            after = fingerprint(reader)
            if after != before and "shows" not in step.options:
                report.changing.append(at)
            before = after


def stamp(chapter: Path) -> str:
    """What the chapter's state is made from: all pages up to it, and the repository they clone."""
    found = hashlib.sha256()
    command = ["git", "-C", str(TUTORIAL.parent), "ls-tree", "HEAD"]
    tree = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    own = ("tutorial", "tests", ".ci", ".gitignore", "Makefile", "pyproject.toml")
    lines = [line for line in tree.stdout.splitlines() if not line.split("\t")[1].startswith(own)]
    found.update("\n".join(lines).encode())
    for one in page.chapters()[: page.chapters().index(chapter) + 1]:
        for step in page.read(one):  # what is done, not the prose
            found.update(repr((step.kind, step.text, step.expected, step.options)).encode())
    return found.hexdigest()


def note(chapter: Path) -> dict[str, object]:
    """What save() wrote about the chapter, if its state is there and not out of date; else {}."""
    file = BUILD / f"{number(chapter)}.json"
    if not file.exists() or not file.with_suffix("").is_dir():
        return {}
    found: dict[str, object] = json.loads(file.read_text())
    return found if found["stamp"] == stamp(chapter) else {}


def save(chapter: Path, folder: Path, report: Report) -> None:
    """Make the folder the chapter's state."""
    state = BUILD / number(chapter)
    file = BUILD / f"{number(chapter)}.json"
    file.unlink(missing_ok=True)
    shutil.rmtree(state, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, state)
    found = {"stamp": stamp(chapter), "changing": report.changing, "seconds": report.seconds}
    file.write_text(json.dumps(found))
