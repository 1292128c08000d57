"""What strace saw, as events in their order: writes to files, syncs, what went into sockets.

A system call that another process interrupts takes two lines: it begins in one ("unfinished") and
ends in the other ("resumed"). What is written may reach the disk, and what is sent the client, as
soon as the call begins; what is synced is safe only when the call has ended.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = ["openat", "pwrite64", "write", "writev", "sendto", "sendmsg", "ftruncate", "fsync"]
CALLS += ["fdatasync", "unlink", "unlinkat", "rename", "renameat", "renameat2"]
STRACE = ["strace", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "16777216", "-e", "signal=none"]
STRACE += ["-e", "trace=" + ",".join(CALLS)]
LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)", re.DOTALL)
RESULT = re.compile(r"\) += (-?\d+|\?)[^=]*$")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
NAMED = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>")


class Write(NamedTuple):
    path: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    path: str
    size: int


class Sync(NamedTuple):
    path: str  # of a file, or of a folder: then it is its names that are safe
    ended: bool


class Create(NamedTuple):
    path: str


class Delete(NamedTuple):
    path: str


class Send(NamedTuple):
    process: int
    socket: str
    data: bytes


Event = Write | Truncate | Sync | Create | Delete | Send


def plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def events(trace: Path) -> Iterator[Event]:
    """Every event of the file that `strace -o` wrote."""
    begun: dict[int, str] = {}  # the arguments of the call that a process is in
    with trace.open() as lines:
        for line in lines:
            if not (match := LINE.match(line)) or match[2] not in CALLS:
                continue  # the end of a process
            process, call, rest = int(match[1]), match[2], match[3]
            found = RESULT.search(rest)
            failed = found is not None and not found[1].isdigit()
            if "resumed>" in line[:60]:
                arguments = begun.pop(process)
                if call in ("fsync", "fdatasync") and not failed:
                    yield Sync(name(arguments), ended=True)
                continue
            if not found:
                begun[process] = rest
            if not failed:
                yield from began(process, call, rest)
            if found and not failed and call in ("fsync", "fdatasync"):
                yield Sync(name(rest), ended=True)


def name(arguments: str) -> str:
    """The path or socket behind the descriptor that the arguments begin with."""
    found = NAMED.match(arguments)
    assert found, arguments[:200]
    return plain(found[1]).decode() if found[1].startswith("\\x") else found[1]


def began(process: int, call: str, arguments: str) -> Iterator[Event]:
    """What the beginning of a call may already have done."""
    texts = [plain(text) for text in TEXT.findall(arguments)]
    if call == "openat":
        if "O_CREAT" in arguments:
            yield Create(texts[0].decode())
    elif call == "pwrite64":
        offset = re.search(r", (\d+)(?:\) += \d+| <unfinished \.\.\.>)\s*$", arguments)
        assert offset, arguments[-100:]
        yield Write(name(arguments), int(offset[1]), texts[0])
    elif call == "ftruncate":
        size = re.search(r">, (\d+)", arguments)
        assert size, arguments[-100:]
        yield Truncate(name(arguments), int(size[1]))
    elif call in ("fsync", "fdatasync"):
        yield Sync(name(arguments), ended=False)
    elif call in ("unlink", "unlinkat"):
        yield Delete(texts[0].decode())
    elif call.startswith("rename"):
        yield from (Delete(text.decode()) for text in texts)  # disk.py refuses it where it matters
    else:
        yield Send(process, name(arguments), b"".join(texts))
