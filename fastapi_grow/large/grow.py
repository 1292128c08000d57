"""The large stage: from one file or from the small stage, with the same proof after every step."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

from fastapi_grow.edits import patch_edits
from fastapi_grow.externals import External
from fastapi_grow.groups import SMALL
from fastapi_grow.growth import Growth, all_steps, grow
from fastapi_grow.large.arrangement import Arrangement
from fastapi_grow.large.migrations_only import NAME as MIGRATIONS_ONLY
from fastapi_grow.large.migrations_only import NotOnly, leave_to_migrations
from fastapi_grow.large.parts import add_parts
from fastapi_grow.large.parts.project import Project
from fastapi_grow.large.regrow import (
    OnDisk,
    comments_of,
    layout_of,
    read_others,
    same_code,
    small_on_disk,
    survey_of,
)
from fastapi_grow.large.rejoin import rejoin
from fastapi_grow.large.settings_step import NAME as SETTINGS
from fastapi_grow.large.settings_step import gather_settings
from fastapi_grow.large.steps import large_steps
from fastapi_grow.large.tests_step import NAME as TESTS
from fastapi_grow.large.tests_step import move_tests, named_elsewhere, step_line
from fastapi_grow.large.versions import Version, serve_version
from fastapi_grow.layout import Layout
from fastapi_grow.results import Outcome
from fastapi_grow.small import Say, finish, start, watched
from fastapi_grow.subject import NotAnApp, Options, is_grown, lay_out, read_app, watch
from fastapi_grow.target import Target
from fastapi_grow.tree import write_tree

BEFORE_CODE = {"package", "migrations"}  # what a change of the code may rest on


@dataclass(frozen=True)
class Wish:
    """What the large stage shall be."""

    arrangement: Arrangement
    version: Version | None = None
    parts: tuple[ModuleType, ...] = ()
    migrations_only: bool = False
    steps: frozenset[str] = frozenset()  # of those that can be left out: settings, tests


def grow_large(options: Options, wish: Wish, target: Target, say: Say) -> Outcome | None:
    """Grow MAIN into a layered package at `target`; None when it has grown already."""
    began = time.monotonic()
    found = read_app(options.main)
    disk = small_on_disk(options.main) if is_grown(found) else None
    if is_grown(found) and disk is None:
        return None
    say(f"watching {options.main.name}: {found.lines()} lines")
    growth, known = (
        _from_small(options, disk, target, say) if disk else _from_tiny(options, target, say)
    )
    together = not target.commit
    enlarge(growth, wish.arrangement, together=together)
    if growth.tree and SETTINGS in wish.steps:
        for line in gather_settings(growth, wish.arrangement, options.python):
            say(f"           stays, {line}")
    if growth.tree and wish.version:
        serve_version(growth, wish.arrangement, wish.version)
    target = replace(target, gone=disk.modules) if disk else target
    outcome = finish(growth, known, target, say)
    outcome.stage = "large"
    if growth.tree and TESTS in wish.steps:
        target = _move_tests(growth, known, wish, target, outcome, say)
    if growth.tree:
        outcome.parts = _add_parts(growth, options, wish, target, say)
    outcome.took(time.monotonic() - began, growth.verifier.seconds)
    return outcome


def _move_tests(
    growth: Growth, known: list[External], wish: Wish, target: Target, outcome: Outcome, say: Say
) -> Target:
    package_comes = any(part.NAME == "package" for part in wish.parts)
    result, target = move_tests(growth, known, target, package=package_comes)
    outcome.steps.append(result)
    say(step_line(result))
    for line in named_elsewhere(growth, result):
        say(f"           {line}")
    return target


def _add_parts(growth: Growth, options: Options, wish: Wish, target: Target, say: Say) -> list[str]:
    identity = growth.layout.identity
    root = identity.root
    if target.into and not root.is_relative_to(target.base):
        root = target.base
    tests = bool(growth.verifier.suite)
    project = Project(growth.layout, growth.files, root, options.python, tests)
    before = [part for part in wish.parts if part.NAME in BEFORE_CODE]
    add_parts(project, before, say)
    if wish.migrations_only:
        names = {part.NAME for part in wish.parts}
        try:
            changed = leave_to_migrations(growth, project, target, names)
            project.migrates = True
            say(f"  proved   {MIGRATIONS_ONLY}: no create_all in {changed}")
        except NotOnly as error:
            say(f"  skipped  {MIGRATIONS_ONLY}: {error}")
    files = add_parts(project, [part for part in wish.parts if part not in before], say)
    target.add(files, root, "Add what the app's imports call for")
    return sorted(files)


def _from_tiny(options: Options, target: Target, say: Say) -> tuple[Growth, list[External]]:
    """Through the small stage, to where a small package on disk would be."""
    found = read_app(options.main)
    verifier, way, known = watch(found, options)
    say(watched(verifier))
    growth = start(lay_out(found, way, known), verifier, known, target, say)
    grow(growth, all_steps(growth.layout.plan), together=not target.commit)
    if growth.tree:
        growth.layout = _as_on_disk(growth)
    return growth, known


def _as_on_disk(growth: Growth) -> Layout:
    """The layout read back from the small tree: both ways to the large stage begin here."""
    identity = growth.layout.identity
    try:
        layout = layout_of(rejoin(growth.files, identity.path.name, identity.package), identity)
        same = same_code(write_tree(layout).files, growth.files)
    except (ValueError, KeyError):
        same = False
    return layout if same else growth.layout


def _from_small(
    options: Options, disk: OnDisk, target: Target, say: Say
) -> tuple[Growth, list[External]]:
    options = replace(options, package=disk.package)
    reading = partial(read_others, disk)
    verifier, way, known = watch(survey_of(disk.rejoined), options, reading)
    say(watched(verifier))
    verifier.old |= disk.files
    verifier.observer.gone = disk.modules
    verifier.suite = replace(verifier.suite, gone=disk.modules)
    layout = layout_of(disk.rejoined, way.identity)
    growth = start(layout, verifier, known, replace(target, gone=disk.modules), say)
    before = {e.path: e.text for e in known if e.text != e.path.read_text(encoding="utf-8")}
    growth.edit = lambda trial: before | patch_edits(trial, known)
    growth.tree = write_tree(layout)
    growth.edits = growth.edit(layout)
    lost = comments_of(disk.files) - comments_of(growth.files)
    if lost:
        raise NotAnApp(f"{disk.package}/: the comment {min(lost)!r} would be lost on the way")
    if not same_code(growth.tree.files, disk.files):
        found = verifier.judge(growth.files, growth.edits)
        if found:
            raise NotAnApp(f"{disk.package}/ has changed since it was split: {found[0]}")
    return growth, known


def enlarge(
    growth: Growth, arrangement: Arrangement, *, together: bool = True, small: int = SMALL
) -> None:
    """Take the steps from the small stage, which `growth` holds, to the large one."""
    if growth.tree is None:
        return
    growth.layout = replace(growth.layout, identity=replace(growth.layout.identity, deep=True))
    steps = large_steps(growth.layout, arrangement, small)
    if steps:
        grow(growth, steps, together=together)
