"""Servers that a page starts in a terminal of their own, and stops with ^C before it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shell import Shell

DEADLINE = 60  # seconds to start, to print, to end


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    log: Path
    read: int = 0  # bytes of the log that were compared with the page

    def printed(self) -> str:
        return self.log.read_bytes()[self.read :].decode(errors="replace")

    def alive(self) -> bool:
        return self.process.poll() is None


class Failed(Exception):
    """A server that did not start, answer, or end."""


def answers(url: str) -> bool:
    """Whether something answers at the url, be it an error; without http: whether one listens."""
    if "://" not in url:
        host, _, port = url.partition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  an http: of the page
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class Servers:
    """Those that a chapter has started, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, dict[str, Server]()

    def start(self, name: str, command: str, shell: Shell, ready: str) -> Server:
        """Start the command in the background and wait until the url `ready` answers."""
        if name in self.running and self.running[name].alive():
            raise Failed(f"the server {name!r} is still running: stop it first")
        if ready and answers(ready):
            raise Failed(f"something answers at {ready} already")
        program, environment = shell.program(command)
        log = self.folder / f"server-{name}.log"
        # Started in the background of a shell, the runner ignores ^C, and so would what it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603  the page's own command
                program,
                env=environment | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        server = self.running[name] = Server(process, log)
        deadline = time.monotonic() + DEADLINE
        while ready and not answers(ready):
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(0.1)  # also the pause between two questions
                raise Failed(f"the server ended with status {status}:\n{server.printed()}")
            if time.monotonic() > deadline:
                raise Failed(f"{ready} does not answer:\n{server.printed()}")
        return server

    def prints(self, name: str, agrees: Callable[[str], bool]) -> str:
        """What the server printed since the last time, once it agrees or two seconds are over.

        A server prints when it likes, so this waits for the text.
        """
        server = self.running[name]
        for _ in range(20):
            if agrees(server.printed()):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(0.1)
        printed = server.printed()
        server.read += len(printed.encode())
        return printed

    def stop(self, name: str, number: int = signal.SIGINT) -> None:
        """What ^C does: the signal to all that the command started, and wait for its end."""
        if name not in self.running:
            raise Failed(f"there is no server {name!r} to stop")
        server = self.running[name]
        if not server.alive():
            raise Failed(f"the server {name!r} has ended by itself:\n{server.printed()}")
        os.killpg(server.process.pid, number)
        try:
            server.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failed(f"the server {name!r} does not end") from None

    def alive(self) -> list[str]:
        return [name for name, server in self.running.items() if server.alive()]

    def end(self) -> None:
        """Kill what is left, be it the child of a server that is gone."""
        for server in self.running.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
