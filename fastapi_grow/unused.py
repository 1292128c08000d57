"""Imports of MAIN that nothing there reads: dropped, or kept because importing does something.

Dropping is safe for the standard library and for a package that something else still imports.
Any other unused import may register models, tasks or plugins: it stays, and says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace

from fastapi_grow.imports import Import
from fastapi_grow.survey import Survey

LOADED = {"pydantic", "pydantic_core", "starlette", "typing_extensions", "annotated_types"}
EFFECT = "  # noqa: F401 - imported for what it registers"


def kept_for_effect(survey: Survey, exports: Iterable[str], depth: int) -> list[Import]:
    """The unused imports to keep, for a module `depth` packages below MAIN."""
    read = {name for item in survey.items.values() for name in item.names.reads}
    read |= set(exports)
    used = [entry for entry in survey.imports if entry.name in read and not entry.typing_only]
    packages = {_package(entry) for entry in used} | LOADED
    kept = []
    for entry in survey.imports:
        if entry.name in read or entry.attribute == "*" or entry.typing_only:
            continue
        package = _package(entry)
        if package in sys.stdlib_module_names or package in packages:
            continue
        packages.add(package)
        kept.append(replace(entry.deeper(depth), comment=entry.comment or EFFECT))
    return kept


def _package(entry: Import) -> str:
    """The package to import: the distribution, or the very module when it is a neighbour."""
    if entry.level:
        return "." * entry.level + entry.module + (f".{entry.name}" if not entry.module else "")
    return entry.module.split(".")[0]
