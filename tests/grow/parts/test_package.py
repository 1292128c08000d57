"""pyproject.toml, judged by uv: what the app needs, pinned."""

from __future__ import annotations

import re
import sys
import tomllib

from ledger import LEDGER
from parts.commands import run


def test_uv_can_lock_what_the_project_needs(grown):
    folder, found, _said = grown()
    run(folder, "uv", "lock", "--quiet")
    assert "https://" not in found["pyproject.toml"], "no index is written down"
    assert re.search(r'"fastapi==\d', found["pyproject.toml"])


def test_requirements_are_pinned_and_test_tools_set_apart(grown):
    _folder, found, _said = grown(files={"requirements.txt": "fastapi\npytest\nsqlalchemy>=2\n"})
    text = found["pyproject.toml"]
    needed = text.partition("dependencies = [")[2].partition("]")[0]
    assert re.search(r'"fastapi==\d', needed)
    assert '"sqlalchemy>=2"' in needed
    assert "pytest" not in needed


def test_versions_are_those_of_the_api_and_of_the_python_that_proved_it(grown):
    text = LEDGER.replace("app = FastAPI(", 'app = FastAPI(version="2.1", ', 1)
    found = grown(text)[1]
    python = "{}.{}".format(*sys.version_info)
    package = tomllib.loads(found["pyproject.toml"])["project"]
    assert (package["version"], package["requires-python"]) == ("2.1", f">={python}")
    assert found["Dockerfile"].count(f"FROM python:{python}-slim") == 2
    assert f'python-version: "{python}"' in found[".github/workflows/ci.yml"]


def test_the_library_of_the_test_client_is_not_installed_where_the_app_runs(grown):
    found = grown(files={"requirements.txt": "fastapi\nhttpx\nsqlalchemy\n"})[1]
    package = tomllib.loads(found["pyproject.toml"])
    assert not [line for line in package["project"]["dependencies"] if "httpx" in line]
    assert [line for line in package["dependency-groups"]["dev"] if "httpx" in line]
