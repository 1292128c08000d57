"""Proof that several server processes are one service: what one loads, all answer with."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import joblib
import pytest
from server import Server, serve
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
COMMAND = [sys.executable, "-m", "uvicorn", "main:app", "--workers", "2"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(COMMAND) as server:
        yield server


def server_processes(server: Server) -> list[int]:
    return [int(pid) for pid in re.findall(r"Started server process \[(\d+)", server.log)]


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """While this lasts, the other process takes the requests."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def relabelled(path: Path, label: str) -> None:
    """A model that calls every flower by one of three new names; the first is the setosa's."""
    X, y = load_iris(return_X_y=True)
    joblib.dump(LinearDiscriminantAnalysis().fit(X, [f"{label}{k}" for k in y]), path)


def test_a_model_loaded_by_one_process_answers_in_the_other_at_its_next_request(
    server: Server,
) -> None:
    wait_for_both(server)
    first, second = server_processes(server)
    for loader, answerer in [(first, second), (second, first)]:
        relabelled(server.folder / f"{loader}.pkl", f"of-{loader}-")
        with stopped(answerer):
            loaded = post(server, "/model/load", {"file": f"{loader}.pkl"})
        with stopped(loader):
            answer = post(server, "/model/classify", FLOWER)
        assert answer["model"] == loaded["model"]
        assert answer["species"] == f"of-{loader}-0"


def wait_for_both(server: Server) -> None:
    """Until two processes say that they serve; each request below then has one to go to."""
    while server.log.count("Application startup complete.") < 2:
        assert server.process.poll() is None, server.log
        httpx.get(f"{server.base_url}/health", timeout=30)


def post(server: Server, path: str, body: dict[str, float] | dict[str, str]) -> dict[str, str]:
    answer = httpx.post(f"{server.base_url}{path}", json=body, timeout=30)
    answer.raise_for_status()
    return dict(answer.json())
