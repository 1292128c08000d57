"""Proof that a person in a browser without internet can use /docs and /redoc: Chromium, driven
by Playwright, on a real server. A page that asks for anything but 127.0.0.1 fails its test.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
from server import Server, serve

CHROMIUM = Path("/usr/bin/chromium")
FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
expect.set_options(timeout=15_000)  # milliseconds
OPERATIONS = [
    ("GET", "/"),
    ("POST", "/model/classify"),
    ("POST", "/model/classify/batch"),
    ("GET", "/model/history"),
    ("GET", "/model/history/{id}"),
    ("GET", "/model"),
    ("POST", "/model/load"),
    ("GET", "/health"),
    ("GET", "/health/live"),
]
EACH_OPERATION = pytest.mark.parametrize(
    ("method", "path"), OPERATIONS, ids=[f"{m} {p} answers 200 as it stands" for m, p in OPERATIONS]
)
# The header that `python main.py` sends: Redoc would ask its maker for a logo.
POLICY = "Content-Security-Policy:default-src 'self' 'unsafe-inline' data: blob:"
UVICORN = [sys.executable, "-m", "uvicorn", "main:app", "--header", POLICY]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose history has record 1, for GET /model/history/1."""
    with serve() as server:
        httpx.post(f"{server.base_url}/model/classify", json=FLOWER).raise_for_status()
        yield server


@contextmanager
def visit(browser: Browser, url: str, proxy: str = "") -> Iterator[Page]:
    """The page at the url; in the end it must have raised no error and asked nobody else.

    The proxy is a path that all it asks for must start with, and the server never sees.
    """
    page, elsewhere, errors = browser.new_page(), [], []
    home = f"http://{urlsplit(url).netloc}{proxy}/"

    def admit(route: Route) -> None:
        if route.request.url.startswith(home):
            return route.continue_(url=route.request.url.replace(f"{proxy}/", "/", 1))
        elsewhere.append(route.request.url)
        return route.abort()

    page.route("**/*", admit)
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(url)
    yield page
    page.wait_for_load_state("networkidle")
    page.close()
    assert elsewhere == []
    assert errors == []


def operation(page: Page, method: str, path: str) -> Locator:
    name = page.locator(f".opblock-summary-path[data-path='{path}']")
    return page.locator(f".opblock-{method.lower()}").filter(has=name)


def try_out(block: Locator) -> None:
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    for field in block.locator("tr[data-param-name='id'] input").all():
        field.fill("1")
    execute(block)


def execute(block: Locator) -> None:
    block.get_by_role("button", name="Execute").click()


def expect_status(block: Locator, status: int) -> None:
    answer = block.locator(".live-responses-table .response-col_status").last
    expect(answer).to_contain_text(str(status))


def test_every_operation_of_the_api_is_tried_here(server: Server) -> None:
    paths = httpx.get(f"{server.base_url}/openapi.json").json()["paths"]
    assert {(m.upper(), path) for path in paths for m in paths[path]} == set(OPERATIONS)


@EACH_OPERATION
def test_try_it_out(browser: Browser, server: Server, method: str, path: str) -> None:
    with visit(browser, f"{server.base_url}/docs") as page:
        block = operation(page, method, path)
        try_out(block)
        expect_status(block, 200)


def test_with_an_api_key_try_it_out_answers_401_until_authorize_has_it(browser: Browser) -> None:
    with serve(API_KEY="sesame") as server, visit(browser, f"{server.base_url}/docs") as page:
        block = operation(page, "POST", "/model/classify")
        try_out(block)
        expect_status(block, 401)
        authorize(page, "sesame")
        execute(block)
        expect_status(block, 200)


def authorize(page: Page, key: str) -> None:
    page.locator(".auth-wrapper").get_by_role("button", name="Authorize").click()
    form = page.locator(".auth-container")
    form.locator("input").fill(key)
    form.get_by_role("button", name="Apply credentials").click()
    form.get_by_role("button", name="Close").click()


def expect_reference(page: Page, server: Server) -> None:
    """Redoc's page has the title of the API and the path of each operation."""
    title = httpx.get(f"{server.base_url}/openapi.json").json()["info"]["title"]
    expect(page.locator("h1").first).to_contain_text(title)
    for _, path in OPERATIONS:
        expect(page.get_by_text(path, exact=True).first).to_be_attached()


def test_redoc_renders_every_operation(browser: Browser, server: Server) -> None:
    with visit(browser, f"{server.base_url}/redoc") as page:
        expect_reference(page, server)


def test_behind_a_proxy_that_takes_a_root_path_off_both_pages_work(browser: Browser) -> None:
    with serve([*UVICORN, "--root-path", "/api"]) as server:
        with visit(browser, f"{server.base_url}/api/docs", "/api") as page:
            block = operation(page, "POST", "/model/classify")
            try_out(block)
            expect_status(block, 200)
        with visit(browser, f"{server.base_url}/api/redoc", "/api") as page:
            expect_reference(page, server)
