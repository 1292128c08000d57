"""The interpreter that is forked for the tests says what a fresh one says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import warm
from apps import SHOP

from fastapi_grow.subject import Options, read_app, watch

WHERE = "import sys; print(__name__, sys.argv, sys.path, sys.warnoptions, flush=True); "


def test_a_probe_reports_the_same(write):
    main = write(SHOP)
    options = Options(main, python=warm.PYTHON, requests=25, no_tests=True)
    verifier = watch(read_app(main), options)[0]
    verifier.observer.python = sys.executable
    assert len(verifier.requests) == 25
    assert verifier.look_at(verifier.old) == verifier.reports[0]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-B", "-c", WHERE, "x"], id="a script on the command line"),
        pytest.param(["-c", WHERE + "sys.exit(3)"], id="one that ends with a status"),
        pytest.param(["-c", WHERE + "sys.exit('no')"], id="one that ends with a word"),
        pytest.param(["-W", "ignore", "there.py", "x"], id="a file"),
        pytest.param(["-m", "there", "x"], id="a module"),
        pytest.param(["folder", "x"], id="a folder"),
        pytest.param(["-c", WHERE + "import os; os.kill(os.getpid(), 9)"], id="one that is killed"),
    ],
)
def test_it_is_called_like_python(write, arguments):
    folder = write(WHERE, {"folder/__main__.py": WHERE}, "old/there.py").parent
    arguments = [str(folder / a) if a == "folder" else a for a in arguments]
    ended = [
        subprocess.run([python, *arguments], cwd=folder, capture_output=True, check=False)
        for python in (sys.executable, warm.PYTHON)
    ]
    assert ended[1].stdout == ended[0].stdout
    assert ended[1].stderr == ended[0].stderr
    assert ended[1].returncode % 256 == ended[0].returncode % 256
    assert ended[0].stdout


def test_what_takes_too_long_ends():
    reading, writing = os.pipe()
    with open(reading) as said:
        with pytest.raises(TimeoutError):
            warm.ask(["-c", "while True: pass"], (0, writing, 2), timeout=0.1)
        os.close(writing)
        assert said.read() == "", "nobody holds the other end any more"
