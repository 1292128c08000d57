"""A person at /docs and /redoc without internet: Chromium, driven by Playwright.

    with chromium() as browser, visit(browser, f"{base_url}/docs") as page:
        try_out(operation(page, "GET", "/hello/{name}"), {"name": "Ann"})

A page that raises an error, or asks for anything but its own server, fails its test.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
expect.set_options(timeout=30_000)  # milliseconds


@contextmanager
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


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


def try_out(block: Locator, values: Mapping[str, str | Path] | None = None) -> None:
    """Fill in the values by the names of parameters and form fields, a Path as a file; execute."""
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    for name, value in (values or {}).items():
        row = block.locator(f"[data-param-name='{name}'], [data-property-name='{name}']")
        if isinstance(value, Path):
            row.locator("input[type=file]").set_input_files(value)
        elif row.locator("select").count():
            row.locator("select").select_option(value)
        else:
            row.locator("input").fill(value)
    execute(block)


def execute(block: Locator) -> None:
    block.get_by_role("button", name="Execute").click()


def expect_status(block: Locator, status: int) -> None:
    answer = block.locator(".live-responses-table .response-col_status").last
    expect(answer).to_contain_text(str(status))


def sign_in(page: Page, fields: Mapping[str, str]) -> None:
    """Authorize with what belongs into the form's fields, by their CSS selectors."""
    page.locator(".auth-wrapper").get_by_role("button", name="Authorize").click()
    form = page.locator(".auth-container")
    for selector, value in fields.items():
        form.locator(selector).fill(value)
    form.locator("button.authorize").click()
    expect(form).to_contain_text("Authorized")
    form.locator("button.btn-done").click()


def operations(base_url: str) -> set[tuple[str, str]]:
    """Method and path of each operation in the app's own /openapi.json."""
    paths = httpx.get(f"{base_url}/openapi.json").raise_for_status().json()["paths"]
    return {(method.upper(), path) for path in paths for method in paths[path]}


def expect_reference(page: Page, base_url: str) -> None:
    """Redoc's page has the title of the API and the path of each operation."""
    title = httpx.get(f"{base_url}/openapi.json").json()["info"]["title"]
    expect(page.locator("h1").first).to_contain_text(title)
    for _, path in operations(base_url):
        expect(page.get_by_text(path, exact=True).first).to_be_attached()
