"""The imports that tie the modules of a tree together, and tie it to what MAIN imported."""

from __future__ import annotations

import ast
import builtins
from dataclasses import replace

from fastapi_grow import headers, layers
from fastapi_grow.draft import Draft, Part, alias_of
from fastapi_grow.identity import Identity
from fastapi_grow.imports import Import, write_imports
from fastapi_grow.layout import ROOT, Layout, depth
from fastapi_grow.scope import names_of
from fastapi_grow.unused import kept_for_effect

REGISTERS = "  # noqa: F401 - registers what it defines"


def import_what_is_read(layout: Layout, draft: Draft) -> None:
    bound = set(draft.aliases.values())
    unknown = set()
    for part in draft.parts:
        names = names_of(part.text)
        bound |= names.binds
        own = {n for n in names.binds if layout.home_of(n) != draft.module}  # of a guard, say
        for name in sorted(names.reads - own - set(draft.aliases.values())):
            found = _imports_of(layout, draft.module, name, part)
            draft.imports += found
            if not found and layout.home_of(name) is None and not hasattr(builtins, name):
                unknown.add(name)
    stars = [entry for entry in layout.survey.imports if entry.attribute == "*"]
    if unknown - bound:
        draft.imports += [entry.deeper(depth(draft.module)) for entry in stars]
    if draft.parts:
        future = [entry for entry in layout.survey.imports if entry.module == "__future__"]
        draft.imports += future


def _imports_of(layout: Layout, module: str, name: str, part: Part) -> list[Import]:
    home = layout.home_of(name)
    if home == module:
        return []
    if home is not None:
        return [headers.import_from(layout.identity, module, home, name)] if home else []
    item = layout.survey.items.get(part.item) or next(iter(layout.survey.items.values()))
    entries = layout.survey.import_for(name, item)
    return [entry.deeper(depth(module)) for entry in entries if entry.attribute != "*"]


def export(layout: Layout, draft: Draft) -> None:
    """Let MAIN keep giving out the names that other files take from it."""
    for name in sorted(layout.exports):
        home = layout.home_of(name)
        if home is None:
            draft.imports += layout.survey.imported.get(name, [])
        elif home != ROOT and name in layout.through:
            alias_of(layout, draft, home)
        elif home != ROOT:
            draft.imports.append(headers.import_from(layout.identity, ROOT, home, name))
        if home != ROOT:
            draft.exports.append(name)


def reach_every_module(layout: Layout, drafts: dict[str, Draft]) -> None:
    """Import for its effect whatever nothing imports: tables, tasks and plugins register so."""
    assembling = drafts[layout.assembling]
    assembling.imports += kept_for_effect(
        layout.survey, layout.exports, depth(assembling.module), layout.identity.folder
    )
    reached = _reached(layout, drafts)
    if reached == {ROOT} and layers.SETUP in drafts:
        assembling.imports.append(replace(_package_itself(layout.identity), comment=REGISTERS))
    for module in sorted(set(drafts) - reached - {layers.SETUP}):
        alias_of(layout, assembling, module)
        entry = assembling.imports.pop()
        assembling.imports.append(replace(entry, comment=REGISTERS))


def _reached(layout: Layout, drafts: dict[str, Draft]) -> set[str]:
    """The modules that importing MAIN imports."""
    reached: set[str] = set()
    waiting = [ROOT]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            header = write_imports(drafts[module].imports)
            waiting += imported_modules(layout, module, header)
    return reached


def _package_itself(identity: Identity) -> Import:
    if identity.dotted:
        return Import(identity.package, "", identity.package, 1)
    return Import(identity.package, identity.package)


def imported_modules(layout: Layout, module: str, header: str) -> list[str]:
    """The modules of the package that `header` imports, in order."""
    known = {*layout.modules} - {ROOT}
    found = []
    for node in ast.parse(header).body:
        if isinstance(node, ast.Import):
            found += [layers.SETUP for a in node.names if a.name == layout.identity.package]
            continue
        if not isinstance(node, ast.ImportFrom):
            continue
        base = _base(layout.identity, module, node)
        if base is None:
            continue
        if base in known:
            found.append(base)
        found += [path for a in node.names if (path := f"{base}/{a.name}".lstrip("/")) in known]
    return found


def _base(identity: Identity, module: str, node: ast.ImportFrom) -> str | None:
    """The path inside the package that `from X import` names, None when it is outside."""
    dotted = node.module or ""
    if not module or (identity.absolute and not node.level):
        if dotted != identity.package and not dotted.startswith(f"{identity.package}."):
            return None
        return dotted.removeprefix(identity.package).strip(".").replace(".", "/")
    parents = module.split("/")[:-1]
    if not 1 <= node.level <= len(parents) + 1:
        return None
    kept = parents[: len(parents) - node.level + 1]
    return "/".join([*kept, *dotted.split(".")] if dotted else kept)
