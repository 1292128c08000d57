"""Asks the zygote (see zygote.py) what would be asked of a fresh interpreter.

Usage: python warm.py SOCKET ARGUMENTS   (what `python ARGUMENTS` does)
"""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket  # of what socket.py is made: in no time
from array import array

PYTHON = "warm-python"  # on the PATH of the tests: a command like `python`


def ask(
    arguments: list[str],
    files: tuple[int, int, int] = (0, 1, 2),
    *,
    address: str | None = None,
    cwd: str | None = None,
    timeout: float | None = None,
) -> int:
    """The exit status of `python ARGUMENTS`, with `files` as its standard streams.

    Raises TimeoutError, and ends what was asked, after `timeout` seconds.
    """
    question = {
        "arguments": arguments, "cwd": cwd or os.getcwd(), "environment": dict(os.environ),
    }  # fmt: skip
    connection = socket(AF_UNIX)
    try:
        connection.connect(address or os.environ["WARM_SOCKET"])
        rights = (SOL_SOCKET, SCM_RIGHTS, array("i", files))
        connection.sendmsg([repr(question).encode()], [rights])
        connection.settimeout(timeout)
        return int(connection.recv(100) or 1)
    finally:
        connection.close()


if __name__ == "__main__":
    os._exit(ask(sys.argv[2:], address=sys.argv[1]) % 256)
