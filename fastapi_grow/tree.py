"""The grown project as text: a pure function of the survey and of which statements have moved.

Every step writes the whole tree anew from the original MAIN, so a step that cannot be proved is
left out simply by not counting its statements as moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import libcst as cst

from fastapi_grow import headers, layers
from fastapi_grow.draft import Draft, Part, alias_of, gap_before
from fastapi_grow.identity import Identity
from fastapi_grow.imports import Import, with_comments_once, write_imports
from fastapi_grow.include import Router, placed, router_in
from fastapi_grow.kinds import registered_as
from fastapi_grow.large.gather import api_name, gathered, inclusion, line_of, sentence
from fastapi_grow.layout import ROOT, Layout
from fastapi_grow.links import export, import_what_is_read, imported_modules, reach_every_module
from fastapi_grow.place import Place
from fastapi_grow.plan import REGISTERED, is_router_route
from fastapi_grow.rewrites import file_path, rewrite
from fastapi_grow.rewrites.route import registrations
from fastapi_grow.root import write_root
from fastapi_grow.scope import names_of
from fastapi_grow.survey import Item


@dataclass(frozen=True)
class Tree:
    """Texts by path relative to MAIN's folder, and what every module runs, in order."""

    files: dict[str, str]
    runs: dict[str, list[int | str]]  # module -> items it runs and modules it imports

    def lines(self) -> dict[str, int]:
        return {path: text.count("\n") for path, text in sorted(self.files.items())}


def write_tree(layout: Layout) -> Tree:
    """The files of `layout`; raises Unplaceable when routes cannot keep their order."""
    drafts = {module: _draft(layout, module) for module in layout.modules}
    export(layout, drafts[ROOT])
    reach_every_module(layout, drafts)
    first_party = {layout.identity.package, *_siblings(layout.identity)}
    in_file_order = sorted(drafts, key=lambda module: (not module, drafts[module].items))
    imports = with_comments_once({module: drafts[module].imports for module in in_file_order})
    texts = {module: write_imports(imports[module]) for module in drafts}
    sorted_imports = headers.sort_headers(texts, first_party)
    files = {}
    for module, draft in drafts.items():
        files[_path(layout, module)] = _write(layout, draft, sorted_imports[module])
    files |= _package_sentences(layout, files)
    runs: dict[str, list[int | str]] = {
        module: [*imported_modules(layout, module, sorted_imports[module]), *draft.items]
        for module, draft in drafts.items()
    }
    return Tree(files, runs)


def _siblings(identity: Identity) -> set[str]:
    return {path.stem for path in identity.folder.glob("*.py")}


def _draft(layout: Layout, module: str) -> Draft:
    draft = Draft(module)
    router = router_in(layout.survey, layout.plan, layout.homes, module)
    place = _place(layout, draft, router)
    if router:
        draft.parts.append(Part(-1, line_of(layout, router)))
        draft.imports.append(Import("APIRouter", "fastapi", "APIRouter"))
    for item in layout.items_in(module):
        draft.parts.append(Part(item.index, _moved_text(layout, item, place), item.index))
    if any(file_path.MAIN_FILE in part.text for part in draft.parts):
        draft.parts.append(Part(-2, file_path.definition(place)))
        draft.imports.append(Import("Path", "pathlib", "Path"))
    if module == layout.assembling:
        _assemble(layout, draft)
    if module and module == layout.api:
        _gather(layout, draft)
    draft.parts.sort(key=lambda part: (part.position, part.item))
    import_what_is_read(layout, draft)
    return draft


def _place(layout: Layout, draft: Draft, router: Router | None) -> Place:
    return Place(
        draft.module,
        layout.identity.name,
        layout.identity.path.name,
        router=router.name if router else "",
        owner=router.owner if router else layout.survey.app or "",
        prefix=router.prefix if router else "",
        through=_through(layout, draft),
        given_out=_given_out(layout, draft.module),
        namesakes=layout.survey.namesakes,
    )


def _through(layout: Layout, draft: Draft) -> dict[str, str]:
    found = {}
    for name in sorted(layout.through):
        home = layout.home_of(name)
        used = any(name in i.names.reads | i.names.rebinds for i in layout.items_in(draft.module))
        if home not in {None, draft.module, ROOT} and used:
            found[name] = f"{alias_of(layout, draft, home)}.{name}"
    return found


def _given_out(layout: Layout, module: str) -> frozenset[str]:
    own = {name for name in layout.through if layout.home_of(name) == module}
    read = {name for item in layout.items_in(module) for name in item.names.reads}
    return frozenset(own - read)


def _moved_text(layout: Layout, item: Item, place: Place) -> str:
    node = item.statement.node
    moved = place.module != layout.assembling
    if moved and _registers_from_outside(layout, item):
        place = replace(place, unregister=True)
    elif item.kind != "route":
        place = replace(place, router="")
    return layout.survey.source.module.code_for_node(rewrite(node, place))


def _registers_from_outside(layout: Layout, item: Item) -> bool:
    """Is it moved without the decorator that registers it on the application?"""
    if registered_as(layout.survey, item) in REGISTERED:
        return True
    return item.kind == "route" and not is_router_route(layout.survey, item)


def _assemble(layout: Layout, draft: Draft) -> None:
    """Add what ties the rest to the application: registrations and routers."""
    for item in layout.survey.items.values():
        if layout.homes[item.index] == draft.module or not _registers_from_outside(layout, item):
            continue
        node = item.statement.node
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            draft.parts.append(Part(item.index, registrations(node, layout.survey.app or "")))
    routers = placed(layout.survey, layout.plan, layout.homes, draft.module)
    together = gathered(layout, routers)
    for position, router in routers:
        if router in together:
            continue
        alias = alias_of(layout, draft, router.module)
        draft.parts.append(
            Part(position, f"{router.owner}.include_router({alias}.{router.name})\n")
        )
    if together:
        position = next(place for place, router in routers if router in together)
        draft.parts.append(Part(position, inclusion(layout, together[0].owner)))
        draft.imports.append(
            headers.import_from(layout.identity, draft.module, layout.api, api_name(layout))
        )


def _gather(layout: Layout, draft: Draft) -> None:
    """Write the module that includes the routers of all resources."""
    name = api_name(layout)
    draft.parts.append(Part(0, f"{name} = APIRouter()\n"))
    draft.imports.append(Import("APIRouter", "fastapi", "APIRouter"))
    routers = placed(layout.survey, layout.plan, layout.homes, layout.assembling)
    for router in gathered(layout, routers):
        alias = alias_of(layout, draft, router.module)
        draft.parts.append(Part(1, f"{name}.include_router({alias}.{router.name})\n"))


def _path(layout: Layout, module: str) -> str:
    if not module:
        return layout.identity.path.name
    return f"{layout.identity.package}/{module}.py"


def _write(layout: Layout, draft: Draft, imports: str) -> str:
    if not draft.module:
        return write_root(layout, draft, imports)
    docstring = layout.survey.source.docstring
    uses_doc = any("__doc__" in names_of(part.text).reads for part in draft.parts)
    head = docstring.text.strip("\n") + "\n\n" if docstring and uses_doc else ""
    code = draft.code().strip("\n") + "\n"
    gap = "" if not imports else "\n" if draft.module == layers.SETUP else gap_before(code)
    return f"{head}{imports.strip()}\n{gap}{code}" if imports.strip() else f"{head}{code}"


def _package_sentences(layout: Layout, files: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each package that has no set-up of its own."""
    package = layout.identity.package
    found = {}
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            init = "/".join([*parts[:depth], "__init__.py"])
            what = sentence(parts[depth - 1]) if depth > 1 else sentence("", layout.identity)
            if init not in files and parts[0] == package:
                found[init] = f'"""{what}"""\n'
    return found
