"""What happens besides answers: output, log records, files and sockets touched, in order."""

from __future__ import annotations

import io
import logging
import os
import random
import re
import sys
import time
import uuid
from types import FrameType

WATCHED = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "sqlite3.connect", "socket.connect",
    "subprocess.Popen", "os.putenv", "os.chdir", "shutil.rmtree", "shutil.copyfile",
}  # fmt: skip


class Recorder:
    """What happens besides responses, in order; `phase` says when."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.phase = "import"
        self.events: list[list[str]] = []
        self.active = True

    def add(self, kind: str, text: str) -> None:
        if self.active:
            self.events.append([self.phase, kind, self.plain(text)])

    def plain(self, text: object) -> str:
        """Text without what differs between two runs of the same code."""
        plain = str(text).replace(self.root, "<root>")
        return re.sub(r"\bat 0x[0-9a-f]+", "at 0x", plain)

    def audit(self, event: str, args: tuple[object, ...]) -> None:
        if not self.active or (event != "open" and event not in WATCHED):
            return
        if importing_others(self.root):
            return
        if event == "open":
            self._opened(args)
        elif event in WATCHED and "__pycache__" not in str(args):
            self.add("effect", f"{event} {[a for a in args if not hasattr(a, 'fileno')]}")

    def _opened(self, args: tuple[object, ...]) -> None:
        path, mode = args[0], args[1] if len(args) > 1 else ""
        if not isinstance(path, str) or path.endswith((".py", ".pyc", ".so", "/null")):
            return
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if writes or os.path.abspath(path).startswith(self.root):
            self.add("effect", f"open {path} {mode}")

    def install(self) -> None:
        """Start recording output, log records and side effects."""
        sys.addaudithook(self.audit)
        handle = logging.Logger.handle

        def recorded(logger: logging.Logger, record: logging.LogRecord) -> None:
            if not record.name.startswith(("uvicorn", "asyncio", "httpx", "httpcore")):
                self.add("log", f"{record.levelname} {record.name} {record.getMessage()}")
            handle(logger, record)

        logging.Logger.handle = recorded  # type: ignore
        sys.stdout = Tee(self)


def importing_others(root: str) -> bool:
    """Is this the work of an import of somebody else's module, and not of the app's own code?"""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(root):
            return False
        if file.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Tee(io.TextIOBase):
    """A standard output that is written down line by line."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            self.recorder.add("output", line)
        return len(text)


class Clock:
    """Lets a second pass between requests, so that rate limits do not depend on our speed."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.real = time.time

    def time(self) -> float:
        return self.real() + self.ahead


def repeatable(clock: Clock) -> None:
    """Make chance and the clock as repeatable as they can be without changing what they mean."""
    random.seed(0)
    numbers = random.Random(0)  # noqa: S311 - repeatable on purpose  # nosec B311
    uuid.uuid4 = lambda: uuid.UUID(int=numbers.getrandbits(128), version=4)
    time.time = clock.time
