"""Asks the zygote (see zygote.py) what would be asked of a fresh interpreter.

Usage: python warm.py SOCKET ARGUMENTS   (what `python ARGUMENTS` does)
"""

from __future__ import annotations

import json
import os
import socket
import sys

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
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address or os.environ["WARM_SOCKET"])
        socket.send_fds(connection, [json.dumps(question).encode()], files)
        connection.settimeout(timeout)
        return int(connection.recv(100) or 1)


if __name__ == "__main__":
    os._exit(ask(sys.argv[2:], address=sys.argv[1]) % 256)
