"""pyproject.toml, judged by uv: what the app needs, pinned."""

from __future__ import annotations

import re

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
