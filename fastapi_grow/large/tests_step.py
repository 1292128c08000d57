"""The step that moves the app's tests from beside MAIN to `tests/`, with the same results.

Only tests that were run before anything moved are moved, and run once more from their new place as
the command `pytest` runs them. Paths computed from `__file__` keep pointing where they did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import libcst as cst

from fastapi_grow import report
from fastapi_grow.evidence import SKIPPED, project_files
from fastapi_grow.externals import External
from fastapi_grow.growth import Growth
from fastapi_grow.identity import Identity
from fastapi_grow.place import Place
from fastapi_grow.plan import Step
from fastapi_grow.results import Done, Skipped, StepResult
from fastapi_grow.rewrites import file_path, relative_import
from fastapi_grow.suite import Results, changes
from fastapi_grow.target import Target

NAME = "tests"
CALLED_FOR_BY = "tests beside the app that can be run: moved to tests/"
FOLDER = "tests"
PACKAGE = '"""What the app must do."""\n'
CONFTEST = '"""Lets pytest find the app, in this folder, from its tests, in another."""\n'
PYPROJECT = '[tool.pytest.ini_options]\npythonpath = ["."]\n'
CONFIGS = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Move:
    """New files, by path from MAIN's folder, and the files that they replace."""

    files: dict[str, str]
    gone: tuple[str, ...]


def move_tests(
    growth: Growth, known: Sequence[External], target: Target, *, package: bool
) -> tuple[StepResult, Target]:
    """Take the step if the tests say the same there; `package` says that a pyproject.toml comes."""
    identity = growth.layout.identity
    paths = list(_movable(identity, known))
    step = Step("tests", FOLDER, (), told=tuple(path.name for path in paths))
    reason = _unprovable(growth, identity, paths)
    if reason:
        return Skipped(step, reason), target
    move = _move(growth, identity, paths, package)
    edits = {path: text for path, text in growth.edits.items() if path not in paths}
    stub = {"pyproject.toml": PYPROJECT} if _leans_on_package(identity, package) else {}
    found = changes(growth.verifier.results, _results(growth, move, edits, stub))
    if found:
        return Skipped(step, found[0]), target
    target = replace(target, gone=(*target.gone, *move.gone))
    files = {**growth.files, **move.files}
    if target.commit:
        target.write_and_commit(files, edits, f"Move the tests to {FOLDER}/")
    else:
        target.write(files, edits)
    return Done(step, [path.name for path in paths]), target


def _movable(identity: Identity, known: Sequence[External]) -> Iterator[Path]:
    """The tests beside MAIN, and the conftest.py there if it serves no others."""
    beside = [e.path for e in known if e.is_test and e.path.parent == identity.folder]
    yield from sorted(path for path in beside if path.name != "conftest.py")
    conftest = identity.folder / "conftest.py"
    others = {
        path
        for pattern in ("test_*.py", "*_test.py")
        for path in identity.folder.rglob(pattern)
        if not SKIPPED & set(path.parts) and path.parent != identity.folder / FOLDER
    } - set(beside)
    if conftest.exists() and not others:
        yield conftest


def _unprovable(growth: Growth, identity: Identity, paths: Sequence[Path]) -> str:
    if not paths:
        return "no test stands beside the app"
    if not growth.verifier.results:
        return (
            growth.verifier.no_tests or "no tests were run, so none can be proved to say the same"
        )
    taken = next((path for path in paths if (identity.folder / FOLDER / path.name).exists()), None)
    return f"{FOLDER}/{taken.name} is there already" if taken else ""


def _move(growth: Growth, identity: Identity, paths: Sequence[Path], package: bool) -> Move:
    files = {}
    for path in paths:
        text = growth.edits.get(path) or path.read_text(encoding="utf-8")
        files[f"{FOLDER}/{path.name}"] = deeper(text, path.name)
    folder = identity.folder
    if (folder / "__init__.py").exists() and not (folder / FOLDER / "__init__.py").exists():
        files[f"{FOLDER}/__init__.py"] = PACKAGE
    gone = tuple(path.name for path in paths)
    if _needs_conftest(identity, gone) and not _leans_on_package(identity, package):
        files["conftest.py"] = CONFTEST
        gone = tuple(name for name in gone if name != "conftest.py")
    return Move(files, gone)


def _needs_conftest(identity: Identity, gone: Sequence[str]) -> bool:
    """Would pytest not find MAIN from another folder?"""
    stays = (identity.folder / "conftest.py").exists() and "conftest.py" not in gone
    texts = [_text(identity.root / name) for name in CONFIGS]
    return not identity.dotted and not stays and not any("pythonpath" in text for text in texts)


def _leans_on_package(identity: Identity, package: bool) -> bool:
    """Is there to be a pyproject.toml that tells pytest where MAIN is?"""
    return package and not any((identity.root / name).exists() for name in CONFIGS)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def deeper(text: str, name: str) -> str:
    """The text of a test file as it must read one folder further down."""
    module = cst.parse_module(text)
    place = Place(FOLDER, "", name)
    body = [relative_import.rewrite(file_path.rewrite(n, place), place) for n in module.body]
    codes = [module.code_for_node(node) for node in body]
    first = next((i for i, code in enumerate(codes) if file_path.MAIN_FILE in code), None)
    if first is not None and file_path.MAIN_FILE not in text:
        lines = f"from pathlib import Path\n\n{file_path.definition(place)}"
        body[first:first] = cst.parse_module(lines).body
    return module.with_changes(body=body).code


def _results(
    growth: Growth, move: Move, edits: Mapping[Path, str], stub: Mapping[str, str]
) -> Results:
    """What the tests say in their new place, by their old names."""
    suite = growth.verifier.suite
    folder = growth.layout.identity.folder
    here = folder.relative_to(suite.base) if folder.is_relative_to(suite.base) else Path()
    moved = {here / name for name in move.gone} | {here / "conftest.py"}
    files = tuple(_there(path, here) if path in moved else path for path in suite.files)
    gone = (*suite.gone, *move.gone)
    suite = replace(suite, files=files, gone=gone, as_command=not growth.layout.identity.dotted)
    found = suite.run({**growth.files, **move.files, **stub}, edits)
    stems = "|".join(re.escape(Path(name).stem) for name in move.gone)
    return {re.sub(rf"\b{FOLDER}\.(?=({stems})\b)", "", name, count=1): said
            for name, said in found.items()}  # fmt: skip


def _there(path: Path, here: Path) -> Path:
    return here / FOLDER / path.name


def named_elsewhere(growth: Growth, result: StepResult) -> Iterator[str]:
    """Lines of other files that name a test where it stood."""
    names = [name for name in result.moved if name != "conftest.py"]
    wanted = re.compile(rf"(?<![\w/.-])({'|'.join(map(re.escape, names))})\b")
    project = growth.verifier.suite.project
    folder = growth.layout.identity.folder
    for path in project_files(folder) if names else ():
        if path.suffix == ".py":
            continue
        for number, line in enumerate(_text(path).splitlines(), 1):
            for name in wanted.findall(line):
                where = path.relative_to(project if path.is_relative_to(project) else folder)
                yield f"{where} line {number} names {name}, which is {FOLDER}/{name} now"


def step_line(result: StepResult) -> str:
    """The line that people see."""
    count = f" ({len(result.moved)})" if isinstance(result, Done) else f": {result.reason}"
    return f"  {report.MARKS[result.result]}  tests -> {FOLDER}/{count}"
