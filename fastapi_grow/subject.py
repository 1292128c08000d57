"""Everything known of one app before it grows: read, planned, and the old version watched."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi_grow.evidence import project_of
from fastapi_grow.externals import External, externals
from fastapi_grow.groups import SMALL
from fastapi_grow.identity import Identity
from fastapi_grow.kinds import classify
from fastapi_grow.layout import Layout
from fastapi_grow.locate import Way, ways_to_import
from fastapi_grow.maybe import maybe_unbound
from fastapi_grow.observe import Observer, ProbeFailed, literals
from fastapi_grow.plan import plan_small
from fastapi_grow.scope import dotted_name
from fastapi_grow.suite import Suite, find_suite
from fastapi_grow.survey import Survey, survey
from fastapi_grow.verify import Verifier

Reading = Callable[[Identity, Path], list[External]]
PICKLING = {"pickle", "joblib", "cloudpickle", "dill", "torch", "sklearn"}


@dataclass(frozen=True)
class Options:
    """What the user asked for; the defaults are those of the command line."""

    main: Path
    package: str | None = None
    python: str = "python"
    requests: int = 200
    tests: str | None = None
    no_tests: bool = False
    here: Path = Path()


class NotAnApp(ValueError):
    """MAIN can be read but makes no FastAPI application."""


def read_app(main: Path) -> Survey:
    """Survey MAIN; raises NotAnApp or SyntaxError."""
    found = survey(read_text(main))
    classify(found)
    if found.app is None and factory_of(found) is None and not is_grown(found):
        raise NotAnApp(f"{main.name} makes no FastAPI object: name the file that does")
    return found


def survey_loosely(main: Path) -> Survey:
    """Survey a file that may import its application from elsewhere."""
    found = survey(read_text(main))
    classify(found)
    return found


def read_text(path: Path) -> str:
    """A source file with plain line ends and no byte order mark."""
    return path.read_text(encoding="utf-8-sig")


def is_grown(found: Survey) -> bool:
    """Is there nothing in MAIN but imports, `__all__` and a `__main__` guard?"""
    trees = [item.statement.tree for item in found.items.values() if item.kind != "guard"]
    only_gives_out = found.app is None and all(_gives_out(tree) for tree in trees)
    return only_gives_out and bool(trees or found.imported.get("app"))


def _gives_out(tree: ast.stmt) -> bool:
    """Is it `__all__ = ...`, `def __getattr__` or imports under `if __package__:`?"""
    if isinstance(tree, ast.If):
        parts = [*tree.body, *tree.orelse]
        return all(isinstance(part, ast.Import | ast.ImportFrom) for part in parts)
    if isinstance(tree, ast.Assign):
        return dotted_name(tree.targets[0]) == "__all__"
    return isinstance(tree, ast.FunctionDef) and tree.name == "__getattr__"


def factory_of(found: Survey) -> str | None:
    """A function without required arguments that makes a FastAPI object and returns it."""
    for item in found.items.values():
        tree = item.statement.tree
        if not isinstance(tree, ast.FunctionDef) or tree.args.args or tree.args.kwonlyargs:
            continue
        calls = {found.resolve(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if calls & {"fastapi.FastAPI", "fastapi.applications.FastAPI"}:
            return tree.name
    return None


def lay_out(found: Survey, way: Way, known: list[External], small: int = SMALL) -> Layout:
    """The plan, and what MAIN must go on giving out."""
    patched = {name for external in known for name in external.patched}
    taken = {name for external in known for name in external.names}
    if any(external.star for external in known):
        taken |= {name for name in found.definers if not name.startswith("_")}
    exports = {name for name in taken | patched if name in found.definers or name in found.imported}
    exports |= set(classes_of(found)) | _found_by_name(found)
    through = (found.rebound | patched | maybe_unbound(found)) & set(found.definers)
    plan = plan_small(found, small)
    return Layout(found, plan, way.identity, {}, frozenset(exports), frozenset(through))


def _imported_app(found: Survey) -> str | None:
    return "app" if "app" in found.imported or "app" in found.definers else None


def classes_of(found: Survey) -> list[str]:
    """The classes of MAIN: pickles and other programs may name them."""
    trees = [item.statement.tree for item in found.items.values()]
    return [tree.name for tree in trees if isinstance(tree, ast.ClassDef)]


def _found_by_name(found: Survey) -> set[str]:
    """What others look up in MAIN by name.

    Applications and what is made of them (`handler = Mangum(app)`), factories, Celery apps, and
    functions that a pickle may name.
    """
    pickles = any(entry.module.split(".")[0] in PICKLING for entry in found.imports)
    apps = {name for name, owner in found.owners.items() if owner == "app"}
    names = {factory_of(found), *apps} - {None}
    for item in found.items.values():
        made = found.resolve(getattr(item.statement.tree, "value", None))
        if made == "celery.Celery" or (item.kind == "constant" and item.names.now & apps):
            names |= item.names.binds & set(found.definers)
        if pickles and item.kind in {"service", "ml"}:
            names |= item.names.binds & set(found.definers)
    return {str(name) for name in names}


def watch(
    found: Survey, options: Options, reading: Reading = externals
) -> tuple[Verifier, Way, list[External]]:
    """Import the old app in the likeliest way that works, and learn what it does.

    `reading` finds the files that know MAIN. Raises ProbeFailed with the app's own error when it
    cannot be imported at all.
    """
    main = options.main
    project = project_of(main)
    errors = []
    for way in ways_to_import(main, options.package, options.here):
        known = reading(way.identity, project)
        observer = Observer(
            project, way.identity, options.python, way.cwd, found.app or _imported_app(found),
            factory_of(found), classes_of(found),
        )  # fmt: skip
        suite = Suite(project, way.identity, options.python)
        if not options.no_tests:
            suite = find_suite(project, way.identity, options.python, known, options.tests)
        verifier = Verifier(observer, suite, {main.name: read_text(main)})
        try:
            verifier.learn(literals(found.source.text), options.requests)
        except ProbeFailed as error:
            errors.append(error)
            continue
        return verifier, way, known
    raise errors[0]
