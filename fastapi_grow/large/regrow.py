"""Where growing goes on for an app that is at the small stage already.

The package on disk is read as the one file it came from, and its tests as they would read then;
the layout that leads back to the files on disk is where the large stage begins.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from fastapi_grow import layers
from fastapi_grow.evidence import project_files
from fastapi_grow.externals import External, read_external
from fastapi_grow.groups import Group
from fastapi_grow.identity import Identity
from fastapi_grow.kinds import classify
from fastapi_grow.large.rejoin import Rejoined, rejoin
from fastapi_grow.layout import Layout
from fastapi_grow.maybe import maybe_unbound
from fastapi_grow.plan import Plan, free_routes_of_owner
from fastapi_grow.routes import routes_of
from fastapi_grow.subject import read_text
from fastapi_grow.survey import Survey, survey


def layout_of(rejoined: Rejoined, identity: Identity) -> Layout:
    """The layout whose tree is the package on disk."""
    found = survey_of(rejoined)
    homes = {index: rejoined.homes[index] for index in found.items}
    plan = Plan(dict(homes), _groups(found, homes))
    exports = {name for name in rejoined.exports if name in {*found.definers, *found.imported}}
    through = (found.rebound | rejoined.through | maybe_unbound(found)) & set(found.definers)
    return Layout(found, plan, identity, homes, frozenset(exports), frozenset(through))


def survey_of(rejoined: Rejoined) -> Survey:
    found = survey(rejoined.text)
    classify(found)
    free_routes_of_owner(found)
    return found


def _groups(found: Survey, homes: dict[int, str]) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for index, home in homes.items():
        if home.startswith(layers.ROUTERS):
            group = groups.setdefault(home, Group(home.removeprefix(layers.ROUTERS), set()))
            group.items.add(index)
            routes = routes_of(found, found.items[index])
            if routes or found.items[index].kind == "router":
                group.routes[index] = routes
    return groups


@dataclass(frozen=True)
class OnDisk:
    """A small package as it was found."""

    package: str
    files: dict[str, str]  # MAIN included, by path from MAIN's folder
    rejoined: Rejoined

    @property
    def modules(self) -> tuple[str, ...]:
        return tuple(path for path in self.files if path.startswith(f"{self.package}/"))


def small_on_disk(main: Path) -> OnDisk | None:
    """The small package that MAIN stands for; None when what it imports is something else."""
    text = read_text(main)
    for node in ast.walk(ast.parse(text)):
        name = (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else ""
        folder = main.parent / name
        if name and (folder / "__init__.py").exists() and folder != main.parent:
            paths = [p for p in sorted(folder.rglob("*.py")) if "__pycache__" not in p.parts]
            files = {p.relative_to(main.parent).as_posix(): read_text(p) for p in paths}
            files[main.name] = text
            try:
                return OnDisk(name, files, rejoin(files, main.name, name))
            except ValueError:
                return None
    return None


def read_others(disk: OnDisk, identity: Identity, project: Path) -> list[External]:
    """The files that know MAIN or its package, as they would read if there were only MAIN."""
    found = []
    inside = identity.folder / disk.package
    for path in project_files(project):
        if path.suffix != ".py" or path == identity.path or path.is_relative_to(inside):
            continue
        try:
            text = path.read_text(encoding="utf-8")
            if disk.package in text:
                text = before_moving(text, identity)
            external = read_external(identity, path, text)
        except (UnicodeDecodeError, SyntaxError, cst.ParserSyntaxError):
            continue
        if external.names or external.aliases or external.patched or external.star:
            found.append(external)
    return found


def before_moving(text: str, identity: Identity) -> str:
    """`from app.schemas import Item` as `from main import Item`, in imports and patch targets."""
    parent = identity.name.rpartition(".")[0]
    package = f"{parent}.{identity.package}".lstrip(".")
    return cst.parse_module(text).visit(_ToMain(package, identity.name)).code


class _ToMain(cst.CSTTransformer):
    def __init__(self, package: str, main: str) -> None:
        super().__init__()
        self.package = package
        self.main = main

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.BaseSmallStatement:
        module = cst.Module([]).code_for_node(original_node.module) if original_node.module else ""
        if original_node.relative or not f"{module}.".startswith(f"{self.package}."):
            return updated_node
        if module != self.package:
            return updated_node.with_changes(module=_dotted(self.main))
        if isinstance(updated_node.names, cst.ImportStar) or len(updated_node.names) > 1:
            return updated_node
        alias = updated_node.names[0]  # `from app import state as state_module`: MAIN has it all
        name = alias.evaluated_alias or alias.evaluated_name
        return cst.Import([cst.ImportAlias(_dotted(self.main), cst.AsName(cst.Name(name)))])

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        text = updated_node.evaluated_value
        if not isinstance(text, str) or not text.startswith(f"{self.package}."):
            return updated_node
        parts = text.removeprefix(f"{self.package}.").split(".")
        names = parts[2:] if parts[0] == "routers" else parts[1:]
        if not names or not all(part.isidentifier() for part in parts):
            return updated_node
        value = ".".join([self.main, *names])
        return updated_node.with_changes(value=f"{updated_node.quote}{value}{updated_node.quote}")


def _dotted(name: str) -> cst.Attribute | cst.Name:
    node = cst.parse_expression(name)
    if not isinstance(node, cst.Attribute | cst.Name):
        raise TypeError(f"{name} is no dotted name")
    return node


def same_code(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Are two trees the same but for blank lines?"""
    return _lines(one) == _lines(other)


def comments_of(files: Mapping[str, str]) -> set[str]:
    """Every comment in the files, once."""
    return {
        token.string
        for text in files.values()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }


def _lines(files: Mapping[str, str]) -> dict[str, list[str]]:
    return {
        path: [line for line in text.splitlines() if line.strip()] for path, text in files.items()
    }
