"""Fuzz: whatever is sent, the answer is one that the OpenAPI document allows, and never a 500.

    python tests/prove/fuzz.py [--full] [--broken] [--cases 100000] [--bodies 100000] [--minutes 10]

Three parts: schemathesis makes requests from the document, right and wrong ones, all its checks on;
every fault that JSON can have is put in every place of a body; and bodies are damaged at random.
What the answer to a body must be, jsonschema decides from the document, and scikit-learn.
"""

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import joblib
from common import NAMES, app, options, promise, run, table
from jsonschema import Draft202012Validator
from server import ROOT, Server

KEY = {"X-API-Key": "secret"}  # so that there is a lock for schemathesis to try
MARK = "a-word-that-no-answer-may-repeat"
FLOWER = dict(zip(NAMES, (5.1, 3.5, 1.4, 0.2), strict=True))
ONE, BATCH = "/model/classify", "/model/classify/batch"
PATHS = {ONE: FLOWER, BATCH: [FLOWER, FLOWER, FLOWER], "/model/load": {"file": "model.pkl"}}
VALUES = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "0", "-0.0", "-1", "5e-324"),
    *("100", "1e2", "100.00000000000001", "1E+2", "7", "01", ".5", "5.", "+1", "1_0", "0x1", ""),
    *("1" + "0" * 30, "9" * 5000, "null", "true", "[]", "{}", "[5.1]", '"5.1"', f'"{MARK}"'),
    *('"\\ud800"', '"\\u0000"', f'{{"unknown": "{MARK}"}}', "[" * 20_000, "[" * 900 + "]" * 900),
]
NAMED = [*NAMES, "file", "sepallengthcm", "", " ", "\\ud800", "\\u0000", "__class__", "é" * 999]
BYTES = [b"", b"\x00", b"\x80", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf"]
BYTES += [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"//", b"\n", b"1", b"e9", b"-"]
BREAKS = {
    "is not strict": [('strict=True, extra="forbid")  # "5.1" is no number', 'extra="forbid")')],
    "lists every fault": [("error.errors()[:10]]", "error.errors()]")],
    "repeats the input": [('"msg": fault["msg"],', '"msg": fault["msg"], "in": fault["input"],')],
    "turns a flower round": [("[tuple(features.__dict__.values())]",
                              "[tuple(features.__dict__.values())[::-1]]")],
    "does not tell what it allows": [("error.detail, error.headers)", "error.detail)")],
}  # fmt: skip
Body = tuple[str, bytes]  # where to, and what


# ── schemathesis ─────────────────────────────────────────────────────────────────────────────────
def schemathesis(base_url: str, examples: int, seed: int) -> tuple[int, list[str]]:
    """How many cases one run has made, and what it has found."""
    with tempfile.TemporaryDirectory() as name:
        command = ["st", "run", f"{base_url}/openapi.json", "--checks", "all", "--no-color"]
        command += ["--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"]
        command += ["--header", f"X-API-Key:{KEY['X-API-Key']}", "--generation-database", "none"]
        command += ["--report", "json", "--report-json-path", "found.json"]
        command[0] = str(Path(sys.executable).with_name("st"))
        done = subprocess.run(command, cwd=name, capture_output=True, text=True)
        if not (report := Path(name) / "found.json").exists():
            raise SystemExit(f"schemathesis does not run:\n{done.stdout}{done.stderr}")
        found = json.loads(report.read_text())
    faults = [f"{fault['title']}: {', '.join(fault['operations'])}" for fault in found["failures"]]
    faults += [str(error) for error in found["errors"]]
    if done.returncode and not faults:
        faults = [done.stdout[-2000:]]
    return found["test_cases"]["generated"], faults


def generated(server: Server, asked: argparse.Namespace) -> tuple[int, list[str]]:
    """Runs side by side, each with a seed of its own, until there are cases enough."""
    until, total, faults, seed = time.monotonic() + asked.minutes * 60, 0, set[str](), asked.seed
    wanted = asked.cases or (100_000 if asked.full else 500)
    processes = os.cpu_count() or 1 if asked.full else 1
    examples = 300 if asked.full else 20
    with ThreadPoolExecutor(processes) as pool:
        while total < wanted and time.monotonic() < until and not faults:
            seeds = range(seed, seed + processes)
            for cases, found in pool.map(
                lambda seed: schemathesis(server.base_url, examples, seed), seeds
            ):
                total += cases
                faults.update(found)
            seed += processes
            print(
                f"{total:,} cases of schemathesis, {len(faults)} faults",
                file=sys.stderr,
                flush=True,
            )
    return total, sorted(faults)


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────
def listed() -> Iterator[Body]:
    """Each faulty value in the place of each value, each odd name in that of each name."""
    for path, right in PATHS.items():
        text = json.dumps(right)
        yield path, text.encode()
        yield path, json.dumps(text).encode()  # JSON within JSON
        for codec in ("utf-16", "utf-32", "utf-8-sig"):
            yield path, text.encode(codec)
        for value in VALUES:
            yield path, value.encode()
            yield path, f"[{text}, {value}]".encode()
            for part in NAMES if path != "/model/load" else ["file"]:
                old = json.dumps(FLOWER.get(part, "model.pkl"))
                yield path, text.replace(f'"{part}": {old}', f'"{part}": {value}').encode()
                yield path, text.replace(f'"{part}": {old}', f'"unknown": {value}', 1).encode()
        for name in NAMED:
            yield path, text.replace('"SepalWidthCm"', f'"{name}"', 1).encode()
            yield path, text.replace("{", f'{{"{name}": "{MARK}", ', 1).encode()
    yield BATCH, json.dumps([FLOWER] * 10_001).encode()
    yield BATCH, json.dumps([{}] * 10_000).encode()


def damaged(random: Random) -> Body:
    """A right body in which up to four things were put, taken away, repeated or moved."""
    path = random.choice(list(PATHS))
    body = json.dumps(PATHS[path]).encode()
    for _ in range(random.randint(1, 4)):
        start, length = random.randint(0, len(body)), random.choice([0, 1, 1, 3, 20])
        part = body[start : start + length]
        value = random.choice(VALUES).encode() if random.random() < 0.3 else random.choice(BYTES)
        new = random.choice([value, part + part, bytes([random.randrange(256)]), part[::-1]])
        body = body[:start] + new + body[start + length :]
    return path, body


def no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class Judge:
    """Says what the answer to a body must be, from the OpenAPI document and the model file."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.validators, self.documented = {}, {}
        for path in PATHS:
            operation = document["paths"][path]["post"]
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            whole = schema | {"components": document["components"]}
            self.validators[path] = Draft202012Validator(whole)
            self.documented[path] = {int(status) for status in operation["responses"]}
        self.estimator = joblib.load(ROOT / "model.pkl")
        self.answered: list[tuple[list[float], str]] = []

    def expected(self, path: str, body: bytes) -> set[int]:
        try:
            right = self.validators[path].is_valid(json.loads(body, parse_constant=no_number))
        except (ValueError, RecursionError):
            right = False
        if path == "/model/load":  # no body is the model file; a right name may be of no file
            return {200, 404} if right or not body else {422}
        return {200} if right else {422}

    def fault(self, path: str, body: bytes, status: int, kind: str, answer: bytes) -> str | None:
        """What is wrong with an answer, in the words that are counted."""
        if status not in self.documented[path]:
            return "a server error" if status >= 500 else f"the undocumented status {status}"
        if kind != "application/json" or MARK.encode() in answer:
            return "no JSON, or the input repeated"
        if status not in (expected := self.expected(path, body)):
            return f"{status} in place of {expected}"
        found = json.loads(answer)
        if status != 200 and (list(found) != ["detail"] or len(answer) > 4000):
            return "another form, or more than 4,000 bytes"
        if status == 422 and isinstance(found["detail"], list) and len(found["detail"]) > 10:
            return "more than ten faults"
        if status == 200 and path != "/model/load":
            rows = json.loads(body)
            pairs = zip(rows, found, strict=True) if path == BATCH else [(rows, found)]
            self.answered += [([row[name] for name in NAMES], a["species"]) for row, a in pairs]
        return None

    def wrongly_classified(self) -> int:
        rows, species = zip(*self.answered, strict=True)
        return int((self.estimator.predict(list(rows)) != list(species)).sum())


def exchange(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[Any, ...]:
    for again in (True, False):
        try:
            connection.request("POST", path, body, KEY | {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read()
        except (OSError, http.client.HTTPException):  # idle for 5 s, a connection may be closed
            connection.close()
            if not again:
                raise
    raise AssertionError


def send(server: Server, bodies: Iterator[Body], judge: Judge) -> tuple[int, Counter[str]]:
    """How many were sent, and the faults of the answers, each with an example."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=30)
    count, faults = 0, Counter[str]()
    with contextlib.closing(connection):
        for path, body in bodies:
            status, kind, answer = exchange(connection, path, body)
            fault = judge.fault(path, body, status, kind, answer)
            if fault and fault not in faults:
                print(f"{fault}: POST {path} {body[:200]!r}", file=sys.stderr)
            faults.update([fault] if fault else [])
            count += 1
    return count, faults


def proof(asked: argparse.Namespace) -> None:
    random = Random(asked.seed)
    with (
        tempfile.TemporaryDirectory() as name,
        app(Path(name), source=asked.source, API_KEY=KEY["X-API-Key"]) as server,
    ):
        judge = Judge(document(server))
        inserted, some = send(server, listed(), judge)
        bodies = (damaged(random) for _ in range(asked.bodies or (100_000 if asked.full else 3000)))
        sent, more = send(server, bodies, judge)
        wrong = judge.wrongly_classified()
        cases, others = generated(server, asked) if not some + more else (0, [])
        print("\n".join(others), file=sys.stderr)
        promise(server.process.poll() is None, f"the server ended:\n{server.log[-1000:]}")
    lines = [["every fault in every place", f"{inserted:,}", str(some.total())]]
    lines += [["damaged at random", f"{sent:,}", str(more.total())]]
    lines += [["classified, compared with scikit-learn", f"{len(judge.answered):,}", str(wrong)]]
    lines += [["made by schemathesis", f"{cases:,}", str(len(others))]]
    print(table(["requests", "cases", "faults"], lines))
    print(f"seed {asked.seed}", flush=True)
    found = [f"{count} answers with {fault}" for fault, count in (some + more).items()]
    found += [f"{wrong} wrong species"] if wrong else []
    promise(not found + others, "; ".join(found + others))


def document(server: Server) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/openapi.json")
        return dict(json.loads(connection.getresponse().read()))


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--cases", type=int, help="of schemathesis, at least: 500, or 100,000")
    parser.add_argument("--bodies", type=int, help="damaged at random: 3,000, or 100,000")
    parser.add_argument("--minutes", type=float, default=10, help="after which no run is begun")
    run(proof, parser, BREAKS)
