"""10,000 flowers in one request: how fast, and whether the server answers others meanwhile."""

import statistics

from figures import BATCH, Findings, Options, Target, alone, batch_file, check_recorded
from load import begin, load, outcome, probe
from servers import running

PATH = "/model/classify/batch"
LIVE = "/health/live"


def batch(options: Options) -> Findings:
    body, ours, theirs, answers = batch_file(options.folder), [], [], 0
    with running("app", options.folder) as app:
        load(app, PATH, 1, 1, body)
        for _ in range(options.rounds):
            found = load(app, PATH, 1, options.seconds, body)
            answers += found.requests
            ours.append(BATCH / found.p50)
            parts = alone(app, options.folder)
            seconds = parts["predict_proba of the batch"] + parts["insert of the batch"]
            theirs.append(BATCH / seconds)
        check_recorded(app, answers * BATCH)
    rate, best = statistics.median(ours), statistics.median(theirs)
    because = f"{rate:,.0f} and {best:,.0f} rows/s"
    figure = "rows/s in batches of 10,000, against predict_proba + executemany"
    return Findings([], [Target(figure, "≥", 0.2, rate / best, "×", because)])


def health(options: Options) -> Findings:
    body, idle, busy = batch_file(options.folder), [], []
    with running("app", options.folder) as app:
        load(app, PATH, 1, 1, body)
        for _ in range(options.rounds):
            app.settle()
            idle.append(probe(app, LIVE, options.seconds))
            batches = begin(app, PATH, 1, options.seconds + 1, body)
            busy.append(probe(app, LIVE, options.seconds))
            outcome(app, batches)
    quiet, loaded = statistics.median(idle) * 1000, statistics.median(busy) * 1000
    because = f"{loaded:.1f} and {quiet:.1f} ms"
    figure = "p99 of /health/live while batches of 10,000 run, above idle"
    return Findings([], [Target(figure, "≤", 50, loaded - quiet, "ms", because)])
