"""The little of git that growing needs: is the work tree clean, and a commit for each step."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path


class NotClean(ValueError):
    """The work tree cannot take changes that must be easy to undo; the text says what to do."""


def require_clean(folder: Path) -> None:
    """Raise NotClean unless `folder` is in a git work tree without changes."""
    status = _git(folder, "status", "--porcelain")
    if status.returncode:
        raise NotClean(
            f"{folder} is not in a git work tree: commit it first, or give --into DIR"
            " to leave it untouched"
        )
    if status.stdout.strip():
        first = status.stdout.strip().splitlines()[0]
        raise NotClean(f"the git work tree has changes ({first}): commit them, or give --into DIR")


def commit(folder: Path, paths: Iterable[Path], message: str) -> None:
    """Commit exactly `paths`; raises subprocess.CalledProcessError with git's words."""
    names = [str(path) for path in paths]
    _git(folder, "add", "--", *names).check_returncode()
    _git(folder, "commit", "-q", "-m", message, "--", *names).check_returncode()


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607 - the user's git
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
