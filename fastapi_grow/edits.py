"""Edits to files other than MAIN: patch targets at every step, imports of tests at the last."""

from __future__ import annotations

from pathlib import Path

from fastapi_grow.externals import External
from fastapi_grow.layout import ROOT, Layout
from fastapi_grow.newhomes import move_imports
from fastapi_grow.patches import Target, repoint

Edits = dict[Path, str]


def targets_of(layout: Layout, main: str) -> dict[str, Target]:
    """Every name that has left MAIN, and the module it went to; `main` is MAIN's dotted name."""
    parent = main.rpartition(".")[0]
    package = f"{parent}.{layout.identity.package}".lstrip(".")
    found = {}
    for name in layout.survey.definers:
        home = layout.home_of(name)
        if home not in {None, ROOT, "__init__"}:
            found[name] = Target(package, str(home).replace("/", "."))
    return found


def imported_targets(layout: Layout, main: str) -> dict[str, Target]:
    """Names that MAIN imports and only one module reads now: there a patch must replace them."""
    parent = main.rpartition(".")[0]
    package = f"{parent}.{layout.identity.package}".lstrip(".")
    items = layout.survey.items
    found = {}
    for name in set(layout.survey.imported) - set(layout.survey.definers):
        homes = {home for i, home in layout.homes.items() if name in items[i].names.reads}
        if len(homes) == 1 and not homes & {ROOT, "__init__"}:
            found[name] = Target(package, homes.pop().replace("/", "."))
    return found


def patch_edits(layout: Layout, known: list[External]) -> Edits:
    """The files whose patches of moved names must follow them."""
    edits = {}
    for external in known:
        main = _called(layout, external)
        targets = targets_of(layout, main) | imported_targets(layout, main)
        text = repoint(external, layout.identity.names, targets)
        if text != external.text:
            edits[external.path] = text
    return edits


def import_edits(layout: Layout, known: list[External], edits: Edits) -> Edits:
    """`edits` with the imports of the tests rewritten as well."""
    result = dict(edits)
    for external in known:
        if not external.is_test:
            continue
        before = result.get(external.path, external.text)
        text = before
        for main in _spellings(layout, external):
            text = move_imports(text, external, {main}, _homes(layout, main))
        if text != before:
            result[external.path] = text
    return result


def _homes(layout: Layout, main: str) -> dict[str, Target]:
    return targets_of(layout, main) if not main.startswith(".") else _relative(layout, main)


def _relative(layout: Layout, main: str) -> dict[str, Target]:
    dots = main[: len(main) - len(main.lstrip("."))]
    parent = main.lstrip(".").rpartition(".")[0]
    package = f"{parent}.{layout.identity.package}".lstrip(".")
    return {
        name: Target(f"{dots}{package}", target.module)
        for name, target in targets_of(layout, layout.identity.stem).items()
    }


def _called(layout: Layout, external: External) -> str:
    """The name a file calls MAIN by."""
    dotted = layout.identity.name
    return dotted if dotted in external.text else layout.identity.stem


def _spellings(layout: Layout, external: External) -> list[str]:
    spellings = [layout.identity.name, layout.identity.stem]
    if external.path.parent == layout.identity.folder:
        spellings.append(f".{layout.identity.stem}")
    return list(dict.fromkeys(spellings))
