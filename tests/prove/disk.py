"""What may be on a disk after a power loss: what was synced, and of the rest whatever chance wants.

A model stricter than any file system: of the writes since a file's last sync each 512-byte sector
may be there or not, in any combination, and so may each change of its size. A name that came or
went since the last sync of its folder may have stayed as it was. A sync saves only what was
written before it began.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from strace import Create, Delete, Event, Send, Sync, Truncate, Write

SECTOR = 512  # bytes: what a disk writes whole
Survives = Callable[[], bool]  # whether the next thing that was not synced is there


@dataclass(eq=False)  # a file is itself, whatever is in it
class File:
    safe: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)
    syncing: int = 0  # how many of these were written before the running sync began


def apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
    else:
        end = change.offset + len(change.data)
        content.extend(bytes(max(0, end - len(content))))
        content[change.offset : end] = change.data


def sectors(change: Write | Truncate) -> list[Write | Truncate]:
    """The change in pieces that a disk makes whole or not at all."""
    if isinstance(change, Truncate):
        return [change]
    path, offset, data = change
    edges = [0, *range(SECTOR - offset % SECTOR, len(data), SECTOR), len(data)]
    return [Write(path, offset + begin, data[begin:end]) for begin, end in pairwise(edges)]


class Disk:
    """The files in a folder whose names keep() accepts, event after event."""

    def __init__(self, folder: Path, keep: Callable[[str], bool]) -> None:
        self.folder, self.keep = str(folder), keep
        self.names: dict[str, list[File | None]] = {}  # since the folder's sync; None: no such file
        self.syncing: dict[str, int] = {}  # how many of these there were when its sync began
        self.written = 0  # bytes

    def follow(self, event: Event) -> None:
        if isinstance(event, Sync) and event.path == self.folder:
            return self.sync_names(event.ended)
        if isinstance(event, Send) or not self.is_ours(event.path):
            return None
        versions = self.names.setdefault(event.path, [None])
        file = versions[-1]
        if isinstance(event, Create):
            if file is None:
                versions.append(File())
        elif isinstance(event, Delete):
            versions.append(None)
        elif file is None:
            raise LookupError(f"{event.path} is written and was never created")
        elif isinstance(event, Sync):
            self.sync(file, event.ended)
        else:
            file.pending.append(event)
            self.written += len(getattr(event, "data", b""))
        return None

    def is_ours(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return folder == self.folder and self.keep(name)

    def sync(self, file: File, ended: bool) -> None:
        if not ended:
            file.syncing = len(file.pending)
            return
        for change in file.pending[: file.syncing]:
            apply(file.safe, change)
        del file.pending[: file.syncing]

    def sync_names(self, ended: bool) -> None:
        if not ended:
            self.syncing = {path: len(versions) for path, versions in self.names.items()}
            return
        for path, count in self.syncing.items():
            del self.names[path][: count - 1]

    def unsynced(self) -> list[str]:
        """The files that are there and would not survive as they are."""
        return [path for path, versions in self.names.items()
                if versions[-1] and (versions[-1].pending or versions[0] is None)]  # fmt: skip

    def lose_power(self, target: Path, survives: Survives) -> None:
        """Write into the folder target what the disk may hold if the power fails now."""
        for path, versions in self.names.items():
            file = versions[0]
            for later in versions[1:]:
                file = later if survives() else file
            if file is None:
                continue
            content = bytearray(file.safe)
            for change in file.pending:
                for piece in sectors(change):
                    if survives():
                        apply(content, piece)
            (target / Path(path).name).write_bytes(content)
