"""Measures the app: how much two workers bring, what it costs over plain Python, what it holds.

    python bench.py                              embedded default: SQLite, a folder, a folder
    BROKER_URL=... DATABASE_URL=... python bench.py --rows 1000000 --rounds 3

Every worker is one process (`--concurrency 1`), started before the clock. The plain way is one
process that reads the same rows with csv, asks scikit-learn in batches of as many rows as a chunk
has, and writes the same columns with csv. Rounds alternate; figures are medians of their ratios.
Memory is what a process and its children hold at the most (PSS, /proc), read 5 times a second.
"""

import argparse
import contextlib
import csv
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from processes import Server, folder, serve, wait_until, worker

NAMES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
PLAIN = """
import csv, itertools, sys
import joblib, numpy as np
estimator = joblib.load("model.pkl")
with open(sys.argv[1], newline="") as rows, open(sys.argv[2], "w", newline="") as result:
    reader, writer = csv.reader(rows), csv.writer(result, lineterminator="\\n")
    header = next(reader)
    columns = [header.index(name) for name in {names}]
    added = [f"probability_{{name}}" for name in estimator.classes_]
    writer.writerow([*header, "species", *added])
    while batch := list(itertools.islice(reader, 10_000)):
        X = np.array([[float(row[column]) for column in columns] for row in batch])
        found = estimator.predict_proba(X)
        species = estimator.classes_[found.argmax(1)].tolist()
        for row, name, p in zip(batch, species, found.tolist()):
            writer.writerow([*row, name, *(f"{{x:.6g}}" for x in p)])
"""


def write_flowers(path: Path, rows: int) -> None:
    rng = random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *NAMES])
        for number in range(rows):
            writer.writerow([number, *(round(rng.uniform(0.1, 8), 1) for _ in NAMES)])


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(grandchild for child in found for grandchild in children(int(child)))]


def held(pid: int) -> int:
    """Bytes that a process and its children hold, each shared page counted once."""
    total = 0
    for each in children(pid):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
            total += int(text.partition("\nPss:")[2].split()[0]) * 1024
    return total


@contextlib.contextmanager
def watched(pids: dict[str, int]) -> Iterator[dict[str, int]]:
    """The most that each held while this lasted."""
    peaks, done = dict.fromkeys(pids, 0), threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            for name, pid in pids.items():
                with contextlib.suppress(OSError):
                    peaks[name] = max(peaks[name], held(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def plainly(place: Path, flowers: Path) -> float:
    """Seconds of the plain way, its start and imports taken off."""
    program = place / "plain.py"
    program.write_text(PLAIN.format(names=NAMES))
    seconds = []
    for rows in (place / "none.csv", flowers):
        if rows.name == "none.csv":
            rows.write_text(",".join(NAMES) + "\n")
        begin = time.perf_counter()
        command = [sys.executable, str(program), str(rows), str(place / "plain-result.csv")]
        subprocess.run(command, cwd=place, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        seconds.append(time.perf_counter() - begin)
    return seconds[1] - seconds[0]


def end_to_end(server: Server, flowers: Path) -> tuple[float, float]:
    """Seconds from the first byte sent to the job done, and those of the upload alone."""
    begin = time.perf_counter()
    with flowers.open("rb") as file:
        job = server.send(file)
    sent = time.perf_counter()
    found = server.wait(job, 3600)
    end = time.perf_counter()
    if found["state"] != "done":
        raise RuntimeError(found["error"])
    server.client.delete(job)
    return end - begin, sent - begin


def measure(place: Path, settings: dict[str, str], files: list[Path], rounds: int) -> None:
    small, large = files
    rows = sum(1 for _ in large.open("rb")) - 1
    found: dict[str, list[float]] = {"one": [], "two": [], "plain": [], "upload": []}
    embedded = "BROKER_URL" not in settings
    with serve(place, **settings) as server, contextlib.ExitStack() as stack:
        first = None if embedded else stack.enter_context(worker(place, **settings))
        pids = {"server": server.process.pid}
        if first:
            pids["worker"] = first.pid
        wait_until(lambda: server.client.get("/health").is_success, "a worker answers")
        peaks = {}
        with watched(pids) as peaks[small.name]:
            end_to_end(server, small)
        for _ in range(rounds):
            found["plain"].append(plainly(place, large))
            with watched(pids) as peaks[large.name]:
                seconds, upload = end_to_end(server, large)
            found["one"].append(seconds)
            found["upload"].append(upload)
            if not embedded:
                with worker(place, log="2.log", **settings):
                    both = lambda: server.client.get("/health").json().get("workers") == 2  # noqa: E731
                    wait_until(both, "both workers answer")
                    found["two"].append(end_to_end(server, large)[0])
            print({name: round(seconds[-1], 2) for name, seconds in found.items() if seconds})
    report(rows, found, peaks, [file.name for file in files])


def ratio(over: list[float], under: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def report(
    rows: int, found: dict[str, list[float]], peaks: dict[str, dict[str, int]], files: list[str]
) -> None:
    print(f"{rows:,} rows; medians of {len(found['one'])} rounds")
    for name, seconds in found.items():
        if seconds:
            middle = statistics.median(seconds)
            print(f"{name:8} {middle:8.2f} s {rows / middle:10,.0f} rows/s")
    if found["two"]:
        print(f"two workers against one: {ratio(found['one'], found['two']):.2f} x")
        print(f"two workers against the plain way: {ratio(found['plain'], found['two']):.2f} x")
    print(f"one worker against the plain way: {ratio(found['plain'], found['one']):.2f} x")
    for name in peaks[files[0]]:
        small, large = (peaks[file][name] / 1024**2 for file in files)
        print(f"memory of the {name}: {small:.0f} MiB for {files[0]}, {large:.0f} for {files[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    kept = ("BROKER_URL", "DATABASE_URL", "STORAGE_URL", "SECRET_KEY")
    settings = {name: os.environ[name] for name in kept if name in os.environ}
    with folder() as place:
        files = []
        for rows in (options.rows // 10, options.rows):
            files.append(place / f"{rows}-rows.csv")
            write_flowers(files[-1], rows)
        measure(place, settings, files, options.rounds)


if __name__ == "__main__":
    main()
