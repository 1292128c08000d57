"""Real servers and workers for tests and measurements: main.py in a folder of its own.

    with folder() as place, serve(place, BROKER_URL=...) as server, worker(place, BROKER_URL=...):
        job = server.send(csv)
        server.wait(job)

They wait on conditions with deadlines; what they end are the processes that they started.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
NOT_THE_APP = shutil.ignore_patterns(".*", "__pycache__", "data", "test*")
DEADLINE = 60  # seconds; whoever waits stops as soon as it can
PASSWORD = "correct horse"
SETTINGS = ("DATABASE_URL", "BROKER_URL", "STORAGE_URL", "MODEL_PATH", "SECRET_KEY", "CHUNK_ROWS")
SETTINGS += ("MAX_UPLOAD", "HOST", "PORT")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**settings: Any) -> dict[str, str]:
    """This process's environment, with these settings of main.py and no others."""
    others = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return others | {name: str(value) for name, value in settings.items()}


def wait_until(condition: Any, what: str, deadline: float = DEADLINE) -> Any:
    """What the condition says as soon as that is true; TimeoutError after the deadline."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise TimeoutError(f"after {deadline} s still not: {what}")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder with a copy of the app, where the embedded default keeps its data too."""
    with tempfile.TemporaryDirectory(prefix="jobs-", ignore_cleanup_errors=True) as name:
        yield Path(shutil.copytree(HERE, name, ignore=NOT_THE_APP, dirs_exist_ok=True))


@contextlib.contextmanager
def start(command: list[str], place: Path, log: str, **settings: Any) -> Iterator[Any]:
    """A process in a session of its own, ended with all its children; its output in a log."""
    with (place / log).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "main.py", *command],
            cwd=place,
            env=environment(**settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def worker(place: Path, *options: str, log: str = "worker.log", **settings: Any) -> Any:
    return start(["worker", "--concurrency", "1", *options], place, log, **settings)


class Server:
    """A server of main.py, and a client of it that is signed in."""

    def __init__(self, process: Any, place: Path, port: int) -> None:
        self.process, self.place, self.name = process, place, f"ann-{port}"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE)

    @property
    def log(self) -> str:
        return (self.place / "server.log").read_text()

    def answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log}")
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/openapi.json").is_success
        return False

    def sign_in(self) -> None:
        form = {"username": self.name, "password": PASSWORD}
        token = self.client.post("/api/v1/token", data=form).raise_for_status().json()
        self.client.headers["Authorization"] = f"Bearer {token['access_token']}"

    def send(self, file: Any) -> str:
        """The path of the new job."""
        answer = self.client.post("/api/v1/jobs", files={"file": ("flowers.csv", file)})
        return str(answer.raise_for_status().headers["Location"])

    def read(self, job: str) -> dict[str, Any]:
        return dict(self.client.get(job).raise_for_status().json())

    def wait(self, job: str, deadline: float = DEADLINE) -> dict[str, Any]:
        """The job when it has ended."""

        def ended() -> dict[str, Any] | None:
            found = self.read(job)
            return found if found["finished_at"] else None

        return dict(wait_until(ended, f"{job} has ended", deadline))

    def result(self, job: str, part: str = "result") -> bytes:
        return self.client.get(f"{job}/{part}").raise_for_status().content


@contextlib.contextmanager
def serve(place: Path, **settings: Any) -> Iterator[Server]:
    """A server on a free port, with a user of its own who is signed in."""
    port = free_port()
    subprocess.run(
        [sys.executable, "main.py", "add-user", f"ann-{port}"],
        cwd=place,
        env=environment(**settings),
        input=PASSWORD.encode(),
        check=True,
    )
    with start([], place, "server.log", PORT=port, **settings) as process:
        server = Server(process, place, port)
        wait_until(server.answers, "the server answers")
        server.sign_in()
        yield server
        server.client.close()
