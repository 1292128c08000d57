"""Start and memory, against a bare Python that only imports the same packages.

The packages are read from main.py itself: its import statements, and nothing else of it.
"""

import ast
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from figures import Findings, Options, Target
from servers import APP, environment, proportional, running


def imports() -> str:
    """The import statements of main.py, but for those in its functions, as a program."""
    found = []
    for statement in ast.parse(APP.read_text()).body:
        block = isinstance(statement, ast.Try | ast.With)
        found += statement.body if block else [statement]
    return "\n".join(ast.unparse(s) for s in found if isinstance(s, ast.Import | ast.ImportFrom))


@contextlib.contextmanager
def bare(options: Options, then: str = "") -> Iterator[int]:
    """The process id of a Python that has imported the packages, then done that, and waits."""
    program = f"{imports()}\n{then}\nprint('ready', flush=True)\ninput()"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", program], env=environment(options.folder / "none.db", 0),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:  # whose end closes its input, and so ends it
        assert process.stdout  # noqa: S101
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("a bare Python cannot import what main.py imports")
        yield process.pid
        process.terminate()


def start(options: Options) -> Findings:
    ours, theirs = [], []
    for _ in range(options.rounds):
        begin = time.perf_counter()
        with running("app", options.folder):
            ours.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        with bare(options):
            theirs.append(time.perf_counter() - begin)
    first, imported = statistics.median(ours), statistics.median(theirs)
    because = f"{first:.2f} and {imported:.2f} s"
    figure = "start to first answer, against importing the packages"
    return Findings([], [Target(figure, "≤", 1.25, first / imported, "×", because)])


def memory(options: Options) -> Findings:
    ours, theirs, loaded = [], [], []
    load = f"model = joblib.load({str(APP.with_name('model.pkl'))!r})"  # more of scikit-learn
    for _ in range(options.rounds):  # never two at once: they would share pages
        with running("app", options.folder) as app:
            app.settle()
            ours.append(app.memory())
        for then, found in (("", theirs), (load, loaded)):
            with bare(options, then) as pid:
                found.append(proportional(pid))
    targets, idle = [], statistics.median(ours)
    for what, found in (("the packages", theirs), ("the packages and the model", loaded)):
        figure, other = f"memory when idle, against a process with {what}", statistics.median(found)
        because = f"{idle:.0f} and {other:.0f} MB"
        targets.append(Target(figure, "≤", 1.3, idle / other, "×", because))
    return Findings([], targets)
