"""The tests of main.py tested: each mutant of it must fail a test.

    python tests/prove/mutants.py [--full] [--broken] [--count 6] [--sample 100] [--seed 0]

mutants.toml lists mutants of what mutmut does not reach, each with the test that must fail of it:
the short form tries some of them. The full form tries all, then lets mutmut make its own of every
other function; of those the tests must kill 85 %, without the few that mutants.toml says mean the
same. That takes the better part of an hour on two cores, as each mutant that lives meets all tests;
--sample draws some of them.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from common import options, promise, run, table
from server import ROOT, SETTINGS

FILES = ["main.py", "test_main.py", "train.py", "model.pkl", "README.md", "requirements.txt"]
PATIENCE = 60  # seconds; what waits longer is noticed, too
# Imported once for all runs; main.py itself must be imported by each.
MODULES = ["fastapi.testclient", "fastapi_offline", "joblib", "sqlalchemy", "uvicorn", "pytest"]
MODULES += ["sklearn.datasets", "sklearn.discriminant_analysis", "sklearn.linear_model"]
FROM, SPAWN = multiprocessing.get_context("forkserver"), multiprocessing.get_context("spawn")
FROM.set_forkserver_preload(MODULES)
KILLED = 0.85  # of the mutants of mutmut
FIRST = "main.x_find__mutmut_1"  # any
ADDED = re.compile(r"\+(?!\+\+ )")  # a line of a diff
# A mutant is chosen by the name of its module, which in a server by `python main.py` is another.
CHOICE = "from mutmut.mutation.trampoline import wrap_in_trampoline as _mutmut_mutated, MutantDict"
CHOOSE = """
_name = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[2]
os.environ["MUTANT_UNDER_TEST"] = f"{__name__}.{_name}"
"""
# First the tests that need no server, then the others: most mutants never meet those. At a failure
# all ends, without a wait for what still hangs.
CONFTEST = """
import os, shutil, sys
def pytest_collection_modifyitems(items):
    servers, wanted = set(sys.modules["test_main"].SERVERS), os.environ["SERVERS"] == "yes"
    items[:] = [item for item in items if bool(servers & set(item.fixturenames)) == wanted]
def pytest_runtest_logreport(report):
    if report.failed:
        shutil.rmtree(sys.modules["test_main"].FOLDER, ignore_errors=True)
        os._exit(1)
"""
CONFIG = """
[tool.mutmut]
source_paths = ["main.py"]
pytest_add_cli_args_test_selection = ["test_main.py"]
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


def run_tests(folder: Path, chosen: Sequence[str], environment: dict[str, str]) -> None:
    """In a process of its own, which leads a group: all that a mutant leaves behind is in it."""
    os.setsid()
    os.chdir(folder)
    with open(folder / f"output-{os.getpid()}", "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    for name in SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(environment)
    sys.path.insert(0, str(folder))
    sys.argv = ["pytest"]
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "ignore", *chosen]))


def tests_fail(folder: Path, *chosen: str, **environment: str) -> str | None:
    """How the chosen tests fail, or None where they pass."""
    running = FROM.Process(target=run_tests, args=(folder, chosen, environment))
    running.start()
    assert running.pid
    try:
        running.join(PATIENCE)
        hangs = running.is_alive()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    running.join()
    output = folder / f"output-{running.pid}"
    text = output.read_text(errors="replace") if output.exists() else ""
    output.unlink(missing_ok=True)
    if hangs:
        return f"nothing after {PATIENCE} s"
    # 1: a test failed; 2 and 3: main.py cannot be imported; below 0: a signal ended all tests
    if (running.exitcode or 0) > 3:
        raise SystemExit(f"pytest does not run {chosen}:\n{text}")
    return (text or "nothing was printed") if running.exitcode else None


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
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # of a file of the same size
            fate = "killed by" if tests_fail(folder, mutant.chosen) else "SURVIVES"
            survived += [mutant] if fate == "SURVIVES" else []
            print(f"{fate} {mutant.test}: {mutant.new or 'nothing'!r}", flush=True)
    promise(not survived, f"{len(survived)} of {len(mutants)} mutants survive")
    return [["by hand, each against its test", str(len(mutants)), str(len(mutants)), "100 %"]]


def mutmut(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "mutmut", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    promise(not done.returncode, f"mutmut fails:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def fails_a_test(folder: Path, mutant: str) -> bool:
    meet = partial(tests_fail, folder, "test_main.py", MUTANT_UNDER_TEST=mutant)
    return bool(meet(SERVERS="no") or meet(SERVERS="yes"))


def made(asked: argparse.Namespace) -> list[list[str]]:
    """The mutants that mutmut makes, of functions that it sees a test reach.

    Each meets all the tests: which of them reaches it by a server, or by what is made once for all
    tests, mutmut does not see.
    """
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(mp_context=SPAWN) as pool:
        folder = copied(Path(name), asked.source)
        modules = folder / "modules"
        modules.write_text("\n".join(MODULES))
        config = CONFIG.format(files=json.dumps(FILES[1:]), modules=modules)
        (folder / "pyproject.toml").write_text(config)
        mutmut(folder, "run", FIRST)  # and before it all tests, without a mutant
        trial = Path(shutil.copytree(folder / "mutants", folder / "trial"))
        text = (trial / "main.py").read_text()
        promise(text.count(CHOICE) == 1, f"mutmut's main.py has no longer one of: {CHOICE}")
        (trial / "main.py").write_text(text.replace(CHOICE, f"{CHOOSE}\n{CHOICE}"))
        (trial / "conftest.py").write_text(CONFTEST)
        lines = mutmut(folder, "results", "--all", "true").splitlines()
        stats = json.loads((trial / "mutmut-stats.json").read_text())
        tests = stats["tests_by_mangled_function_name"]
        names = [line.strip().rpartition(": ")[0] for line in lines]
        reached = [name for name in names if tests.get(name.rpartition("__mutmut_")[0])]
        if asked.sample:
            reached = Random(asked.seed).sample(reached, asked.sample)
        listed = tomllib.loads((ROOT / "tests/prove/mutants.toml").read_text())
        means_the_same = {one["new"] for one in listed["same"]}
        meets = partial(fails_a_test, trial)
        promise(not meets(""), "without a mutant a test fails")
        met = {mutant: pool.submit(meets, mutant) for mutant in reached}
        print(f"{len(reached)} mutants of mutmut are reached", flush=True)
        survived, same = [], 0
        for mutant, fate in met.items():
            if not fate.result():
                change = mutmut(folder, "show", mutant)
                [line] = [one[1:].strip() for one in change.splitlines() if ADDED.match(one)]
                if line in means_the_same:
                    same += 1
                else:
                    survived.append(mutant)
                    print(f"SURVIVES {mutant}: {line}", flush=True)
    count = len(reached) - same
    killed, means = count - len(survived), f", and {same} mean the same"
    promise(killed >= KILLED * count, f"only {killed} of {count} mutants of mutmut are killed")
    return [["by mutmut" + means * bool(same), str(count), str(killed), f"{killed / count:.0%}"]]


def proof(asked: argparse.Namespace) -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process with threads must not fork
    lines = listed(asked) + (made(asked) if asked.full else [])
    print(table(["mutants", "reached", "killed", ""], lines))


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--count", type=int, default=6, help="of the mutants, without --full")
    parser.add_argument("--sample", type=int, help="of mutmut's mutants; all without it")
    run(proof, parser, {"already is wrong": [("] = 100, before", "] = 99, before")]})
