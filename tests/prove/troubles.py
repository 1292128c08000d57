"""What can befall a database while the app serves from it; each lasts as long as its block."""

import contextlib
import resource
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from common import group_of, worker_of
from postgres import Cluster
from records import Records, sqlite
from server import Server


@dataclass
class Place:
    """A database and the app on it."""

    server: Server
    database_url: str
    file: Path  # of SQLite
    cluster: Cluster | None = None
    broken: str = ""  # why the promise does not hold here
    records: Records = field(default_factory=Records)


Fault = Callable[[Place], contextlib.AbstractContextManager[None]]


# ── Faults of a file ──────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def disk_full(place: Place) -> Iterator[None]:
    """Full, and at once full again when SQLite deletes its log, as the last to close it does."""
    ballast, over = place.file.parent / "ballast", threading.Event()
    with open(ballast, "wb", buffering=0) as file:

        def fill() -> None:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))

        def keep_full() -> None:
            while not over.wait(0.001):  # between two tries
                fill()

        fill()
        thread = threading.Thread(target=keep_full)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            ballast.unlink()


@contextlib.contextmanager
def no_write_succeeds(place: Place) -> Iterator[None]:
    """EFBIG for every write to a file: the kernel's answer over RLIMIT_FSIZE, here 0."""
    processes = group_of(place.server.process.pid)
    for process in processes:
        process.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in group_of(place.server.process.pid):  # there may be others by now
            process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


@contextlib.contextmanager
def locked(place: Place) -> Iterator[None]:
    """Another client writes, and takes its time."""
    with contextlib.closing(sqlite.connect(place.file, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextlib.contextmanager
def read_only(place: Place) -> Iterator[None]:
    """Nobody may write the files, and a new worker opens them."""
    folder, files = place.file.parent, list(place.file.parent.glob("history.db*"))
    for path in files:
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        if worker := worker_of(psutil.Process(place.server.process.pid)):
            worker.kill()
        yield
    finally:
        folder.chmod(0o755)
        for path in files:
            path.chmod(0o644)


def parts(file: Path) -> list[Path]:
    """The file and those that SQLite keeps beside it."""
    return [path for end in ("", "-wal", "-shm") if (path := Path(f"{file}{end}")).exists()]


@contextlib.contextmanager
def moved_away(place: Place) -> Iterator[None]:
    with tempfile.TemporaryDirectory(dir=place.file.parent) as aside:
        moved = parts(place.file)
        for path in moved:
            path.rename(Path(aside) / path.name)
        try:
            yield
        finally:
            for path in parts(place.file):
                path.unlink()  # an empty one that somebody opened meanwhile
            for path in moved:
                (Path(aside) / path.name).rename(path)


@contextlib.contextmanager
def copied_and_deleted(place: Place) -> Iterator[Path]:
    """A copy of all that is committed; nobody commits between the copy and the deletion."""
    copy = place.file.parent / "copy.db"
    with contextlib.closing(sqlite.connect(place.file, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute("BEGIN IMMEDIATE")
        reader, target = sqlite.connect(place.file), sqlite.connect(copy)
        with contextlib.closing(reader), contextlib.closing(target):
            reader.backup(target)
        for path in parts(place.file):
            path.unlink()
        yield copy


@contextlib.contextmanager
def deleted_then_restored(place: Place) -> Iterator[None]:
    with copied_and_deleted(place) as copy:
        pass
    try:
        yield
    finally:
        for path in parts(place.file):
            path.unlink()
        copy.rename(place.file)


@contextlib.contextmanager
def replaced(place: Place) -> Iterator[None]:
    """Another file under its name, with the same records, before anybody could notice."""
    with copied_and_deleted(place) as copy:
        copy.rename(place.file)
    yield


# ── Faults of PostgreSQL ──────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def stopped(place: Place) -> Iterator[None]:
    assert place.cluster
    place.cluster.stop()
    try:
        yield
    finally:
        place.cluster.start()


@contextlib.contextmanager
def frozen(place: Place) -> Iterator[None]:
    """It accepts connections, and answers nothing."""
    assert place.cluster
    place.cluster.send(signal.SIGSTOP)
    try:
        yield
    finally:
        place.cluster.send(signal.SIGCONT)


OF_FILES: dict[str, Fault] = {
    "the disk is full": disk_full,
    "no write succeeds": no_write_succeeds,
    "another client holds the lock": locked,
    "the file is read-only": read_only,
    "the file is moved away": moved_away,
    "the file is deleted, then restored": deleted_then_restored,
    "the file is replaced by a copy": replaced,
}
OF_POSTGRES: dict[str, Fault] = {"PostgreSQL is stopped": stopped, "PostgreSQL is frozen": frozen}
