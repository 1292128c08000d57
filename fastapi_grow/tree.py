"""The grown project as text: a pure function of the survey and of which statements have moved.

Every step writes the whole tree anew from the original MAIN, so a step that cannot be proved is
left out simply by not counting its statements as moved.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import libcst as cst

from fastapi_grow import headers, layers
from fastapi_grow.identity import Identity
from fastapi_grow.imports import Import, write_imports
from fastapi_grow.include import Router, placed, router_in
from fastapi_grow.place import Place
from fastapi_grow.plan import REGISTERED, Plan, is_router_route
from fastapi_grow.rewrites import rewrite
from fastapi_grow.rewrites.route import registrations
from fastapi_grow.root import write_root
from fastapi_grow.scope import names_of
from fastapi_grow.survey import Item, Survey
from fastapi_grow.unused import kept_for_effect

ROOT = ""  # MAIN itself, as a module of the tree
REGISTERS = "  # noqa: F401 - registers what it defines"


@dataclass(frozen=True)
class Part:
    """A piece of a module: a statement that moved (`item`), or a line of ours (-1)."""

    position: int
    text: str
    item: int = -1


@dataclass
class Draft:
    """One module while it is being written."""

    module: str
    parts: list[Part] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)  # module -> the name it has here

    def code(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Layout:
    """What is where in one tree."""

    survey: Survey
    plan: Plan
    identity: Identity
    homes: dict[int, str]
    exports: frozenset[str]  # names that other files take from MAIN
    through: frozenset[str]  # names reached through their module

    @property
    def assembling(self) -> str:
        return layers.MAIN if layers.MAIN in self.homes.values() else ROOT

    def home_of(self, name: str) -> str | None:
        """The module that defines `name`; None for a name that MAIN does not define."""
        where = self.survey.definers.get(name)
        return self.homes[where[-1]] if where else None

    def items_in(self, module: str) -> list[Item]:
        return [self.survey.items[index] for index, home in self.homes.items() if home == module]


@dataclass(frozen=True)
class Tree:
    """Texts by path relative to MAIN's folder, and what every module runs, in order."""

    files: dict[str, str]
    runs: dict[str, list[int | str]]  # module -> items it runs and modules it imports

    def lines(self) -> dict[str, int]:
        return {path: text.count("\n") for path, text in sorted(self.files.items())}


def write_tree(layout: Layout) -> Tree:
    """The files of `layout`; raises Unplaceable when routes cannot keep their order."""
    modules = sorted({*layout.homes.values(), ROOT})
    drafts = {module: _draft(layout, module) for module in modules}
    _export(layout, drafts[ROOT])
    _reach_every_module(layout, drafts)
    first_party = {layout.identity.package, *_siblings(layout.identity)}
    texts = {module: write_imports(draft.imports) for module, draft in drafts.items()}
    sorted_imports = headers.sort_headers(texts, first_party)
    files = {}
    for module, draft in drafts.items():
        files[_path(layout, module)] = _write(layout, draft, sorted_imports[module])
    files |= _package_sentences(layout, files)
    runs = {
        module: [*_imported_modules(layout, module, sorted_imports[module]), *_items(draft)]
        for module, draft in drafts.items()
    }
    return Tree(files, runs)


def _items(draft: Draft) -> list[int]:
    return [part.item for part in draft.parts if part.item >= 0]


def _siblings(identity: Identity) -> set[str]:
    return {path.stem for path in identity.folder.glob("*.py")}


def _draft(layout: Layout, module: str) -> Draft:
    draft = Draft(module)
    router = router_in(layout.survey, layout.plan, layout.homes, module)
    place = _place(layout, draft, router)
    if router:
        draft.parts.append(Part(-1, router.line))
        draft.imports.append(Import("APIRouter", "fastapi", "APIRouter"))
    for item in layout.items_in(module):
        draft.parts.append(Part(item.index, _moved_text(layout, item, place), item.index))
    if module == layout.assembling:
        _assemble(layout, draft)
    draft.parts.sort(key=lambda part: (part.position, part.item))
    _import_what_is_read(layout, draft)
    return draft


def _place(layout: Layout, draft: Draft, router: Router | None) -> Place:
    return Place(
        draft.module,
        layout.identity.name,
        layout.identity.path.name,
        router="router" if router else "",
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
            found[name] = f"{_alias(layout, draft, home)}.{name}"
    return found


def _given_out(layout: Layout, module: str) -> frozenset[str]:
    own = {name for name in layout.through if layout.home_of(name) == module}
    read = {name for item in layout.items_in(module) for name in item.names.reads}
    return frozenset(own - read)


def _alias(layout: Layout, draft: Draft, module: str) -> str:
    """Import `module` as a whole into `draft` under a name nothing there uses."""
    if module not in draft.aliases:
        name = module.rpartition("/")[2]
        taken = _words(layout, draft.module) | set(draft.aliases.values())
        while name in taken:
            name += "_module" if not module.startswith(layers.ROUTERS) else "_routes"
        draft.aliases[module] = name
        draft.imports.append(headers.import_module(layout.identity, draft.module, module, name))
    return draft.aliases[module]


def _words(layout: Layout, module: str) -> set[str]:
    """Every identifier in the statements of a module, and the names they import."""
    words = set(layout.survey.owners)
    for item in layout.items_in(module):
        for node in ast.walk(item.statement.tree):
            words |= {getattr(node, key, None) for key in ("id", "arg", "name", "asname")}
        words |= item.names.reads | item.names.binds
    return {word for word in words if isinstance(word, str)}


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
    if item.kind in REGISTERED:
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
    for position, router in placed(layout.survey, layout.plan, layout.homes, draft.module):
        alias = _alias(layout, draft, router.module)
        draft.parts.append(Part(position, f"{router.owner}.include_router({alias}.router)\n"))


def _import_what_is_read(layout: Layout, draft: Draft) -> None:
    bound = set(draft.aliases.values())
    unknown = set()
    for part in draft.parts:
        names = names_of(part.text)
        bound |= names.binds
        for name in sorted(names.reads - set(draft.aliases.values())):
            found = _imports_of(layout, draft.module, name, part)
            draft.imports += found
            if not found and layout.home_of(name) is None and not hasattr(builtins, name):
                unknown.add(name)
    stars = [entry for entry in layout.survey.imports if entry.attribute == "*"]
    depth = _depth(draft.module)
    if unknown - bound:
        draft.imports += [entry.deeper(depth) for entry in stars]
    if draft.parts:
        future = [entry for entry in layout.survey.imports if entry.module == "__future__"]
        draft.imports += future


def _depth(module: str) -> int:
    return module.count("/") + 1 if module else 0


def _imports_of(layout: Layout, module: str, name: str, part: Part) -> list[Import]:
    home = layout.home_of(name)
    if home == module:
        return []
    if home is not None:
        return [headers.import_from(layout.identity, module, home, name)] if home else []
    item = layout.survey.items.get(part.item) or next(iter(layout.survey.items.values()))
    entries = layout.survey.import_for(name, item)
    return [entry.deeper(_depth(module)) for entry in entries if entry.attribute != "*"]


def _export(layout: Layout, draft: Draft) -> None:
    """Let MAIN keep giving out the names that other files take from it."""
    for name in sorted(layout.exports):
        home = layout.home_of(name)
        if home is None:
            draft.imports += layout.survey.imported.get(name, [])
        elif home != ROOT and name in layout.through:
            _alias(layout, draft, home)
        elif home != ROOT:
            draft.imports.append(headers.import_from(layout.identity, ROOT, home, name))
        if home != ROOT:
            draft.exports.append(name)


def _reach_every_module(layout: Layout, drafts: dict[str, Draft]) -> None:
    """Import for its effect whatever nothing imports: tables, tasks and plugins register so."""
    assembling = drafts[layout.assembling]
    assembling.imports += kept_for_effect(layout.survey, layout.exports, _depth(assembling.module))
    reached = _reached(layout, drafts)
    if reached == {ROOT} and layers.SETUP in drafts:
        assembling.imports.append(replace(_package_itself(layout.identity), comment=REGISTERS))
    for module in sorted(set(drafts) - reached - {layers.SETUP}):
        entry = headers.import_module(
            layout.identity, assembling.module, module, module.rpartition("/")[2]
        )
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
            waiting += _imported_modules(layout, module, header)
    return reached


def _package_itself(identity: Identity) -> Import:
    if identity.dotted:
        return Import(identity.package, "", identity.package, 1)
    return Import(identity.package, identity.package)


def _imported_modules(layout: Layout, module: str, header: str) -> list[str]:
    """The modules of the package that `header` imports, in order."""
    known = {*layout.homes.values()} - {ROOT}
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
        found += [
            path for a in node.names if (path := f"{base}/{a.name}".lstrip("/")) in known
        ]
    return found


def _base(identity: Identity, module: str, node: ast.ImportFrom) -> str | None:
    """The path inside the package that `from X import` names, None when it is outside."""
    dotted = node.module or ""
    if not module:
        if dotted != identity.package and not dotted.startswith(f"{identity.package}."):
            return None
        return dotted.removeprefix(identity.package).strip(".").replace(".", "/")
    parents = module.split("/")[:-1]
    if not 1 <= node.level <= len(parents) + 1:
        return None
    kept = parents[: len(parents) - node.level + 1]
    return "/".join([*kept, *dotted.split(".")] if dotted else kept)


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
    gap = "" if not imports else "\n" if draft.module == layers.SETUP else _gap(code)
    return f"{head}{imports.strip()}\n{gap}{code}" if imports.strip() else f"{head}{code}"


def _gap(code: str) -> str:
    starts = code.lstrip("# \n").startswith(("def ", "class ", "async def ", "@"))
    return "\n\n" if starts else "\n"


def _package_sentences(layout: Layout, files: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each package that has no set-up of its own."""
    package = layout.identity.package
    sentences = {
        f"{package}/__init__.py": f'"""What {layout.identity.path.name} is made of."""\n',
        f"{package}/routers/__init__.py": '"""The routes, a module for each resource."""\n',
    }
    folders = {path.rpartition("/")[0] for path in files}
    return {
        path: text
        for path, text in sentences.items()
        if path not in files and path.rpartition("/")[0] in folders
    }
