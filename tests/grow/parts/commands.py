"""Commands of this environment, run in a grown project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import warm

BIN = Path(sys.executable).parent


def run(folder: Path, *command: str, **environment: str) -> str:
    """What a command of this environment prints; it must succeed."""
    done = subprocess.run(
        command if command[0] == warm.PYTHON else [BIN / command[0], *command[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
