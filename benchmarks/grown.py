"""Is a grown app as fast as the file it was? Requests per second of both, in turns.

    python benchmarks/grown.py [MAIN] [--path /health/live] [--rounds 9] [--seconds 3]

fastapi_grow writes the grown app to a temporary directory; uvicorn serves both versions with the
same options, each on a database of its own, and wrk loads now one, now the other. The figure is the
median over the rounds of grown / single file, each ratio within one round.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from load import Load, load
from servers import HERE, UVICORN, WITHIN, Server, first_answer, free_port

SLOWER = 0.95  # the least the grown app may reach


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("main", nargs="?", type=Path, default=HERE.parent / "main.py")
    parser.add_argument("--path", default="/health/live", help="what to GET; a cheap one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3, help="of each load in each round")
    parser.add_argument("--connections", type=int, default=16)
    return parser.parse_args()


def grow(main: Path, into: Path) -> None:
    command = [sys.executable, "-m", "fastapi_grow", "small", str(main), "--into", str(into)]
    options = ["--no-tests", "--requests", "20"]
    subprocess.run([*command, *options], check=True, cwd=HERE.parent, stdout=subprocess.DEVNULL)  # noqa: S603


@contextlib.contextmanager
def serving(name: str, main: Path, folder: Path, path: str) -> Iterator[Server]:
    """uvicorn with an app; it has answered once when the block begins."""
    port, log = free_port(), folder / f"{name}.log"
    served = ["-m", "uvicorn", f"{main.stem}:app", "--port", str(port), *UVICORN.split()]
    settings = os.environ | {"DATABASE_URL": f"sqlite:///{folder}/{name}.db"}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *served], cwd=main.parent, env=settings, stdout=output, stderr=output
        )
    server = Server(name, port, folder / f"{name}.db", process)
    try:
        first_answer(server, path, log)
        yield server
    finally:
        process.terminate()
        process.wait(WITHIN)


def measure(one: Server, other: Server, asked: argparse.Namespace) -> list[tuple[Load, Load]]:
    """The loads of both servers, round by round; who begins changes with every round."""
    found = []
    for number in range(asked.rounds + 1):
        pair = (one, other) if number % 2 else (other, one)
        loads = {s.name: load(s, asked.path, asked.connections, asked.seconds) for s in pair}
        found.append((loads[one.name], loads[other.name]))
    return found[1:]  # the first round warms both up


def main() -> int:
    asked = arguments()
    main = asked.main.resolve()
    with tempfile.TemporaryDirectory(prefix=".run-", dir=HERE) as name:
        folder = Path(name)
        grow(main, folder / "grown")
        new = next((folder / "grown").rglob(main.name))
        with (
            serving("single", main, folder, asked.path) as one,
            serving("grown", new, folder, asked.path) as other,
        ):
            found = measure(one, other, asked)
    rate = statistics.median(after.rate / before.rate for before, after in found)
    cpu = statistics.median(after.cpu / before.cpu for before, after in found)
    rates = [statistics.median(load.rate for load in loads) for loads in zip(*found, strict=True)]
    print(f"GET {asked.path}: {rates[0]:.0f} requests/s in one file, {rates[1]:.0f} grown")
    print(f"grown / one file: requests/s {rate:.3f}, processor time a request {cpu:.3f}")
    return 0 if rate >= SLOWER else 1


if __name__ == "__main__":
    sys.exit(main())
