"""A PostgreSQL cluster of the proof's own, to be stopped, frozen and killed. Never the machine's.

initdb refuses to run as root: there the cluster belongs to the user nobody.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
from common import wait_for
from server import free_port

OWNER: dict[str, Any] = {}
if os.getuid() == 0:
    OWNER = {"user": "nobody", "group": "nogroup", "extra_groups": []}
STOP, FREEZE, GO_ON = signal.SIGINT, signal.SIGSTOP, signal.SIGCONT


def binaries() -> Path:
    """The folder of initdb and postgres; Debian keeps it out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    if folders := sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        return folders[-1]
    raise SystemExit("there is no PostgreSQL here: apt-get install postgresql")


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.dsn = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.url = self.dsn.replace("postgresql:", "postgresql+psycopg:")
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, name: str, *words: str) -> list[str]:
        return [str(binaries() / name), "-D", str(self.folder / "data"), *words]

    def create(self) -> None:
        words = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"]
        command = self.command("initdb", *words, "--locale=C.UTF-8")
        made = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **OWNER
        )
        if made.returncode:
            raise SystemExit(f"initdb fails:\n{made.stdout.decode()}")

    def start(self) -> None:
        words = ["-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1"]
        with open(self.folder / "postgres.log", "ab") as log:
            command = self.command("postgres", *words)
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **OWNER
            )
        wait_for(self.answers, "PostgreSQL starts")

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn, connect_timeout=2).close()
            return True
        return False

    def everything(self) -> list[psutil.Process]:
        assert self.process
        postmaster = psutil.Process(self.process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def send(self, number: int) -> None:
        """Send a signal to all its processes at once."""
        for process in self.everything():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to every process, then wait: a new one refuses to start beside old ones."""
        assert self.process
        alive = self.everything()
        self.send(signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not any(map(alive_still, alive)), "the processes of PostgreSQL end")

    def stop(self) -> None:
        """What an administrator does: every connection is closed, then it ends."""
        assert self.process
        self.process.send_signal(STOP)
        self.process.wait()


def alive_still(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="prove-") as name:
        folder = Path(name)
        if OWNER:
            shutil.chown(folder, OWNER["user"], OWNER["group"])
        found = Cluster(folder)
        found.create()
        found.start()
        try:
            yield found
        finally:
            if found.process and found.process.poll() is None:
                found.send(GO_ON)
                found.kill()
