"""Finds MAIN: how it is imported, from where it is started, what its package is called.

When the project's own words leave a doubt, the first way that imports is taken.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi_grow.evidence import names_in_use, possible_names, project_of
from fastapi_grow.identity import Identity


@dataclass(frozen=True)
class Way:
    """One way to import MAIN, and the folder to start it in."""

    identity: Identity
    cwd: Path


class NoMain(ValueError):
    """MAIN is not there, or is no Python file."""


def find_main(given: str) -> Path:
    """The path of MAIN; raises NoMain with what to do."""
    path = Path(given).resolve()
    if path.is_dir():
        path = path / "main.py"
    if not path.is_file():
        raise NoMain(f"{given} does not exist: name the file that makes the FastAPI object")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise NoMain(f"{given} cannot be imported: it needs a name like main.py")
    return path


def ways_to_import(main: Path, package: str | None, here: Path) -> list[Way]:
    """The ways to try, the likeliest first."""
    project = project_of(main)
    used = names_in_use(main, project)
    short, dotted = used.get(main.stem, 0), {n: c for n, c in used.items() if "." in n and c}
    names = sorted(dotted, key=lambda name: -dotted[name])
    if _imports_relatively(main):
        names = names or [name for name in possible_names(main, project) if "." in name][:1]
    elif short or not names:
        names = (
            [main.stem, *names] if short >= max(dotted.values(), default=0) else [*names, main.stem]
        )
    both = bool(dotted) or (main.parent / "__init__.py").exists()
    if _imports_relatively(main):
        both = False
    return list(_ways(main, project, names, package, both=both, here=here))


def _ways(
    main: Path, project: Path, names: list[str], package: str | None, *, both: bool, here: Path
) -> Iterator[Way]:
    for name in [*names, *(n for n in possible_names(main, project) if n not in names)]:
        root = main.parents[name.count(".")]
        identity = Identity(main, root, name, package or package_name(main), both)
        folders = [root, here, main.parent, project]
        seen: list[Path] = []
        for cwd in folders:
            if cwd not in seen and cwd.is_relative_to(project):
                seen.append(cwd)
                yield Way(identity, cwd)


def _imports_relatively(main: Path) -> bool:
    tree = ast.parse(main.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


def package_name(main: Path) -> str:
    """`app`, or `<stem>_app` where that is taken."""
    folder = main.parent
    taken = (
        main.stem == "app"
        or folder.name == "app"
        or any((folder / name).exists() for name in ("app", "app.py"))
        or "app" in sys.stdlib_module_names
    )
    return f"{main.stem.strip('_')}_app" if taken else "app"
