"""What MAIN defines: every top-level statement with its kind, and who uses whom.

The survey is plain data. It decides nothing about where a statement belongs: `plan` does.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from fastapi_grow.imports import Import, read_imports
from fastapi_grow.rewrites.model_name import namesakes
from fastapi_grow.scope import Names, dotted_name, names_of
from fastapi_grow.source import Source, Statement, read_source

APPS = {
    "fastapi.FastAPI", "fastapi.applications.FastAPI", "fastapi_offline.FastAPIOffline",
}  # fmt: skip
ROUTERS = {"fastapi.APIRouter", "fastapi.routing.APIRouter"}


@dataclass
class Item:
    """One statement that is not an import: the unit that moves."""

    statement: Statement
    names: Names
    kind: str = "effect"
    uses: set[int] = field(default_factory=set)  # items whose names it reads
    uses_now: set[int] = field(default_factory=set)  # of these, read when it runs

    @property
    def index(self) -> int:
        return self.statement.index

    @property
    def is_guard(self) -> bool:
        """Is it `if __name__ == "__main__":`?"""
        return isinstance(self.statement.tree, ast.If) and "__name__" in self.names.now

    @property
    def waits(self) -> bool:
        """Has it code that runs later than itself: a function?"""
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        return any(isinstance(node, kinds) for node in ast.walk(self.statement.tree))

    @property
    def title(self) -> str:
        """The name to show people: what it binds, or its first line of code."""
        if self.names.binds:
            return ", ".join(sorted(self.names.binds))
        return ast.unparse(self.statement.tree).splitlines()[0][:60]


@dataclass
class Survey:
    """MAIN, read."""

    source: Source
    imports: list[Import]
    items: dict[int, Item]
    owners: dict[str, str]  # name of a FastAPI or APIRouter object -> "app" or "router"
    rebound: set[str]  # names assigned through `global`
    duplicates: set[str]  # names that several statements bind
    namesakes: frozenset[str] = frozenset()  # names that several classes have

    def __post_init__(self) -> None:
        self.definers: dict[str, list[int]] = defaultdict(list)
        for item in self.items.values():
            for name in item.names.binds - self._bound_for_itself(item):
                self.definers[name].append(item.index)
        for name in [name for name in self.definers if self._is_temporary(name)]:
            del self.definers[name]
        for name in sorted(self.rebound - set(self.definers)):
            # Bound by functions only: the first of them stands for its definition.
            self.definers[name] = [
                next(i for i in self.items if name in self.items[i].names.rebinds)
            ]
        self.imported: dict[str, list[Import]] = defaultdict(list)
        for entry in self.imports:
            self.imported[entry.name].append(entry)

    def _bound_for_itself(self, item: Item) -> set[str]:
        """Names that a `__main__` guard binds, and that no function reads when it is called."""
        if not item.is_guard:
            return set()
        later = (other for other in self.items.values() if other is not item and other.waits)
        return item.names.binds - {name for other in later for name in other.names.reads}

    def _is_temporary(self, name: str) -> bool:
        """Is it a loop variable or the like, that only the blocks which bind it read?"""
        where = self.definers[name]
        blocks = ast.For | ast.While | ast.With | ast.Try | ast.If
        readers = {i for i, item in self.items.items() if name in item.names.reads}
        own = all(isinstance(self.items[index].statement.tree, blocks) for index in where)
        return own and len(where) > 1 and readers <= set(where)

    @property
    def app(self) -> str | None:
        """The name of the application: `app` if there is one, else the first FastAPI object."""
        apps = [name for name, owner in self.owners.items() if owner == "app"]
        return "app" if "app" in apps else next(iter(apps), None)

    def lines(self) -> int:
        return self.source.text.count("\n")

    def resolve(self, node: ast.AST | None) -> str:
        """The full dotted name of an expression: `BaseModel` -> `pydantic.BaseModel`."""
        if isinstance(node, ast.Call | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
            return self.resolve(node)
        dotted = dotted_name(node)
        if dotted is None:
            return ""
        first, _, rest = dotted.partition(".")
        entries = self.imported.get(first)
        if not entries or first in self.definers:
            return dotted
        target = entries[-1].target if entries[-1].attribute or entries[-1].renamed else first
        return f"{target}.{rest}" if rest else target

    def import_for(self, name: str, item: Item) -> list[Import]:
        """The imports that give `name` its meaning where `item` stands."""
        entries = self.imported.get(name, [])
        if len({entry.target for entry in entries if entry.attribute}) < 2:
            return entries
        earlier = [entry for entry in entries if entry.index < item.index]
        return (earlier or entries)[-1:]


def survey(text: str) -> Survey:
    """Read MAIN's text; raises what the parser raises when it is not Python."""
    source = read_source(text)
    imports: list[Import] = []
    items: dict[int, Item] = {}
    for statement in source.statements:
        if statement is source.docstring:
            continue
        found = read_imports(statement)
        imports += found
        if not found:
            items[statement.index] = Item(statement, names_of(statement.text))
    rebound = set().union(*(item.names.rebinds for item in items.values()))
    result = Survey(source, imports, items, {}, rebound, set())
    result.duplicates = {name for name, where in result.definers.items() if len(where) > 1}
    result.owners = _owners(result)
    result.namesakes = namesakes(source.module)
    _link(result)
    return result


def _owners(result: Survey) -> dict[str, str]:
    owners: dict[str, str] = {}
    for item in result.items.values():
        tree = item.statement.tree
        value = getattr(tree, "value", None)
        if isinstance(tree, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call):
            made = result.resolve(value)
            kind = "app" if made in APPS else "router" if made in ROUTERS else ""
            if kind:
                owners |= dict.fromkeys(sorted(item.names.binds), kind)
    return owners


def _link(result: Survey) -> None:
    for item in result.items.values():
        item.uses = set(_definers(result, item, item.names.reads | item.names.rebinds))
        item.uses_now = set(_definers(result, item, item.names.now))


def _definers(result: Survey, item: Item, names: Iterable[str]) -> Iterable[int]:
    for name in names:
        yield from (index for index in result.definers.get(name, []) if index != item.index)
