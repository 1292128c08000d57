"""Folders for copies of a project: in memory where there is room, since most disks are slower.

A copy of 3,000 files takes seconds on a disk and tenths of a second in memory, and every look at an
app takes one.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - of Linux; folders in it are made by tempfile  # nosec B108
ROOM = 2 * 1024**3  # bytes that must be free there, and eight times the project
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".hg", "node_modules", ".venv", "venv", "env", "__pycache__", ".pytest_cache",
    ".mypy_cache", ".ruff_cache", ".tox", "site-packages", ".hypothesis",
)  # fmt: skip


@contextmanager
def scratch(project: Path) -> Iterator[Path]:
    """An empty folder for a copy of `project`, which is gone afterwards."""
    prefix = f"fastapi-grow-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=_place(project)) as folder:
        yield Path(folder).resolve()


@functools.cache
def _place(project: Path) -> Path | None:
    """Where in memory there is room for copies; None for where temporary files are elsewhere."""
    if os.environ.get("TMPDIR") or not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    sweep(MEMORY)
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:  # no library of the project could be loaded
        return None
    room = shutil.disk_usage(MEMORY).free > ROOM + 8 * _size(project)
    return MEMORY if room else None


def _size(project: Path) -> int:
    """Bytes of all that is copied."""
    total = 0
    for folder, folders, files in os.walk(project):
        left_out = LEFT_OUT(folder, [*folders, *files])
        folders[:] = [name for name in folders if name not in left_out]
        paths = (Path(folder, name) for name in files if name not in left_out)
        total += sum(path.lstat().st_size for path in paths)
    return total


def sweep(place: Path) -> None:
    """Remove what runs left that were killed: it would stay in memory."""
    for folder in place.glob("fastapi-grow-*-*"):
        process = folder.name.split("-")[2]
        if process.isdecimal() and not Path("/proc", process).exists():
            shutil.rmtree(folder, ignore_errors=True)
