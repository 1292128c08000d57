"""Proof of what surrounds examples/jobs: its container files, its format, its page in a browser."""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from server import ROOT

JOBS = ROOT / "examples/jobs"
SCRIPTS = Path(sysconfig.get_path("scripts"))
CHROMIUM = Path("/usr/bin/chromium")
expect.set_options(timeout=30_000)  # milliseconds


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", path.read_text(), re.MULTILINE))


def test_the_compose_file_meets_the_compose_schema() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*check, JOBS / "compose.yaml"], check=True)


def test_the_dockerfile_pleases_hadolint_and_is_sent_what_it_copies() -> None:
    subprocess.run([SCRIPTS / "hadolint", JOBS / "Dockerfile"], check=True)
    text = (JOBS / "Dockerfile").read_text()
    copied = {
        name for line in re.findall(r"^COPY ([^-].*) \S+$", text, re.M) for name in line.split()
    }
    allowed = re.findall(r"^!(.+)$", (JOBS / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == set(allowed) == {"main.py", "model.pkl", "requirements.txt"}


def test_it_pins_the_versions_of_the_repository() -> None:
    own, shared = pins(JOBS / "requirements.txt"), pins(ROOT / "requirements.txt")
    assert own
    assert {k: v for k, v in own.items() if k in shared} == {
        k: v for k, v in shared.items() if k in own
    }


def test_main_is_at_most_700_lines_in_ruffs_format_but_for_single_blank_lines() -> None:
    text = (JOBS / "main.py").read_text()
    assert text.count("\n") <= 700
    command = [SCRIPTS / "ruff", "format", "--stdin-filename", JOBS / "main.py", "-"]
    found = subprocess.run(command, input=text, capture_output=True, check=True, text=True)
    assert re.sub(r"\n{3,}", "\n\n", found.stdout) == text


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.fail(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser.new_page()
        browser.close()


def test_authorize_signs_in_and_the_page_asks_nobody_else(page: Page) -> None:
    sys.path.insert(0, str(JOBS))
    from processes import PASSWORD, folder, serve

    elsewhere = []

    def admit(route: Route) -> None:
        if route.request.url.startswith(str(server.client.base_url)):
            return route.continue_()
        elsewhere.append(route.request.url)
        return route.abort()

    with folder() as place, serve(place) as server:
        page.route("**/*", admit)
        page.goto(f"{server.client.base_url}/docs")
        path = page.locator(".opblock-summary-path[data-path='/api/v1/jobs']")
        block = page.locator(".opblock-get").filter(has=path)
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        status = block.locator(".live-responses-table .response-col_status").last
        block.get_by_role("button", name="Execute").click()
        expect(status).to_contain_text("401")
        page.locator(".auth-wrapper").get_by_role("button", name="Authorize").click()
        form = page.locator(".auth-container")
        form.locator("#oauth_username").fill(server.name)
        form.locator("#oauth_password").fill(PASSWORD)
        form.locator("button.authorize").click()
        expect(form).to_contain_text("Authorized")
        form.locator("button.btn-done").click()
        block.get_by_role("button", name="Execute").click()
        expect(status).to_contain_text("200")
        page.close()
    assert elsewhere == []
