"""Screenshots: Chromium, driven by Playwright, with the network cut off but for this machine.

The lines of a picture are what is done before it is taken, one a line:

    size 1000 700           of the window, in pixels
    click SELECTOR          Playwright's selectors: text=Execute, #id, .class, ...
    fill SELECTOR = VALUE
    wait SELECTOR           until it is there
    of SELECTOR             take this part of the page; else the window
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
LIMIT = 100_000  # bytes
HERE = ("127.0.0.1", "localhost", None)  # None: data: and blob:


class Untakable(Exception):
    """A picture that cannot be made, and why."""


def admit(route: Route) -> None:
    if urlsplit(route.request.url).hostname in HERE:
        route.continue_()
    else:
        route.abort()


def act(page: Page, line: str) -> None:
    word, _, rest = line.partition(" ")
    if word == "size":
        width, height = map(int, rest.split())
        page.set_viewport_size({"width": width, "height": height})
    elif word == "click":
        page.locator(rest).first.click()
    elif word == "fill":
        selector, _, value = rest.partition(" = ")
        page.locator(selector).first.fill(value)
    elif word == "wait":
        page.locator(rest).first.wait_for()
    else:
        raise Untakable(f"a picture knows no action {word!r}")


def take(url: str, actions: str, file: Path, inward: Callable[[str], str]) -> None:
    """Do the actions on the page at the url and write the picture. Raises Untakable."""
    lines = [line.strip() for line in actions.splitlines() if line.strip()]
    part = next((line[3:] for line in lines if line.startswith("of ")), "")
    hosts = [f"127.0.0.1:{port}" for port in range(8000, 8010)]
    rules = ",".join(f"MAP {host} {inward(host)}" for host in hosts)  # the page's ports are seen
    file.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", f"--host-resolver-rules={rules}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1000, "height": 700})
        page.set_default_timeout(20_000)
        page.route("**/*", admit)
        try:
            answer = page.goto(url)
            if answer and not answer.ok:
                raise Untakable(f"{url}: status {answer.status}")
            for line in lines:
                if not line.startswith("of "):
                    act(page, line)
            page.wait_for_load_state("networkidle")
            (page.locator(part).first if part else page).screenshot(path=file)
        except Error as error:
            raise Untakable(f"{url}: {error}") from error
        finally:
            browser.close()
    if file.stat().st_size > LIMIT:
        raise Untakable(f"{file.name} has {file.stat().st_size} bytes, more than {LIMIT}")
