"""The tests of main.py tested: each mutant of it must fail a test.

    python tests/prove/mutants.py [--full] [--broken] [--count 6] [--seed 0]

mutants.toml lists mutants of what mutmut does not reach, each with the test that must fail of it:
the short form tries some of them. The full form tries all, then lets mutmut make its own of every
other function; of those the tests must kill 85 %.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from random import Random
from typing import NamedTuple

from common import options, promise, run, table
from server import ROOT, SETTINGS

FILES = ["main.py", "test_main.py", "train.py", "model.pkl", "README.md", "requirements.txt"]
PATIENCE = 300  # seconds; what waits longer is noticed, too
# Imported once for all runs; main.py itself must be imported by each.
MODULES = ["fastapi.testclient", "fastapi_offline", "joblib", "sqlalchemy", "uvicorn", "pytest"]
MODULES += ["sklearn.datasets", "sklearn.discriminant_analysis", "sklearn.linear_model"]
KILLED = 0.85  # of the mutants of mutmut
FATES = {"killed", "survived", "timeout", "segfault"}  # of mutants that a test reaches
SELECTION = ["test_main.py", "-k", "not after_two_seconds"]
CONFIG = """
[tool.mutmut]
source_paths = ["main.py"]
pytest_add_cli_args_test_selection = ["test_main.py"]
# It looks at the clock, which says little while several mutants are tried at once.
pytest_add_cli_args = ["-k", "not after_two_seconds"]
also_copy = {files}
# A process of its own for each run: the tests make their folder when imported, and remove it.
process_isolation = "forkserver"
forkserver_warmup = "import"
preload_modules_file = "{modules}"
[tool.pytest.ini_options]
filterwarnings = ["ignore"]
"""


class Mutant(NamedTuple):
    test: str
    old: str
    new: str

    @property
    def chosen(self) -> str:
        return f"test_main.py::{self.test}"


def copied(folder: Path, source: Path) -> Path:
    """What test_main.py needs, in a folder of its own."""
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    shutil.copy(source / "main.py", folder)
    return folder


def tests_fail(folder: Path, *chosen: str, **environment: str) -> str | None:
    """How the chosen tests fail, or None where they pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    command += chosen
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS} | environment
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"nothing after {PATIENCE} s"
    if done.returncode not in (0, 1):  # 1: a test failed; more: pytest itself did
        raise SystemExit(f"pytest does not run {chosen}:\n{done.stdout}{done.stderr}")
    return done.stdout if done.returncode else None


def listed(asked: argparse.Namespace) -> list[list[str]]:
    """Apply one mutant at a time; its test must fail, and pass without it."""
    found = tomllib.loads((ROOT / "tests/prove/mutants.toml").read_text())["mutant"]
    mutants, text = [Mutant(**values) for values in found], (asked.source / "main.py").read_text()
    for mutant in mutants:
        promise(text.count(mutant.old) == 1, f"main.py has no longer one of: {mutant.old}")
    if not asked.full:
        mutants = Random(asked.seed).sample(mutants, asked.count)
    survived: list[Mutant] = []
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name), asked.source)
        failure = tests_fail(folder, *sorted({mutant.chosen for mutant in mutants}))
        promise(not failure, f"without a mutant a test fails:\n{(failure or '')[-2000:]}")
        for mutant in mutants:
            (folder / "main.py").write_text(text.replace(mutant.old, mutant.new))
            fate = "killed by" if tests_fail(folder, mutant.chosen) else "SURVIVES"
            survived += [mutant] if fate == "SURVIVES" else []
            print(f"{fate} {mutant.test}: {mutant.new or 'nothing'!r}", flush=True)
    promise(not survived, f"{len(survived)} of {len(mutants)} mutants survive")
    return [["by hand, each against its test", str(len(mutants)), str(len(mutants)), "100 %"]]


def mutmut(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "mutmut", *words]
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # a process with threads must not fork
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    promise(not done.returncode, f"mutmut fails:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def made(asked: argparse.Namespace) -> list[list[str]]:
    """The mutants that mutmut makes; what survives the tests that reach it meets all of them.

    What a server of the tests or a fixture of the session does, mutmut takes for hardly reached.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name), asked.source)
        modules = folder / "modules"
        modules.write_text("\n".join(MODULES))
        config = CONFIG.format(files=json.dumps(FILES[1:]), modules=modules)
        (folder / "pyproject.toml").write_text(config)
        mutmut(folder, "run")
        lines = mutmut(folder, "results", "--all", "true").splitlines()
        fates = dict(line.strip().rsplit(": ", 1) for line in lines)
        reached = {mutant: fate for mutant, fate in fates.items() if fate in FATES}
        left = [mutant for mutant, fate in reached.items() if fate == "survived"]
        print(f"{len(left)} of {len(reached)} survive the tests that reach them", flush=True)
        survived = []
        for mutant in left:
            found = tests_fail(folder / "mutants", "-x", *SELECTION, MUTANT_UNDER_TEST=mutant)
            if not found:
                survived.append(mutant)
                print(f"SURVIVES {mutant}", flush=True)
    killed = len(reached) - len(survived)
    enough = killed >= KILLED * len(reached)
    promise(enough, f"only {killed} of {len(reached)} mutants of mutmut are killed")
    return [["by mutmut", str(len(reached)), str(killed), f"{killed / len(reached):.0%}"]]


def proof(asked: argparse.Namespace) -> None:
    lines = listed(asked) + (made(asked) if asked.full else [])
    print(table(["mutants", "reached", "killed", ""], lines))


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--count", type=int, default=6, help="of the mutants, without --full")
    run(proof, parser, {"already is wrong": [("] = 100, before", "] = 99, before")]})
