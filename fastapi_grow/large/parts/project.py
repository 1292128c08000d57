"""What the parts know of a grown project: its files, imports, settings and requirements."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fastapi_grow.identity import Identity
from fastapi_grow.large.settings import Setting, settings_of
from fastapi_grow.layout import Layout
from fastapi_grow.survey import Survey

INSTALLED = """
import importlib.metadata as m, json, sys
found = {}
for told in (d.metadata for d in m.distributions()):  # the first of a name is the one imported
    found.setdefault(told["Name"], told["Version"])
found.pop(None, None)
modules, python = m.packages_distributions(), "%d.%d" % sys.version_info[:2]
print(json.dumps({"versions": found, "modules": modules, "python": python}))
"""
TEST_TOOLS = {"pytest", "pytest-asyncio", "pytest-cov", "coverage", "ruff", "mypy", "pre-commit"}
VERSION = re.compile(r"\d+(\.\d+)*")
NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass
class Project:
    """A grown project; `root` is the folder that MAIN is imported from."""

    layout: Layout
    files: Mapping[str, str]  # the tree, by path from MAIN's folder
    root: Path  # where it stood before, to read what is there
    python: str
    tests: bool
    migrates: bool = False  # the container makes the tables, not the app
    added: dict[str, str] = field(default_factory=dict)  # files that parts have written so far

    @property
    def identity(self) -> Identity:
        return self.layout.identity

    @property
    def survey(self) -> Survey:
        return self.layout.survey

    @property
    def served(self) -> str:
        """What uvicorn is given: `main:app`, `src.main:app`."""
        return f"{self.identity.name}:{self.survey.app or 'app'}"

    @property
    def name(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.root.name.lower()).strip("-") or "app"

    @property
    def sentence(self) -> str:
        """The first line of MAIN's docstring."""
        text = ast.get_docstring(ast.parse(self.survey.source.text)) or ""
        return text.strip().splitlines()[0].strip() if text.strip() else f"The {self.name} API."

    @cached_property
    def imports(self) -> set[str]:
        """Top-level names of what the app imports, inside functions too."""
        tree = ast.parse(self.survey.source.text)
        found = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        found |= {
            node.module or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and not node.level
        }
        return {name.split(".")[0] for name in found} - {""}

    @cached_property
    def settings(self) -> list[Setting]:
        return settings_of(self.survey)

    @property
    def version(self) -> str:
        """That of the API, where it is written out; it is what clients see."""
        made = self.survey.definers.get(self.survey.app or "", [])
        trees = [self.survey.items[index].statement.tree for index in made]
        for node in (node for tree in trees for node in ast.walk(tree)):
            text = getattr(getattr(node, "value", None), "value", None)
            written = isinstance(node, ast.keyword) and node.arg == "version"
            if written and isinstance(text, str) and VERSION.fullmatch(text):
                return text
        return "0.1.0"

    @property
    def python_version(self) -> str:
        """`3.13`: of the interpreter that the app has been proved with."""
        return str(self.installed["python"])

    @cached_property
    def installed(self) -> dict[str, Any]:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [self.python, "-c", INSTALLED], capture_output=True, text=True, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def pinned(self, distribution: str) -> str:
        """`fastapi==0.165.0`, as far as the app's interpreter knows the version."""
        versions = {_plain(name): version for name, version in self.installed["versions"].items()}
        version = versions.get(_plain(distribution.split("[")[0]))
        return f"{distribution}=={version}" if version else distribution

    @cached_property
    def requirements(self) -> list[str]:
        """What it needs to run, pinned: the requirements there are, else what it imports."""
        lines = _written(self.root / "requirements.txt") or _written(
            self.identity.folder / "requirements.txt"
        )
        tools = TEST_TOOLS | ({"httpx"} - self.imports)  # the test client's
        needed = [line for line in lines if name_of(line) not in tools] or self._imported()
        if "uvicorn" not in {name_of(line) for line in needed}:
            needed.append("uvicorn")
        pinned = [line if re.search(r"[=<>~!@]", line) else self.pinned(line) for line in needed]
        return sorted(dict.fromkeys(pinned), key=str.lower)

    def _imported(self) -> list[str]:
        modules = self.installed["modules"]
        others = self.imports - set(sys.stdlib_module_names) - {self.identity.package}
        beside = {path.stem for path in self.identity.folder.iterdir()}
        found = {name: modules[name][0] for name in sorted(others - beside) if name in modules}
        return list(dict.fromkeys(found.values()))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(line: str) -> str:
    """The distribution that a requirement names, in its normal form."""
    match = NAME.match(line)
    return _plain(match.group(1)) if match else ""


def _written(path: Path) -> list[str]:
    """The requirements in a file and in those that it includes."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = re.split(r"(?:^|\s)#", line)[0].strip()
        if text.startswith(("-r ", "--requirement ")):
            found += _written(path.parent / text.split(maxsplit=1)[1])
        elif text and not text.startswith("-"):
            found.append(text)
    return found
