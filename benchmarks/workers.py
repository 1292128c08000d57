"""Four server processes on one history, against one: what sharing the file costs the slowest."""

import contextlib
import json
from collections import defaultdict

from figures import Findings, Options, Row, Target, check_recorded, median
from load import Load, load
from servers import FLOWER, running
from speed import PATH

COUNTS = (16, 64)  # connections


def workers(options: Options) -> Findings:
    body = options.folder / "flower.json"
    body.write_text(json.dumps(FLOWER))
    loads: dict[tuple[str, int], list[Load]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(n, options.folder)) for n in ("app", "workers")]
        answers = {s.name: 1 + load(s, PATH, 64, 2, body).requests for s in servers}
        for _ in range(options.rounds):
            for count in COUNTS:
                for server in servers:
                    found = load(server, PATH, count, options.seconds, body)
                    loads[server.name, count].append(found)
                    answers[server.name] += found.requests
        for server in servers:
            check_recorded(server, answers[server.name])
    medians = {key: median(found) for key, found in loads.items()}
    targets = []
    for count in COUNTS:
        one, four = medians["app", count].p99, medians["workers", count].p99
        figure = f"p99 of 4 server processes at {count} connections, against 1"
        because = f"{four * 1000:.1f} and {one * 1000:.1f} ms"
        targets.append(Target(figure, "≤", 2, four / one, "×", because))
    return Findings([Row(name, count, found) for (name, count), found in medians.items()], targets)
