"""Proof that a person in a browser without internet can use /docs and /redoc of all three apps."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page
from server import ROOT, free_port, serve, start
from swagger import (
    chromium,
    execute,
    expect_reference,
    expect_status,
    operation,
    operations,
    sign_in,
    try_out,
    visit,
)

FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
# The header that `python main.py` sends: Redoc would ask its maker for a logo.
POLICY = "Content-Security-Policy:default-src 'self' 'unsafe-inline' data: blob:"
UVICORN = [sys.executable, "-m", "uvicorn", "main:app", "--header", POLICY]
DIGITS, JOBS = ROOT / "examples/digits", ROOT / "examples/jobs"
DIGIT, CSV, PASSWORD = DIGITS / "test_images/0.png", ROOT / "model.reference.csv", "correct horse"


class Docs(NamedTuple):
    """The page at /docs of an app, signed in where it asks for that."""

    page: Page
    base_url: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


# ── The apps: each with what its operations are asked for ────────────────────────────────────────
@pytest.fixture(scope="module")
def main(browser: Browser) -> Iterator[Docs]:
    """main.py, whose history has record 1."""
    with serve() as server:
        httpx.post(f"{server.base_url}/model/classify", json=FLOWER).raise_for_status()
        with visit(browser, f"{server.base_url}/docs") as page:
            yield Docs(page, server.base_url)


@contextmanager
def digits_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        env = os.environ | {"PORT": str(free_port()), "DATABASE_URL": f"sqlite:///{name}/a.db"}
        command = [sys.executable, "main.py"]
        with start(command, Path(name), env, alive="/health", cwd=DIGITS) as server:
            yield server.base_url


@pytest.fixture(scope="module")
def digits(browser: Browser) -> Iterator[Docs]:
    with digits_server() as base_url, visit(browser, f"{base_url}/docs") as page:
        yield Docs(page, base_url)


@pytest.fixture(scope="module")
def jobs(browser: Browser) -> Iterator[Docs]:
    """The embedded default, with the jobs 1 (to look at) and 2 (to delete), both done."""
    sys.path.insert(0, str(JOBS))
    import processes

    with processes.folder() as place, processes.serve(place) as server:
        for _ in range(2):
            server.wait(server.send(CSV.read_bytes()))
        base_url = str(server.client.base_url).rstrip("/")
        with visit(browser, f"{base_url}/docs") as page:
            sign_in(page, {"#oauth_username": server.name, "#oauth_password": PASSWORD})
            yield Docs(page, base_url)


FILE, IMAGE, ID = {"file": CSV}, {"image_file": DIGIT}, {"id": "1"}
TRIED = [  # app, method, path, what to fill in, status
    ("main", "GET", "/", {}, 200),
    ("main", "POST", "/model/classify", {}, 200),
    ("main", "POST", "/model/classify/batch", {}, 200),
    ("main", "GET", "/model/history", {}, 200),
    ("main", "GET", "/model/history/{id}", ID, 200),
    ("main", "GET", "/model", {}, 200),
    ("main", "POST", "/model/load", {}, 200),
    ("main", "GET", "/health", {}, 200),
    ("main", "GET", "/health/live", {}, 200),
    ("digits", "GET", "/", {}, 200),
    ("digits", "GET", "/hello/{name}", {"name": "Ann"}, 200),
    ("digits", "POST", "/predict_file/", IMAGE, 200),
    ("digits", "POST", "/predict/", {}, 200),
    ("digits", "POST", "/api/v1/predictions/file", IMAGE, 200),
    ("digits", "POST", "/api/v1/predictions/path", {}, 200),
    ("digits", "GET", "/predictions", {}, 200),
    ("digits", "GET", "/health", {}, 200),
    ("jobs", "POST", "/api/v1/jobs", FILE, 202),
    ("jobs", "GET", "/api/v1/jobs", {}, 200),
    ("jobs", "GET", "/api/v1/jobs/{id}", ID, 200),
    ("jobs", "GET", "/api/v1/jobs/{id}/events", ID, 200),
    ("jobs", "GET", "/api/v1/jobs/{id}/{part}", ID | {"part": "result"}, 200),
    ("jobs", "DELETE", "/api/v1/jobs/{id}", {"id": "2"}, 204),
    ("jobs", "GET", "/health", {}, 200),
]
EACH_APP = pytest.mark.parametrize("app", ["main", "digits", "jobs"])


@EACH_APP
def test_every_operation_of_the_app_is_tried_here(app: str, request: pytest.FixtureRequest) -> None:
    docs: Docs = request.getfixturevalue(app)
    tried = {(method, path) for name, method, path, _, _ in TRIED if name == app}
    if app == "jobs":  # below, with another user
        tried.add(("POST", "/api/v1/token"))
    assert tried == operations(docs.base_url)


@pytest.mark.parametrize(
    ("app", "method", "path", "values", "status"),
    TRIED,
    ids=[f"{app}: {m} {p} answers {status}" for app, m, p, _, status in TRIED],
)
def test_try_it_out(
    app: str,
    method: str,
    path: str,
    values: dict[str, str | Path],
    status: int,
    request: pytest.FixtureRequest,
) -> None:
    docs: Docs = request.getfixturevalue(app)
    block = operation(docs.page, method, path)
    try_out(block, values)
    expect_status(block, status)


@EACH_APP
def test_redoc_renders_every_operation(
    app: str, browser: Browser, request: pytest.FixtureRequest
) -> None:
    docs: Docs = request.getfixturevalue(app)
    with visit(browser, f"{docs.base_url}/redoc") as page:
        expect_reference(page, docs.base_url)


# ── Signing in ───────────────────────────────────────────────────────────────────────────────────
def test_with_an_api_key_try_it_out_answers_401_until_authorize_has_it(browser: Browser) -> None:
    with serve(API_KEY="sesame") as server, visit(browser, f"{server.base_url}/docs") as page:
        block = operation(page, "POST", "/model/classify")
        try_out(block)
        expect_status(block, 401)
        sign_in(page, {"input": "sesame"})
        execute(block)
        expect_status(block, 200)


def test_jobs_answers_401_to_who_has_not_signed_in(browser: Browser, jobs: Docs) -> None:
    with visit(browser, f"{jobs.base_url}/docs") as page:
        block = operation(page, "GET", "/api/v1/jobs")
        try_out(block)
        expect_status(block, 401)


def test_jobs_gives_a_token_for_a_name_and_password(jobs: Docs) -> None:
    block = operation(jobs.page, "POST", "/api/v1/token")
    name = f"ann-{jobs.base_url.rpartition(':')[2]}"
    try_out(block, {"username": name, "password": PASSWORD})
    expect_status(block, 200)


# ── Behind a proxy ───────────────────────────────────────────────────────────────────────────────
def test_behind_a_proxy_that_takes_a_root_path_off_both_pages_work(browser: Browser) -> None:
    with serve([*UVICORN, "--root-path", "/api"]) as server:
        with visit(browser, f"{server.base_url}/api/docs", "/api") as page:
            block = operation(page, "POST", "/model/classify")
            try_out(block)
            expect_status(block, 200)
        with visit(browser, f"{server.base_url}/api/redoc", "/api") as page:
            expect_reference(page, server.base_url)
