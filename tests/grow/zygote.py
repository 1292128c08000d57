"""One interpreter that has imported FastAPI, forked for every question.

Usage: python zygote.py NUMBER   (of a listening socket; it ends with its standard input)

A child is a process of its own that has imported the libraries below, and nothing of this tool or
of any app: most questions take a tenth of the time that these imports take.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import multiprocessing.process
import os
import runpy
import select
import signal
import socket
import sys
import threading
import warnings
from types import ModuleType

LIBRARIES = (
    "fastapi.testclient", "pydantic.v1", "anyio._backends._asyncio", "pytest", "sqlmodel",
    "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "alembic.command", "celery.app.base",
)  # fmt: skip
BYTES = 1 << 20  # of a question; the environment is the longest part


def main(listener: socket.socket) -> list[str]:
    """Import the libraries and serve; returns in children only, with the arguments of python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            __import__(name)
    gc.freeze()  # the children need not look at all this again
    woken, wake = socket.socketpair()  # by the end of a child
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    askers: dict[int, socket.socket] = {}  # by child
    while True:
        ready = select.select([listener, sys.stdin, woken, *askers.values()], [], [])[0]
        if sys.stdin in ready:
            for child in askers:
                os.kill(child, signal.SIGKILL)
            os._exit(0)
        if woken in ready:
            woken.recv(BYTES)
        look_after(askers, ready)
        if listener not in ready:
            continue
        connection = listener.accept()[0]
        told, files, _, _ = socket.recv_fds(connection, BYTES, 3)
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for ours in (listener, woken, wake, connection, *askers.values()):
                ours.close()
            return become(ast.literal_eval(told.decode()), files)
        askers[child] = connection
        for file in files:
            os.close(file)


def look_after(askers: dict[int, socket.socket], ready: list[object]) -> None:
    """Tell askers how their child has ended; end the child of one that has left."""
    for child, connection in list(askers.items()):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            askers.pop(child).close()
        elif connection in ready:
            os.kill(child, signal.SIGKILL)


def become(question: dict[str, object], files: list[int]) -> list[str]:
    """Take over the asker's directory, environment and standard streams."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0)  # noqa: SIM115
    os.chdir(str(question["cwd"]))
    multiprocessing.process.ORIGINAL_DIR = os.getcwd()  # type: ignore[attr-defined]
    os.environ.clear()
    os.environ.update(question["environment"])
    return list(question["arguments"])


def run(arguments: list[str]) -> None:
    """What `python ARGUMENTS` does, for the options that are used here."""
    del sys.path[0]
    while arguments[0] in {"-B", "-W"}:
        if arguments.pop(0) == "-W":
            sys.warnoptions.append(arguments[0])
            warnings.simplefilter(arguments.pop(0))
    first, *rest = arguments
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)  # noqa: S102
    elif first == "-m":
        sys.argv = rest
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        if not os.path.isdir(first):  # else it becomes the first entry by itself
            sys.path.insert(0, os.path.dirname(os.path.abspath(first)))
        runpy.run_path(first, run_name="__main__")


def end(status: int) -> None:
    """What an interpreter does at its end but for taking itself apart, which takes 0.2 s."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    asked = main(socket.socket(fileno=int(sys.argv[1])))
    try:
        run(asked)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        end(error.code if isinstance(error.code, int) else int(error.code is not None))
    except BaseException:  # shown as any interpreter shows it
        sys.excepthook(*sys.exc_info())
        end(1)
    end(0)
