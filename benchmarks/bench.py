"""How fast the app is, against what FastAPI allows and what a textbook shows.

    python benchmarks/bench.py [--rounds 5] [--seconds 4] [--only speed,latency] [--records N]

Starts every server itself, loads them in turns with wrk, and prints medians and targets.
Reading order: limit.py, textbook.py, servers.py, load.py, then a measurement: speed.py.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from batch import batch, health
from figures import Findings, Options
from footprint import memory, start
from history import history
from load import wrk_command
from report import report
from servers import HERE
from speed import latency, speed
from workers import workers

MEASUREMENTS = {
    "speed": speed, "latency": latency, "batch": batch, "health": health,
    "workers": workers, "start": start, "memory": memory, "history": history,
}  # fmt: skip


def chosen(names: str) -> list[str]:
    found = names.split(",")
    if unknown := set(found) - set(MEASUREMENTS):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not in {','.join(MEASUREMENTS)}")
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the app, alternating with others.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each load in each round")
    parser.add_argument("--records", type=int, default=1_000_000, help="in the long history")
    parser.add_argument("--only", type=chosen, default=list(MEASUREMENTS), metavar="speed,batch")
    return parser.parse_args()


def main() -> int:
    asked, all_found = arguments(), Findings([], [])
    wrk_command()
    for name in asked.only:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        # Beside this file, not in /tmp: where that is memory, nothing waits for a disk.
        with tempfile.TemporaryDirectory(prefix=".run-", dir=HERE) as folder:
            options = Options(asked.rounds, asked.seconds, asked.records, Path(folder))
            found = MEASUREMENTS[name](options)
        all_found.rows.extend(found.rows)
        all_found.targets.extend(found.targets)
    print(report(*all_found))
    return 0 if all(target.met for target in all_found.targets) else 1


if __name__ == "__main__":
    sys.exit(main())
