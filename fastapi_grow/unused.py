"""Imports of MAIN that nothing there reads: dropped, or kept because importing does something.

Dropping is safe for the standard library, for packages known to register nothing, and for one that
something else still imports. Any other unused import may register models, tasks or plugins: it
stays, and says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fastapi_grow.imports import Import
from fastapi_grow.survey import Survey

LOADED = {
    "fastapi",
    "pydantic",
    "pydantic_core",
    "starlette",
    "typing_extensions",
    "annotated_types",
}
INERT = {
    "PIL", "aiohttp", "bcrypt", "dateutil", "email_validator", "httpx", "jose", "jwt", "numpy",
    "pandas", "passlib", "pytz", "requests", "uvicorn", "yaml",
}  # fmt: skip
EFFECT = "  # noqa: F401 - imported for what it registers"


def kept_for_effect(
    survey: Survey, exports: Iterable[str], depth: int, folder: Path
) -> list[Import]:
    """The unused imports to keep, for a module `depth` packages below MAIN's `folder`."""
    read = {name for item in survey.items.values() for name in item.names.reads}
    read |= set(exports)
    used = [entry for entry in survey.imports if entry.name in read and not entry.typing_only]
    loaded = {_what_loads(entry, folder) for entry in used}
    kept = []
    for entry in survey.imports:
        if entry.name in read or entry.attribute == "*" or entry.typing_only:
            continue
        loads = _what_loads(entry, folder)
        if loads in loaded or loads.split(".")[0] in sys.stdlib_module_names | LOADED | INERT:
            continue
        loaded.add(loads)
        kept.append(replace(entry.deeper(depth), comment=entry.comment or EFFECT))
    return kept


def _what_loads(entry: Import, folder: Path) -> str:
    """What importing `entry` loads; a neighbour's attribute may be a module of its own."""
    near = entry.level or (folder / entry.module.split(".")[0]).exists()
    name = f"{'.' * entry.level}{entry.module}"
    return f"{name}.{entry.attribute}" if near and entry.attribute else name
