"""What other files of the project take from MAIN: names they import, names they patch.

MAIN keeps giving out the first; the second are reached through their module after a move, so that
a patch still meets every caller.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from fastapi_grow.evidence import project_files
from fastapi_grow.identity import Identity
from fastapi_grow.scope import dotted_name

PATCHERS = {"setattr", "patch", "object", "delattr", "dict", "multiple", "setitem"}


@dataclass
class External:
    """One file that knows MAIN."""

    path: Path
    text: str
    names: set[str] = field(default_factory=set)  # taken from MAIN
    patched: set[str] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)  # names MAIN has as a module here
    star: bool = False

    @property
    def is_test(self) -> bool:
        name = self.path.name
        return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def externals(identity: Identity, project: Path) -> list[External]:
    """The Python files of `project` that import MAIN, itself included, or patch it."""
    found = []
    for path in project_files(project):
        if path.suffix != ".py":
            continue
        try:
            text = path.read_text(encoding="utf-8")
            if identity.stem not in text:
                continue
            external = read_external(identity, path, text)
            if path == identity.path:
                external.patched = set()
        except (UnicodeDecodeError, SyntaxError):
            continue
        if external.names or external.aliases or external.patched or external.star:
            found.append(external)
    return found


def read_external(identity: Identity, path: Path, text: str) -> External:
    """What one file takes from MAIN; raises SyntaxError when it is not Python 3."""
    external = External(path, text)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            _read_from(identity, external, node)
        elif isinstance(node, ast.Import):
            external.aliases |= {
                alias.asname or alias.name
                for alias in node.names
                if alias.name in _names(identity, path)
            }
    for node in ast.walk(tree):
        external.star |= _imports_by_name(identity, node)
        _read_use(identity, external, node)
    return external


def _names(identity: Identity, path: Path) -> set[str]:
    """The names that mean MAIN in the file at `path`; `main` means the nearest main.py above it."""
    long = {identity.name} if identity.dotted else set()
    nearest = (folder / identity.path.name for folder in path.parents)
    found = next((candidate for candidate in nearest if candidate.exists()), None)
    if found is None:
        return identity.names if path.parent.name.startswith("test") else long
    return identity.names if found == identity.path else long


def is_main(identity: Identity, path: Path, node: ast.ImportFrom) -> bool:
    """Does `from X import ...` in the file at `path` import from MAIN?"""
    if node.level:
        folder = path.parents[node.level - 1]
        target = folder.joinpath(*(node.module or "").split(".")).with_suffix(".py")
        return bool(node.module) and target == identity.path
    return node.module in _names(identity, path)


def _read_from(identity: Identity, external: External, node: ast.ImportFrom) -> None:
    if is_main(identity, external.path, node):
        external.star |= any(alias.name == "*" for alias in node.names)
        external.names |= {alias.name for alias in node.names} - {"*"}
        return
    for alias in node.names:  # from src import app, from . import main
        if alias.name != identity.stem:
            continue
        dotted = f"{node.module}.{alias.name}" if node.module else alias.name
        beside = node.level and external.path.parents[node.level - 1] == identity.folder
        if (dotted == identity.name and identity.dotted) or (beside and not node.module):
            external.aliases.add(alias.asname or alias.name)


IMPORTERS = {"import_module", "__import__", "reload", "run_module"}


def _imports_by_name(identity: Identity, node: ast.AST) -> bool:
    """Is it `import_module("main")`, or with an f-string that can become MAIN's name?"""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    func, argument = called(node), node.args[0]
    if isinstance(argument, ast.JoinedStr):
        head = argument.values[0]
        start = str(head.value) if isinstance(head, ast.Constant) else ""
        path = ".".join(identity.path.with_suffix("").parts)
        return func in IMPORTERS and f".{start}".rstrip(".") in path
    name = argument.value if isinstance(argument, ast.Constant) else None
    return func in IMPORTERS and name in identity.names


def _read_use(identity: Identity, external: External, node: ast.AST) -> None:
    if isinstance(node, ast.Attribute):
        if dotted_name(node.value) in external.aliases:
            external.names.add(node.attr)
            if isinstance(node.ctx, ast.Store | ast.Del):
                external.patched.add(node.attr)
    elif isinstance(node, ast.Call) and node.args and called(node) in PATCHERS:
        first, *rest = node.args
        text = first.value if isinstance(first, ast.Constant) else None
        if isinstance(text, str):
            external.patched |= {
                text.removeprefix(f"{main}.").split(".")[0]
                for main in _names(identity, external.path)
                if text.startswith(f"{main}.")
            }
        name = getattr(rest[0], "value", None) if rest else None
        if isinstance(name, str) and dotted_name(first) in external.aliases:
            external.patched.add(name)
            external.names.add(name)


def called(call: ast.Call) -> str:
    """The last name of what is called: `setattr` for `monkeypatch.setattr(...)`."""
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
