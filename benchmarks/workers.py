"""Four server processes on one history, against one: what sharing the file costs the slowest."""

from figures import Findings, Options, Target
from speed import in_turns, rows

COUNTS = (16, 64)  # connections


def workers(options: Options) -> Findings:
    loads, _ = in_turns(COUNTS, options, ("app", "workers"))
    targets = []
    for count in COUNTS:
        one, four = loads["app", count].p99, loads["workers", count].p99
        figure = f"p99 of 4 server processes at {count} connections, against 1"
        because = f"{four * 1000:.1f} and {one * 1000:.1f} ms"
        targets.append(Target(figure, "≤", 2, four / one, "×", because))
    return Findings(rows(loads), targets)
