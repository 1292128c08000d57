"""The import lines of a module: what it takes from outside and from the rest of the package.

Ruff puts them in order (its `I` rule), all modules of a tree in one call; nothing else of a
module is shown to it, so code that moved is never reformatted.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from fastapi_grow.identity import Identity
from fastapi_grow.imports import Import

WIDTH = 100


def module_path(identity: Identity, here: str, there: str) -> tuple[str, int]:
    """How module `here` names module `there`: ("schemas", 1) for `from .schemas`.

    `here` and `there` are homes: "schemas", "routers/users"; "" is MAIN.
    """
    dotted = "" if there == "__init__" else there.replace("/", ".")
    if not here:
        package = f"{identity.package}.{dotted}".rstrip(".")
        return package, 1 if identity.dotted else 0
    if identity.absolute:
        return f"{identity.package}.{dotted}".rstrip("."), 0
    beside = here.rpartition("/")[0] + "/"
    if "/" in here and there.startswith(beside):
        return there.removeprefix(beside).replace("/", "."), 1
    return dotted, here.count("/") + 1


def import_from(identity: Identity, here: str, there: str, name: str) -> Import:
    """`from .there import name`."""
    module, level = module_path(identity, here, there)
    return Import(name, module, name, level)


def import_module(identity: Identity, here: str, there: str, alias: str) -> Import:
    """`from . import there`, under another name where that one is taken."""
    module, level = module_path(identity, here, there)
    parent, _, last = module.rpartition(".")
    return Import(alias, parent, last, level, renamed=alias != last)


def sort_headers(headers: Mapping[str, str], first_party: Iterable[str]) -> dict[str, str]:
    """Every header with its imports sorted and wrapped."""
    known = ", ".join(f'"{name}"' for name in sorted(first_party))
    with tempfile.TemporaryDirectory(prefix="fastapi-grow-") as folder:
        files = {key: Path(folder, f"h{number}.py") for number, key in enumerate(headers)}
        for key, path in files.items():
            path.write_text(headers[key])
        subprocess.run(  # noqa: S603 - ruff, from our own environment
            [
                find_ruff_bin(), "check", "--isolated", "--quiet", "--select", "I", "--fix",
                "--no-cache", "--config", f"line-length={WIDTH}",
                "--config", f"lint.isort.known-first-party=[{known}]", folder,
            ],
            check=True,
        )  # fmt: skip
        return {key: path.read_text() for key, path in files.items()}
