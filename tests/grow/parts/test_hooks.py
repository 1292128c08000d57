"""The hooks of pre-commit, really run."""

from __future__ import annotations

import os
import subprocess

from parts.commands import BIN, run


def test_hooks_really_run_and_find_what_is_wrong(grown):
    folder = grown()[0]
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    assert "Passed" in run(folder, "pre-commit", "run", "--all-files")
    (folder / "main.py").write_text("import os\n")
    done = subprocess.run(
        [BIN / "pre-commit", "run", "--all-files"], cwd=folder, capture_output=True, text=True,
        check=False, env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert (done.returncode, "F401" in done.stdout) == (1, True)
