"""One module while it is being written: its parts in order, and the imports they need."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from fastapi_grow import headers, layers
from fastapi_grow.imports import Import
from fastapi_grow.layout import Layout


@dataclass(frozen=True)
class Part:
    """A piece of a module: a statement that moved (`item`), or a line of ours (-1)."""

    position: int
    text: str
    item: int = -1


@dataclass
class Draft:
    """One module of the tree."""

    module: str
    parts: list[Part] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)  # module -> the name it has here

    @property
    def items(self) -> list[int]:
        return [part.item for part in self.parts if part.item >= 0]

    def code(self) -> str:
        """The parts joined; lines of ours keep a distance from the others."""
        code = ""
        previous = None
        for part in self.parts:
            if previous is not None and (part.item < 0) != (previous.item < 0):
                gap = gap_before(part.text)
                code += "\n\n" if gap and _defines(previous.text) else gap
            code += part.text
            previous = part
        return code


def gap_before(code: str) -> str:
    """The blank lines that belong above `code`, if it does not bring its own."""
    if code.startswith("\n"):
        return ""
    return "\n\n" if _defines(code) else "\n"


def _defines(code: str) -> bool:
    """Is it, below its comments, a function or a class?"""
    lines = (line for line in code.splitlines() if line.strip() and not line.startswith("#"))
    return next(lines, "").startswith(("def ", "class ", "async def ", "@"))


def alias_of(layout: Layout, draft: Draft, module: str) -> str:
    """Import `module` as a whole into `draft`, under a name nothing there uses."""
    if module not in draft.aliases:
        given_out = set() if draft.module else set(layout.exports)  # MAIN imports these by name
        taken = _words(layout, draft.module) | given_out | set(draft.aliases.values())
        name = _free_name(module, taken)
        draft.aliases[module] = name
        draft.imports.append(headers.import_module(layout.identity, draft.module, module, name))
    return draft.aliases[module]


def _free_name(module: str, taken: set[str]) -> str:
    """`users` for "routers/users", `users_routes` where that is taken."""
    parts = module.split("/")
    name = parts[-1]
    if name in taken and len(parts) > 1 and not module.startswith(layers.ROUTERS):
        name = f"{parts[-2]}_{name}"
    while name in taken:
        name += "_routes" if module.startswith(layers.ROUTERS) else "_module"
    return name


def _words(layout: Layout, module: str) -> set[str]:
    """Every identifier in the statements of a module, and the names they import."""
    words: set[object] = set(layout.survey.owners)
    for item in layout.items_in(module):
        for node in ast.walk(item.statement.tree):
            words |= {getattr(node, key, None) for key in ("id", "arg", "name", "asname")}
        words |= item.names.reads | item.names.binds
    return {word for word in words if isinstance(word, str)}
