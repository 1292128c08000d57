"""A small package read as the one file it came from: the inverse of moving, a statement at a time.

The text is never run: it is what the survey reads, with the home every statement has on disk.
Written out again it gives the same files, and is judged by that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import libcst as cst

from fastapi_grow import layers
from fastapi_grow.draft import gap_before
from fastapi_grow.large.unmove import Origin, unmove
from fastapi_grow.scope import dotted_name
from fastapi_grow.source import read_source

GIVES_OUT = {"__all__", "__getattr__"}


@dataclass
class Rejoined:
    """The one file, and the module that each of its statements stands in on disk."""

    text: str
    homes: dict[int, str]
    exports: set[str]  # names that MAIN gives out
    through: set[str]  # names that others reach through their module


@dataclass
class Part:
    """One module of the package on disk."""

    home: str
    tree: cst.Module
    origin: Origin
    imports: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)


def rejoin(files: Mapping[str, str], main: str, package: str) -> Rejoined:
    """Join `files` (paths from MAIN's folder); raises ValueError for what is no small package."""
    texts = {_home(path, package): text for path, text in files.items() if path != main}
    texts[""] = files[main]
    for home in texts:
        if home and home != layers.MAIN and not _is_small(home):
            raise ValueError(f"{package}/{home}.py is no module of the small stage")
    origins = {home: _origin(home, text, texts, package) for home, text in texts.items()}
    _find_routers(texts, origins)
    parts = {
        home: _part(home, text, origins[home], origins) for home, text in sorted(texts.items())
    }
    return _joined(parts, origins, files[main])


def _home(path: str, package: str) -> str:
    return path.removeprefix(f"{package}/").removesuffix(".py")


def _is_small(home: str) -> bool:
    if home.startswith(layers.ROUTERS):
        return home.count("/") == 1
    return home in layers.LAYERS


def _origin(home: str, text: str, texts: Mapping[str, str], package: str) -> Origin:
    """What the names of a module stand for: other modules of the package, and their names."""
    origin = Origin(home)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = _base(home, node, package)
        if base is None:
            continue
        origin.ours.add((node.level, node.module or ""))
        for alias in node.names:
            module = f"{base}/{alias.name}".lstrip("/")
            if module in texts:
                origin.modules[alias.asname or alias.name] = module
                origin.uses.append(module)
            else:
                origin.names.add(alias.asname or alias.name)
                origin.uses.append(base)
    return origin


def _base(home: str, node: ast.ImportFrom, package: str) -> str | None:
    """The path inside the package that an import names; None when it is somebody else's."""
    dotted = node.module or ""
    if not home:
        if dotted != package and not dotted.startswith(f"{package}."):
            return None
        return dotted.removeprefix(package).strip(".").replace(".", "/")
    parents = home.split("/")[:-1]
    if not 1 <= node.level <= len(parents) + 1:
        return None
    kept = parents[: len(parents) - node.level + 1]
    return "/".join([*kept, *dotted.split(".")] if dotted else kept)


def _find_routers(texts: Mapping[str, str], origins: Mapping[str, Origin]) -> None:
    """The routers that the small stage made: included by their module's name."""
    for home in (layers.MAIN, ""):
        for line in ast.parse(texts.get(home, "")).body:
            found = included(line, origins[home])
            if found:
                owner, module, name = found
                origins[module].router, origins[module].owner = name, owner


def included(line: ast.stmt, origin: Origin) -> tuple[str, str, str] | None:
    """owner, module and name for `app.include_router(items.router)`."""
    call = line.value if isinstance(line, ast.Expr) else None
    if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
        return None
    owner, _, method = (dotted_name(call.func) or "").rpartition(".")
    alias, _, name = (dotted_name(call.args[0]) or "").rpartition(".")
    if method == "include_router" and origin.modules.get(alias, "").startswith(layers.ROUTERS):
        return owner, origin.modules[alias], name
    return None


def _part(home: str, text: str, origin: Origin, origins: Mapping[str, Origin]) -> Part:
    tree = cst.parse_module(text)
    part = Part(home, tree, origin)
    code = tree.code_for_node
    header = read_source(text).header
    for number, node in enumerate(tree.body):
        plain = ast.parse(code(node)).body[0]
        if number == 0 and isinstance(plain, ast.Expr) and isinstance(plain.value, ast.Constant):
            continue  # the docstring of MAIN is taken as it is, the others are sentences of ours
        moved = node if included(plain, origin) else unmove(node, origin)
        if moved is None or _is_given_out(plain, home):
            continue
        text = code(moved)
        if isinstance(plain, ast.Import | ast.ImportFrom):
            part.imports.append(text.lstrip("\n"))
            header = ""
        else:
            first = bool(home) and not part.statements
            part.statements.append(_spaced(header + text) if first else text)
    return part


def _spaced(text: str) -> str:
    return gap_before(text) + text


def _is_given_out(plain: ast.stmt, home: str) -> bool:
    if home:
        return False
    targets = getattr(plain, "targets", [])
    names = {getattr(plain, "name", ""), *(dotted_name(target) for target in targets)}
    return bool(names & GIVES_OUT)


def _joined(parts: Mapping[str, Part], origins: Mapping[str, Origin], main: str) -> Rejoined:
    ordered = list(_in_order(parts, origins))
    imports = list(dict.fromkeys(line for part in parts.values() for line in part.imports))
    imports.sort(key=lambda line: not line.startswith("from __future__"))
    source = read_source(main)
    head = source.header + (source.docstring.text if source.docstring else "")
    head = f"{head.rstrip()}\n\n" if head.strip() else ""  # or a comment would join the import
    text = "".join([head, *imports, *(part for _, part in ordered)]) + source.footer
    first = len(read_source(text).statements) - len(ordered)
    homes = {first + number: home for number, (home, _) in enumerate(ordered)}
    through = {name for origin in origins.values() for name in origin.reached}
    live = _given_out(main, "__getattr__")
    # Where MAIN has an `__all__` of its own, what it imports is what it gives out.
    exports = live | (_given_out(main, "__all__") or origins[""].names)
    return Rejoined(text, homes, exports, through | live)


def _in_order(
    parts: Mapping[str, Part], origins: Mapping[str, Origin]
) -> Iterator[tuple[str, str]]:
    """Home and text of every statement as they run; routes where their router is included."""
    entered: set[str] = set()

    def enter(home: str) -> Iterator[tuple[str, str]]:
        if home in entered or home not in parts:
            return
        entered.add(home)
        if home:
            yield from enter(layers.SETUP)
        for used in origins[home].uses:
            if origins[used].router:
                for further in origins[used].uses:
                    yield from enter(further) if not origins[further].router else ()
            else:
                yield from enter(used)
        for text in parts[home].statements:
            found = included(ast.parse(text).body[0], origins[home])
            if found:
                yield from enter(found[1])
            else:
                yield home, text

    yield from enter("")


def _given_out(main: str, where: str) -> set[str]:
    """The names in `__all__` or `__getattr__` of MAIN, which others take from it."""
    found: set[str] = set()
    for node in ast.parse(main).body:
        targets = [dotted_name(target) for target in getattr(node, "targets", [])]
        if where not in {*targets, getattr(node, "name", "")}:
            continue
        for part in ast.walk(node):
            names = part.elts if isinstance(part, ast.Set | ast.List) else []
            found |= {str(ast.literal_eval(name)) for name in names}
    return found
