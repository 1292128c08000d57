"""Is a grown app as fast as the file it was? Requests per second of both, in turns.

    python benchmarks/grown.py [MAIN] [--rounds 9] [--seconds 2] [--get /health/live]

fastapi_grow writes the grown app to a temporary directory; uvicorn serves both versions with the
same options, each on a database of its own, and wrk loads now one, now the other with what that app
is for: classify, predict, list one's jobs. The figure is the median over the rounds of grown /
single file, each ratio within one round. A miss is measured again, twice: the machine may be busy.

`--get` asks for something else. For the cheapest paths it is FastAPI itself that takes time, and
since 0.137 it looks for a route of an included router twice: some 12 µs, whatever grew the app.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
from load import Load, load
from servers import FLOWER, HERE, UVICORN, WITHIN, Server, first_answer, free_port

SLOWER = 0.95  # the least the grown app may reach
TRIES = 3
JOBS = "/api/v1/jobs"
PATHS = {
    "main.py": "/model/classify",
    "examples/digits/main.py": "/predict/",
    "examples/jobs/main.py": JOBS,
}
BODIES = {"/model/classify": FLOWER, "/predict/": {"path_to_img": "test_images/0.png"}}
USER, PASSWORD = "ann", "correct horse"


class Pair(NamedTuple):
    """The same app twice: as one file, and grown."""

    single: Server
    grown: Server


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("main", nargs="?", type=Path, default=HERE.parent / "main.py")
    parser.add_argument("--get", metavar="PATH", help="ask for this instead")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2, help="of each load in each round")
    parser.add_argument("--connections", type=int, default=16)
    return parser.parse_args()


def grow(main: Path, into: Path) -> Path:
    command = [sys.executable, "-m", "fastapi_grow", "small", str(main), "--into", str(into)]
    options = ["--no-tests", "--requests", "20"]
    subprocess.run(  # noqa: S603
        [*command, *options], check=True, cwd=main.parent, stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip
    return into / main.name


@contextlib.contextmanager
def serving(name: str, main: Path, folder: Path, path: str) -> Iterator[Server]:
    """uvicorn with an app on data of its own; it has answered once when the block begins."""
    port, log = free_port(), folder / f"{name}.log"
    served = ["-m", "uvicorn", f"{main.stem}:app", "--port", str(port), *UVICORN.split()]
    settings = os.environ | {
        "DATABASE_URL": f"sqlite:///{folder}/{name}.db", "STORAGE_URL": f"{folder}/{name}",
        "SECRET_KEY": "of this measurement, and of nothing else",
    }  # fmt: skip
    if path == JOBS:
        add = [sys.executable, main.name, "add-user", USER]
        subprocess.run(add, cwd=main.parent, env=settings, input=PASSWORD.encode(), check=True)  # noqa: S603
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *served], cwd=main.parent, env=settings, stdout=output, stderr=output
        )
    server = Server(name, port, folder / f"{name}.db", process)
    try:
        first_answer(server, "/openapi.json", log)
        yield server
    finally:
        process.terminate()
        process.wait(WITHIN)


def sign_in(server: Server) -> str:
    form = {"username": USER, "password": PASSWORD}
    answer = httpx.post(f"http://127.0.0.1:{server.port}/api/v1/token", data=form)
    return f"Bearer {answer.raise_for_status().json()['access_token']}"


Loads = list[list[Load]]


def measure(pair: Pair, path: str, asked: argparse.Namespace, body: Path | None) -> Loads:
    """The loads of both servers, round by round; who begins changes with every round."""
    found = []
    for number in range(asked.rounds + 1):
        turn = pair if number % 2 else pair[::-1]
        loads = {s.name: load(s, path, asked.connections, asked.seconds, body) for s in turn}
        found.append([loads[server.name] for server in pair])
    return found[1:]  # the first round warms both up


def report(path: str, found: Loads) -> float:
    """The ratio of the rates, and a line about it."""
    rate = statistics.median(after.rate / before.rate for before, after in found)
    cpu = statistics.median(after.cpu / before.cpu for before, after in found)
    single, grown = (statistics.median(round[i].rate for round in found) for i in (0, 1))
    print(f"{path}: {single:.0f} requests/s in one file, {grown:.0f} grown")
    print(f"grown / one file: requests/s {rate:.3f}, processor time {cpu:.3f}", flush=True)
    return rate


def main() -> int:
    asked = arguments()
    main = asked.main.resolve()
    name = main.relative_to(HERE.parent).as_posix() if main.is_relative_to(HERE.parent) else ""
    path = asked.get or PATHS.get(name, "/")
    with tempfile.TemporaryDirectory(prefix=".run-", dir=HERE) as temporary:
        folder = Path(temporary)
        body = folder / "body.json" if path in BODIES else None
        if body:
            body.write_text(json.dumps(BODIES[path]))
        new = grow(main, folder / "grown")
        with (
            serving("single", main, folder, path) as single,
            serving("grown", new, folder, path) as grown,
        ):
            if path == JOBS:
                os.environ["AUTHORIZATION"] = sign_in(single)
            pair = Pair(single, grown)
            rates = (report(path, measure(pair, path, asked, body)) for _ in range(TRIES))
            return 0 if any(rate >= SLOWER for rate in rates) else 1


if __name__ == "__main__":
    sys.exit(main())
