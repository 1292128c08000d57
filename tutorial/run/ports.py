"""Ports of the page against ports of this run: 8000 to 8009 stand for ten that are free.

So several chapters can run at once, beside whatever uses port 8000 here.
"""

import random
import re
import socket
from dataclasses import dataclass

PAGE = re.compile(r"(?<=[:= ])800(\d)(?!\d)")  # after a host, --port or PORT=


def free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Ports:
    first: int

    def inward(self, text: str) -> str:
        """The page's text with this run's ports."""
        return PAGE.sub(lambda found: str(self.first + int(found[1])), text)

    def outward(self, text: str) -> str:
        """This run's text with the page's ports."""
        run = re.compile(rf"(?<!\d){self.first // 10}(\d)(?!\d)")
        return run.sub(lambda found: f"800{found[1]}", text)


def ten_free() -> Ports:
    """Below the ports that systems give to clients."""
    starts = random.sample(range(15000, 32000, 10), 200)
    return Ports(next(s for s in starts if all(map(free, range(s, s + 10)))))
