"""One flower a request, over and over: the app, the limit and the textbook, in turns."""

import contextlib
import json
import statistics
from collections import defaultdict

from figures import Findings, Options, Row, Target, alone, check_recorded, median
from load import Load, load
from servers import FLOWER, running

PATH = "/model/classify"
NAMES = ("limit", "app", "textbook")
Loads = dict[tuple[str, int], Load]


def in_turns(
    counts: tuple[int, ...], options: Options, names: tuple[str, ...] = NAMES
) -> tuple[Loads, dict[str, float]]:
    """The medians by server and number of connections; and those of the parts measured alone."""
    body = options.folder / "flower.json"
    body.write_text(json.dumps(FLOWER))
    loads: dict[tuple[str, int], list[Load]] = defaultdict(list)
    parts = []
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(name, options.folder)) for name in names]
        answers = {s.name: 1 + load(s, PATH, max(counts), 1, body).requests for s in servers}
        for _ in range(options.rounds):
            for count in counts:
                for server in servers:
                    found = load(server, PATH, count, options.seconds, body)
                    loads[server.name, count].append(found)
                    answers[server.name] += found.requests
            if 1 in counts:
                parts.append(alone(servers[names.index("app")], options.folder))
        for server in servers:
            if server.name != "limit":  # which records nothing
                check_recorded(server, answers[server.name])
    medians = {part: statistics.median(p[part] for p in parts) for part in (parts or [{}])[0]}
    return {key: median(found) for key, found in loads.items()}, medians


def rows(loads: Loads) -> list[Row]:
    return [Row(name, count, found) for (name, count), found in loads.items()]


def speed(options: Options) -> Findings:
    loads, _ = in_turns((64, 256), options)
    targets = []
    for other, at_least in (("limit", {64: 0.6, 256: 0.7}), ("textbook", {64: 8, 256: 8})):
        for count, target in at_least.items():
            ours, theirs = loads["app", count].rate, loads[other, count].rate
            figure = f"requests/s at {count} connections, against the {other}"
            because = f"{ours:,.0f} and {theirs:,.0f} requests/s"
            targets.append(Target(figure, "≥", target, ours / theirs, "×", because))
    app = loads["app", 64]
    because = f"{app.p99 * 1000:.1f} and {app.p50 * 1000:.1f} ms"
    figure = "p99 at 64 connections, against its own p50"
    targets.append(Target(figure, "≤", 2.5, app.p99 / app.p50, "×", because))
    return Findings(rows(loads), targets)


def latency(options: Options) -> Findings:
    loads, parts = in_turns((1,), options)
    ours, limit = loads["app", 1].p50, loads["limit", 1].p50
    predict, insert = parts["predict_proba"], parts["insert"]
    ms = [f"{seconds * 1000:.2f}" for seconds in (ours, limit, predict, insert)]
    because = "{} and {} + {} + {} ms".format(*ms)
    figure = "p50 at 1 connection, against limit + predict_proba + insert"
    found = Target(figure, "≤", 1.25, ours / (limit + predict + insert), "×", because)
    return Findings(rows(loads), [found])
