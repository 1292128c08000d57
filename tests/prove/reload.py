"""Reload under load: two models take turns, damaged files come between, and nobody notices.

Four server processes at 80 % of their capacity. POST /model/load swaps the model again and again;
after each swap it is given a damaged file, which it must refuse (409). Promised:

- no request fails
- every answer comes from the model that it names: its probabilities are those that scikit-learn,
  called here, gives with that file for the flower of that request
- every process has the new model within a second of the answer to the load: no answer to a request
  that was due later than that, and before the next load, names another (every twelfth swap leaves
  a second and a half for such requests). Connections to all four processes are used in turn

The short form is for machines that do other things, too: it begins anew, up to twice and with a
capacity measured anew, where requests were refused (503), and nothing else went wrong.
"""

import argparse
import json
import re
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, NamedTuple

import httpx
import joblib
import numpy as np
import psutil
from capacity import ONE, start, sustained
from common import (
    NAMES,
    Broken,
    Busy,
    app,
    calmly,
    memory_folder,
    options,
    promise,
    run,
    table,
    wait_for,
)
from openloop import Outcome, post
from server import Server
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

PROCESSES, WITHIN, SHARE = 4, 1, 0.8  # server processes, seconds, part of their capacity
SEGMENT = 5  # seconds of load, whose answers are then checked
# Fewer than one process has places: a pause of the machine must not become an overload.
CONNECTIONS = {"connections": 256, "ready": 256, "in_turn": True, "keep": True}
random = Random(0)
FLOWERS = [[round(random.uniform(0.1, 9), 1) for _ in NAMES] for _ in range(500)]
REQUESTS = [post(ONE, json.dumps(dict(zip(NAMES, row, strict=True))).encode()) for row in FLOWERS]


class Swap(NamedTuple):
    model: str  # the first 12 digits of the file's SHA-256
    asked: float  # on the clock of time.monotonic()
    done: float


@dataclass
class Totals:
    swaps: int = 0
    refused: int = 0  # damaged files
    answers: int = 0
    settled: int = 0  # answers that were due more than WITHIN after a swap
    stalest: float = 0  # seconds after a swap, of what was due last and still named the old model
    processes: set[int] = field(default_factory=set)  # that had connections


def proof(asked: argparse.Namespace) -> None:
    calmly(lambda: swaps_under_load(asked), 1 if asked.full else 3)


def swaps_under_load(asked: argparse.Namespace) -> None:
    wanted, totals = asked.swaps or (1000 if asked.full else 50), Totals()
    with (
        memory_folder() as folder,
        ProcessPoolExecutor(1) as pool,
        app(folder, PROCESSES, asked.source) as server,
    ):
        expected = write_models(folder)
        servers = wait_for(lambda: all_serving(server), f"{PROCESSES} processes serve")
        rate = SHARE * sustained(pool, server, REQUESTS, 15 if asked.full else 5)
        while totals.swaps < wanted:
            running = start(pool, server, REQUESTS, rate, SEGMENT, **CONNECTIONS)
            swaps = swap(server, running, wanted, totals, servers)
            check_answers(running.result(), expected, totals)
            check_swaps(running.result(), swaps, totals)
    used = f"{len(totals.processes)}"
    names = ["requests/s", "swaps", "damaged", "answers", "a second after", "stalest", "processes"]
    counts = [totals.swaps, totals.refused, totals.answers, totals.settled]
    cells = [f"{rate:.0f}", *map(str, counts), f"{totals.stalest * 1000:.0f} ms", used]
    print(table(["", "counted"], [list(line) for line in zip(names, cells, strict=True)]))
    promise(totals.settled, "no answer was due more than a second after a swap: nothing is shown")
    promise(len(totals.processes) == PROCESSES, f"only {used} of the processes had connections")


def write_models(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Two models and two damaged files; what scikit-learn answers, by model, for each flower."""
    X, y = load_iris(return_X_y=True)
    expected = {}
    for file, kind in (
        ("a.pkl", LinearDiscriminantAnalysis()),
        ("b.pkl", LogisticRegression(max_iter=1000)),
    ):
        model = kind.fit(X, [f"species {number}" for number in y])
        joblib.dump(model, folder / file)
        rows = model.predict_proba(np.array(FLOWERS)).tolist()
        expected[digest(folder / file)] = [dict(zip(model.classes_, p, strict=True)) for p in rows]
    whole = (folder / "a.pkl").read_bytes()
    (folder / "torn.pkl").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.pkl").write_bytes(b"")
    return expected


def digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:12]


def all_serving(server: Server) -> set[int]:
    """The process ids of the server processes, when all have begun."""
    pids = set(map(int, re.findall(r"Started server process \[(\d+)\]", server.log)))
    return pids if server.log.count("Application startup complete.") == PROCESSES else set()


def swap(
    server: Server, running: Future[Outcome], wanted: int, totals: Totals, servers: set[int]
) -> list[Swap]:
    """Swap until the load is over: in quick succession, and every twelfth time with a pause."""
    done: list[Swap] = []
    while not running.done() and totals.swaps < wanted:
        file, damaged = ("a.pkl", "torn.pkl") if totals.swaps % 2 else ("b.pkl", "empty.pkl")
        asked, status = monotonic(), ask_to_load(server, file)
        done.append(Swap(digest(server.folder / file), asked, monotonic()))
        words, fault = f"POST /model/load of {file} is answered", Busy if status == 503 else Broken
        promise(status == 200, f"{words} {status}", fault)
        status = ask_to_load(server, damaged)
        words, fault = f"that of {damaged} is answered", Busy if status == 503 else Broken
        promise(status == 409, f"{words} {status}, not 409", fault)
        totals.swaps, totals.refused = totals.swaps + 1, totals.refused + 1
        if totals.swaps % 12 == 1:
            wait([running], WITHIN + 0.5)
            totals.processes |= {pid for pid in servers if psutil.Process(pid).net_connections()}
    return done


def ask_to_load(server: Server, file: str) -> int:
    return httpx.post(f"{server.base_url}/model/load", json={"file": file}, timeout=30).status_code


def check_answers(
    found: Outcome, expected: dict[str, list[dict[str, float]]], totals: Totals
) -> None:
    others = sorted({status for status in found.status if status != 200})
    lost = f"{found.broken} cut off, {found.silent} unanswered"
    failed = f"{found.failed} requests failed: status {others or 'none'}, {lost}"
    promise(not found.failed, failed, Busy if found.only_refused else Broken)
    for number, body in found.kept:
        answer: dict[str, Any] = json.loads(body)
        if answer["model"] in expected:  # not so before the first swap
            right, given = expected[answer["model"]][number], answer["probabilities"]
            close = all(abs(given[name] - p) < 1e-9 for name, p in right.items())
            promise(close, f"{answer['model']} does not answer {given} for {FLOWERS[number]}")
    totals.answers += len(found.kept)


def check_swaps(found: Outcome, swaps: list[Swap], totals: Totals) -> None:
    models = [json.loads(body)["model"] for _, body in found.kept]
    ends = [later.asked for later in swaps[1:]] + [float("inf")]
    for one, end in zip(swaps, ends, strict=True):
        for due, late, model in zip(found.due, found.latency, models, strict=True):
            after = found.start + due - one.done
            if after > 0 and found.start + due + late < end:
                totals.settled += after > WITHIN
                if model != one.model:
                    totals.stalest = max(totals.stalest, after)
    behind = f"an answer named the old model {totals.stalest:.1f} s after it was replaced"
    promise(totals.stalest <= WITHIN, behind)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--swaps", type=int, help="50, or 1000 with --full")
    newest = "    if newest != classifier[:2]:\n"
    seldom = newest.replace("if ", "if datetime.now().second % 5 == 0 and ")
    keeps = [
        (
            "        classifier = found\n",
            "        classifier = found._replace(estimator=classifier.estimator)\n",
        )
    ]
    breaks = {"looks for a new model every five seconds": [(newest, seldom)]}
    run(proof, parser, breaks | {"names a model that it does not use": keeps})
