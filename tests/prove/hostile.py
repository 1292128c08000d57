"""Hostile model files: none is used, none opens a way out of the folder, nobody else notices.

    python tests/prove/hostile.py [--full] [--broken] [--seed 0]

Names that lead elsewhere are tried on a server under strace, which tells every file that is opened.
Files that mean harm are loaded while clients classify: each is refused, the model in use stays, and
no other request fails. A pickle that runs code can do anything as the server's user: that is why
the README says so, and why .skops files are the way to take a model from somebody else.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import joblib
import numpy as np
import psutil
import pysqlite3.dbapi2 as sqlite
import skops.io
from common import NAMES, Clients, app, options, promise, run, table
from mischief import LATER, LOADING, ODD, TRIAL, Case, sample, written
from server import DEADLINE, ROOT, Server
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

FLOWER = dict(zip(NAMES, (5.1, 3.5, 1.4, 0.2), strict=True))
STRACE = ["strace", "-f", "-qq", "-y", "-e", "signal=none", "-e", "trace=open,openat,openat2,creat"]
OPENED = re.compile(r"= \d+<(.*)>$")
SYSTEM = (sys.prefix, sys.base_prefix, "/usr", "/lib", "/etc", "/proc", "/sys", "/dev/null")
BREAKS = {
    "follows a link out of the folder": [("not path.is_relative_to(FOLDER) or ", "")],
    "takes any name": [(r'max_length=99, pattern=r"^\w[\w .-]*\.(pkl|skops)$"', "min_length=1"),
                       ("not path.is_relative_to(FOLDER) or ", "")],
    "believes any probabilities": [('raise ValueError(f"predict_proba', 'str(f"predict_proba')],
    "has no trial": [("        found.probabilities(EXAMPLE)\n", "")],
}  # fmt: skip


# ── Names ────────────────────────────────────────────────────────────────────────────────────────
def traps(folder: Path, outside: Path) -> list[str]:
    """Put into the folder what leads out of it, or nowhere; the names to ask for."""
    (folder / "link.pkl").symlink_to(outside / "model.pkl")
    (folder / "folder-link.pkl").symlink_to(outside)
    (folder / "away").symlink_to(outside)
    (folder / "relative.pkl").symlink_to(f"../{outside.name}/model.pkl")
    (folder / "chain.pkl").symlink_to("link.pkl")
    (folder / "loop.pkl").symlink_to("loop.pkl")
    (folder / "zero.pkl").symlink_to("/dev/zero")
    (folder / "input.pkl").symlink_to("/proc/self/fd/0")
    (folder / "nowhere.pkl").symlink_to("nowhere")
    (folder / "folder.pkl").mkdir()
    os.mkfifo(folder / "pipe.pkl")
    with contextlib.suppress(PermissionError):  # for root only
        os.mknod(folder / "device.pkl", 0o020666, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.pkl"))
    inside = sorted(path.name for path in folder.iterdir() if path.suffix == ".pkl")
    far = str(outside / "model.pkl")
    names = [far, f"../{outside.name}/model.pkl", f"./../{outside.name}/model.pkl", f"/{far}"]
    names += ["away/model.pkl", "./model.pkl", f"file://{far}", far.replace("/", "\\")]
    names += [far.replace("/", "%2f"), f"model.pkl\0{far}", f"{far}\0.pkl", "model.pkl\n", "\0.pkl"]
    names += ["..", ".", "", "..pkl", ".pkl", "~/model.pkl", "C:\\model.pkl", "\\\\host\\model.pkl"]
    names += [f"\u2025/{outside.name}/model.pkl", far.replace("/", "\uff0f"), "é" * 96 + ".pkl"]
    names += [
        "\U0001d4d0" * 96 + ".pkl",
        "m" * 5000 + ".pkl",
        f"{far}.pkl",
        "model.pkl/",
        "CON.pkl",
    ]
    return [name for name in inside if name != "model.pkl"] + names


def opened(trace: Path, since: int = 0) -> list[str]:
    """The real paths of the files that were opened, from a byte of the trace on."""
    text = trace.read_bytes()[since:].decode(errors="replace")
    return [found[1] for line in text.splitlines() if (found := OPENED.search(line))]


def activate(database: Path, file: str) -> None:
    """What somebody who can write to the database can say: that another file is in use."""
    with contextlib.closing(sqlite.connect(database, isolation_level=None)) as connection:
        newest = "SELECT * FROM activations ORDER BY id DESC LIMIT 1"
        connection.execute(f"CREATE TEMP TABLE chosen AS {newest}")
        connection.execute("UPDATE chosen SET id = id + 1, file = ?", (file,))
        connection.execute("INSERT INTO activations SELECT * FROM chosen")


def escapes(asked: argparse.Namespace) -> list[list[str]]:
    """No name opens a file that is not in the model folder."""
    with tempfile.TemporaryDirectory() as name:
        folder, outside = Path(name).resolve() / "models", Path(name).resolve() / "outside"
        for each in (folder, outside):
            each.mkdir()
            shutil.copy(ROOT / "model.pkl", each)
        names, trace, found = traps(folder, outside), outside / "trace", list[str]()
        under = [*STRACE, "-o", str(trace)]
        with app(folder, source=asked.source, under=under) as server:
            began, client = trace.stat().st_size, httpx.Client(base_url=server.base_url, timeout=30)
            for file in names:
                answer = client.post("/model/load", json={"file": file})
                if answer.status_code not in (404, 422):
                    found.append(f"{file[:60]!r} gives {answer.status_code} {answer.text[:200]}")
            for file in names:
                if "\0" not in file and file[:2] != "./" and file != "model.pkl/":  # else: inside
                    activate(folder / "history.db", file)
                    answer = client.post("/model/classify", json=FLOWER)
                    if answer.status_code != 503:
                        found.append(f"{file[:60]!r} activated: {answer.status_code}")
            listed = client.get("/model").json()["files"]
            promise(listed == ["model.pkl"], f"GET /model offers {listed}")
            loads(client, "model.pkl", 200)
            paths = opened(trace, began)
            [traced] = psutil.Process(server.process.pid).children()
            traced.terminate()
            server.process.wait(DEADLINE)  # strace ends when what it traced has ended
    promise(str(folder / "model.pkl") in paths, "strace did not even see model.pkl opened")
    allowed = (str(folder), *SYSTEM, str(asked.source.resolve()))
    strangers = {path for path in paths if not path.startswith(allowed)}
    strangers |= {path for path in paths if path.startswith(str(outside))}
    promise(not found, f"{len(found)} names are not refused as they should be: {found[:5]}")
    promise(not strangers, f"opened outside of the model folder: {sorted(strangers)[:5]}")
    return [["names that lead elsewhere", str(len(names)), str(len(names)), "", "", ""]]


# ── Files ────────────────────────────────────────────────────────────────────────────────────────
def loads(client: httpx.Client, file: str, status: int) -> str:
    answer = client.post("/model/load", json={"file": file})
    told = f"{file} gives {answer.status_code} in place of {status}: {answer.text[:300]}"
    promise(answer.status_code == status, told)
    return answer.text


def put(server: Server, name: str, case: Case) -> str:
    file = re.sub(r"\W+", "-", name)[:60] + "." + case.kind
    (server.folder / file).write_bytes(written(case))
    return file


def refused(server: Server, cases: Mapping[str, Case], full: bool) -> Iterator[float]:
    """Each file is 409, soon, and the model in use stays; how many seconds it took."""
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        before = client.get("/model").json()["model"]
        for name, case in sample(cases, full):
            file, began = put(server, name, case), time.monotonic()
            detail = loads(client, file, 409)
            yield time.monotonic() - began
            promise(len(detail) < 4000, f"{name}: the answer has {len(detail):,} characters")
            (server.folder / file).unlink()
            model = client.post("/model/classify", json=FLOWER).json().get("model")
            promise(model == before, f"after a model file with {name} the answer is from {model}")


def oversized(server: Server, gibibytes: int) -> float:
    """A file larger than any model is refused before it is read."""
    began = time.monotonic()
    with open(server.folder / "large.pkl", "wb") as file:
        file.truncate(gibibytes * 2**30)  # takes no room on the disk
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        loads(client, "large.pkl", 409)
    (server.folder / "large.pkl").unlink()
    return time.monotonic() - began


def rolled_back(server: Server, full: bool) -> Iterator[float]:
    """What fails only later gives 503 and no wrong answer; loading another file ends it."""
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        for name, case in sample(LATER, full):
            file = put(server, name, case)
            loads(client, file, 200)
            began = time.monotonic()
            status = client.post("/model/classify", json=FLOWER).status_code
            yield time.monotonic() - began
            promise(status == 503, f"a model that is {name} answers {status}")
            loads(client, "model.pkl", 200)
            status = client.post("/model/classify", json=FLOWER).status_code
            promise(status == 200, f"after a model that is {name}, model.pkl answers {status}")


def odd(server: Server) -> Iterator[float]:
    """A file that is odd but loaded serves; else the model in use stays."""
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        for name, case in ODD.items():
            file, began = put(server, name, case), time.monotonic()
            status = client.post("/model/load", json={"file": file}).status_code
            yield time.monotonic() - began
            promise(status in (200, 409), f"a file with {name} gives {status}")
            answer = client.post("/model/classify", json=FLOWER)
            promise(answer.status_code == 200, f"with {name}: {answer.status_code} {answer.text}")
            record = client.get(f"/model/history/{answer.json()['id']}").json()
            promise(record | answer.json() == record, f"with {name} another record: {record}")
            loads(client, "model.pkl", 200)


def safe(server: Server) -> Iterator[float]:
    """Linear models, LDA and SVC load from .skops files and answer as they do in scikit-learn."""
    X, y = load_iris(return_X_y=True)
    y = np.array(joblib.load(ROOT / "model.pkl").classes_)[y]
    estimators = [LinearDiscriminantAnalysis(), SVC(probability=True, random_state=0)]
    estimators += [make_pipeline(StandardScaler(), LogisticRegression())]
    warnings.simplefilter("ignore", FutureWarning)  # of SVC's probability
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        for number, estimator in enumerate(estimators):
            skops.io.dump(estimator.fit(X, y), server.folder / f"safe{number}.skops")
            began = time.monotonic()
            loads(client, f"safe{number}.skops", 200)
            yield time.monotonic() - began
            answer = client.post("/model/classify", json=FLOWER).json()
            expected = estimator.predict_proba([list(FLOWER.values())])[0]
            close = np.allclose(list(answer["probabilities"].values()), expected)
            promise(close, f"{estimator} answers {answer} in place of {expected}")
        loads(client, "model.pkl", 200)


def files(asked: argparse.Namespace) -> Iterator[list[str]]:
    with (
        tempfile.TemporaryDirectory() as name,
        app(Path(name), source=asked.source, WORKER_TIMEOUT="6") as server,
    ):
        kinds = {
            "that mean harm when they are loaded": refused(server, LOADING, asked.full),
            "that mean harm at their trial": refused(server, TRIAL, asked.full),
            "of 64 GiB": iter([oversized(server, 64)]),
        }
        for kind, seconds in kinds.items():
            with Clients(server.base_url, connections=2) as others:
                took = list(seconds)
            failed = [each for each in others.exchanges if each.status != 200]
            yield line(f"files {kind}", len(took), took, len(others.exchanges), len(failed))
            promise(not failed, f"{len(failed)} other requests fail, such as {failed[:1]}")
        yield line("files that mean harm later", 0, list(rolled_back(server, asked.full)))
        yield line("files with odd classes", 0, list(odd(server)))
        yield line(".skops files of a safe kind", 0, list(safe(server)))
        promise(server.process.poll() is None, f"the server ended:\n{server.log[-1000:]}")


def line(kind: str, refused: int, took: list[float], *others: int) -> list[str]:
    slowest = f"{max(took):.1f}"
    return [
        kind,
        str(len(took)),
        str(refused),
        slowest,
        *(map(str, others) if others else ["", ""]),
    ]


def proof(asked: argparse.Namespace) -> None:
    if not shutil.which("strace"):
        raise SystemExit("there is no strace here: apt-get install strace")
    lines = escapes(asked)
    head = ["model files", "tried", "refused", "slowest, s", "other requests", "of them failed"]
    try:
        lines.extend(files(asked))
    finally:
        print(table(head, lines), flush=True)


if __name__ == "__main__":
    run(proof, options(__doc__), BREAKS)
