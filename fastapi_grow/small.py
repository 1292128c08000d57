"""The small stage: from one file to a package, proved.

`grow_small` reads as the table of contents of the tool: read, watch, plan, grow, look again, write.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fastapi_grow import layers, report
from fastapi_grow.deployment import left_behind
from fastapi_grow.edits import import_edits, patch_edits
from fastapi_grow.externals import External
from fastapi_grow.growth import Growth, all_steps, grow
from fastapi_grow.layout import Layout
from fastapi_grow.plan import Step
from fastapi_grow.results import Done, Outcome, Skipped, StepResult
from fastapi_grow.subject import Options, is_grown, lay_out, read_app, watch
from fastapi_grow.target import Target
from fastapi_grow.verify import Verifier

TESTS = Step("tests", "main", ())
CHECKS = ("openapi", "routes", "responses", "events", "tests")
Say = Callable[[str], None]


def grow_small(options: Options, target: Target, say: Say) -> Outcome | None:
    """Grow MAIN into a package at `target`; None when it has grown already."""
    began = time.monotonic()
    found = read_app(options.main)
    if is_grown(found):
        return None
    say(f"watching {options.main.name}: {found.lines()} lines")
    verifier, way, known = watch(found, options)
    say(watched(verifier))
    layout = lay_out(found, way, known)
    growth = start(layout, verifier, known, target, say)
    grow(growth, all_steps(layout.plan), together=not target.commit)
    outcome = finish(growth, known, target, say)
    outcome.took(time.monotonic() - began, verifier.seconds)
    return outcome


def watched(verifier: Verifier) -> str:
    tests = f", {len(verifier.results)} tests" if verifier.results else ""
    fail = sum(word not in {"passed", "skipped"} for word in verifier.results.values())
    tests += f" ({fail} of them fail before anything moves)" if fail else ""
    if verifier.no_tests:
        tests = f"; its tests cannot be run and are not compared: {verifier.no_tests}"
    return f"  {len(verifier.requests)} requests answered{tests}"


def start(
    layout: Layout, verifier: Verifier, known: list[External], target: Target, say: Say
) -> Growth:
    written: set[str] = set(target.gone)

    def told(result: StepResult, growth: Growth) -> None:
        say(report.step_line(result, layout.identity.package))
        if target.commit and isinstance(result, Done):
            message = _message(growth, result.step)
            leaving = replace(target, gone=tuple(sorted(written - set(growth.files))))
            leaving.write_and_commit(growth.files, growth.edits, message)
            written.update(growth.files)
            _look_past(verifier, written - {layout.identity.path.name})

    return Growth(layout, verifier, lambda trial: patch_edits(trial, known), told)


def _look_past(verifier: Verifier, written: set[str]) -> None:
    """Leave what is on disk by now out of every version that is still to be looked at."""
    gone = tuple(sorted({*verifier.observer.gone, *written}))
    verifier.observer.gone = gone
    verifier.suite = replace(verifier.suite, gone=gone)


def _message(growth: Growth, step: Step) -> str:
    place = f"{growth.layout.identity.package}/{step.place}"
    assembled = step.module == layers.MAIN
    return f"Assemble the application in {place}" if assembled else f"Move {step.name} to {place}"


def finish(growth: Growth, known: list[External], target: Target, say: Say) -> Outcome:
    """Look at the whole once more under a real server, rewrite the tests' imports, write."""
    served = growth.verifier.served(growth.tree.files) if growth.tree else None
    if served:
        say(f"under uvicorn it differs, so nothing is kept: {served[0]}")
        growth.tree = None
        growth.results = [Skipped(result.step, str(served[0])) for result in growth.results]
    outcome = _outcome(growth, served_by_uvicorn=served is not None)
    if growth.tree is None:
        return outcome
    if not target.commit:
        target.write(growth.files, growth.edits)
    outcome.steps.append(_move_test_imports(growth, known, target, say))
    for line in left_behind(growth.layout.identity, growth.verifier.suite.project):
        say(f"           {line}")
    return outcome


def _move_test_imports(
    growth: Growth, known: list[External], target: Target, say: Say
) -> StepResult:
    """The last step: tests import names from their new homes, and still say the same."""
    before = growth.edits
    after = import_edits(growth.layout, known, before)
    if after == before or growth.tree is None:
        result: StepResult = Skipped(TESTS, "no test imports anything that has moved")
    elif not growth.verifier.results:
        result = Skipped(TESTS, "none was run, so their imports stay as they are")
    else:
        found = growth.verifier.judge_tests(growth.tree.files, after)
        result = Skipped(TESTS, str(found[0])) if found else Done(TESTS, _names(after))
    if isinstance(result, Done):
        growth.edits = after
        if target.commit:
            target.write_and_commit(growth.files, after, "Import from the new homes in the tests")
        else:
            target.write(growth.files, after)
    say(f"  {report.MARKS[result.result]}  tests: {result.reason or 'import from the new homes'}")
    return result


def _names(edits: dict[Path, str]) -> list[str]:
    return sorted(path.name for path in edits)


def _outcome(growth: Growth, *, served_by_uvicorn: bool) -> Outcome:
    lines = growth.tree.lines() if growth.tree else {}
    identity = growth.layout.identity
    before = growth.layout.survey.lines()
    assembling = lines.get(f"{identity.package}/main.py", 0)
    grown = growth.tree is not None
    checks = dict.fromkeys(CHECKS, "passed" if grown else "not run")
    if not growth.verifier.suite:
        checks["tests"] = "not run"
    if grown and not served_by_uvicorn:
        checks["responses"] = "passed without uvicorn, which is not installed"
    root = lines.get(identity.path.name, before)
    return Outcome(growth.tree, list(growth.results), checks, before, root, assembling)
