"""A real server for a test: `python main.py` on a free port, with a folder of its own.

    with serve(API_KEY="secret") as server:
        httpx.get(f"{server.base_url}/health")
        assert server.stop() == 0

The folder holds a copy of model.pkl (and is the model folder), history.db and server.log.
It waits on conditions with deadlines; what it ends is the one process that it started.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
DEADLINE = 120  # seconds, for a start as for an end, on however busy a machine
SETTINGS = ("MODEL_PATH", "MODEL_SHA256", "DATABASE_URL", "API_KEY", "MAX_PENDING")
SETTINGS += ("WORKER_TIMEOUT", "HOST", "PORT")


@dataclass
class Server:
    base_url: str
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal, by default the one of an orderly end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_in(folder: Path) -> dict[str, str]:
    """This process's environment, but with the settings that keep a server to its folder."""
    others = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    own = {"MODEL_PATH": str(folder / "model.pkl"), "HOST": "127.0.0.1"}
    return others | own | {"DATABASE_URL": f"sqlite:///{folder / 'history.db'}"}


def wait_until_alive(server: Server, path: str) -> None:
    deadline = time.monotonic() + DEADLINE
    with httpx.Client() as client:  # one: each takes 50 ms to make
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = server.process.wait(0.05)  # also the pause between two questions
                raise RuntimeError(f"the server ended with status {status}:\n{server.log}")
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"{server.base_url}{path}").status_code == 200:
                    return
    raise TimeoutError(f"the server does not answer after {DEADLINE} s:\n{server.log}")


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@contextlib.contextmanager
def serve(command: Sequence[str] = (), **settings: str) -> Iterator[Server]:
    """`python main.py`, or the command (uvicorn's finds the port too), alive within the block."""
    command = command or [sys.executable, "main.py"]
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), str(free_port())
        shutil.copy(ROOT / "model.pkl", folder)
        env = settings_in(folder) | {"PORT": port, "UVICORN_PORT": port} | settings
        with start(command, folder, env, cwd=ROOT) as server:
            yield server


@contextlib.contextmanager
def start(
    command: Sequence[str],
    folder: Path,
    env: dict[str, str],
    alive: str = "/health/live",
    **how: Any,
) -> Iterator[Server]:
    """The command on the port of env["PORT"], its output in folder/server.log."""
    base_url = f"http://127.0.0.1:{env['PORT']}"
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, **how)
    try:
        server = Server(base_url, process, folder)
        wait_until_alive(server, alive)
        yield server
    finally:
        end(process)
