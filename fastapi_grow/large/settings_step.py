"""The step that gathers settings: one class, proved with other values of every variable too.

Old and new are watched as before, and then with values that nobody has set: given from the start,
and set only after the import, as a test may do. Variables that are set in the environment of the
tool keep their values: they keep the app away from what must not be touched.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fastapi_grow.compare import Difference, differences
from fastapi_grow.groups import Group
from fastapi_grow.growth import Growth, grow
from fastapi_grow.kinds import classify
from fastapi_grow.large.arrangement import Arrangement
from fastapi_grow.large.settings_choice import Gathering, Ungathered, gather
from fastapi_grow.large.settings_class import rewritten
from fastapi_grow.large.settings_reads import Read
from fastapi_grow.layout import Layout
from fastapi_grow.merge import has_circle
from fastapi_grow.observe import ProbeFailed
from fastapi_grow.plan import Plan, Step, free_routes_of_owner
from fastapi_grow.results import Done, Skipped
from fastapi_grow.routes import routes_of
from fastapi_grow.survey import Survey, survey
from fastapi_grow.verify import Verifier, seen_twice, together

NAME = "settings"
CALLED_FOR_BY = "code that reads os.environ: one pydantic-settings class"
TITLE = "settings in one class"
ALONE = 20  # variables that are tried one by one when they cannot be tried together
DECLARED = re.compile(r"^pydantic[-_.]settings\b", re.IGNORECASE | re.MULTILINE)
SETS = ("load_dotenv(", "os.environ[", "os.environ.update", "os.environ |=", "os.putenv")


def gather_settings(growth: Growth, arrangement: Arrangement, python: str) -> list[str]:
    """Take the step, if it can be proved; returns what stays where it is, a line each."""
    layout = growth.layout
    home = settings_home(layout, arrangement)
    step = Step(TITLE, home, (), change={"api": layout.api})
    try:
        found = gather(layout, home)
    except Ungathered as error:
        _skip(growth, step, str(error))
        return []
    reason = _not_ready(growth, python)
    trial = with_class(layout, found) if not reason else layout
    if not reason and has_circle(trial.survey, trial.homes):
        reason = f"{home}.py and what it needs would import each other"
    if reason:
        _skip(growth, step, reason)
        return []
    _prove(growth, trial, replace(step, told=tuple(found.variables)), found)
    done = isinstance(growth.results[-1], Done)
    return [str(left) for left in found.left] if done else []


def _skip(growth: Growth, step: Step, reason: str) -> None:
    result = Skipped(step, reason)
    growth.results.append(result)
    growth.told(result, growth)


def _prove(growth: Growth, trial: Layout, step: Step, found: Gathering) -> None:
    before, plain = growth.layout, growth.verifier
    known = {entry.name: getattr(plain, entry.name) for entry in fields(plain)}
    growth.layout, growth.verifier = trial, Varied(**known, values=values_of(found.reads))
    grow(growth, [step])
    growth.verifier = plain
    if not isinstance(growth.results[-1], Done):
        growth.layout = before


def settings_home(layout: Layout, arrangement: Arrangement) -> str:
    """The module of configuration: where there is one already, else where one would be."""
    home = arrangement.home("config")
    folder = home.rpartition("/")[0]
    short = arrangement.collapsed(folder, home) if folder else home
    known = set(layout.homes.values())
    if home in known or any(module.startswith(f"{folder}/") for module in known if folder):
        return home
    return short


def _not_ready(growth: Growth, python: str) -> str:
    """Why the class cannot be had here whatever is in it."""
    command = [python, "-W", "ignore", "-c", "import pydantic_settings"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - the user's
    folder = growth.layout.identity.folder
    needed = folder / "requirements.txt"
    lacks = needed.is_file() and not DECLARED.search(needed.read_text(encoding="utf-8"))
    if done.returncode:
        more = ", and name it in requirements.txt" if lacks else ""
        return f"not installed beside the app: pip install pydantic-settings{more}"
    if lacks:
        return "requirements.txt does not name pydantic-settings: images made from it lack it"
    for entry in growth.layout.survey.imports:
        path = folder / f"{entry.module.split('.')[0]}.py"
        text = path.read_text(encoding="utf-8") if entry.module and path.is_file() else ""
        if path.name != growth.layout.identity.path.name and any(word in text for word in SETS):
            return f"{path.name} may set variables before they are read"
    return ""


def with_class(layout: Layout, found: Gathering) -> Layout:
    """The layout of MAIN as it would be with the class, every statement where it was."""
    text, moved, new = rewritten(layout.survey, found)
    read = survey(text)
    classify(read)
    free_routes_of_owner(read)
    homes = {moved[index]: home for index, home in layout.homes.items() if index in moved}
    homes |= dict.fromkeys(new, found.home)
    return replace(
        layout,
        survey=read,
        homes={index: homes[index] for index in read.items},
        plan=_moved_plan(layout.plan, read, moved),
        through=layout.through & set(read.definers),
    )


def _moved_plan(plan: Plan, read: Survey, moved: Mapping[int, int]) -> Plan:
    """The plan by the new numbers of the statements."""
    groups = {}
    for module, group in plan.groups.items():
        items = {moved[index] for index in group.items if index in moved}
        routes = {moved[i]: routes_of(read, read.items[moved[i]]) for i in group.routes}
        groups[module] = Group(group.name, items, routes)
    homes = {moved[index]: home for index, home in plan.homes.items() if index in moved}
    pinned = {moved[index]: why for index, why in plan.pinned.items() if index in moved}
    return Plan(homes, groups, [], pinned)


def values_of(reads: list[Read]) -> dict[str, str]:
    """Another value than the default for every variable that nobody has set."""
    found = {}
    for read in reads:
        if read.name not in os.environ:
            default = getattr(read.default, "value", None)
            found[read.name] = _other(read, default)
    return found


def _other(read: Read, default: object) -> str:
    text = str(default if default is not None else "")
    if text.lower() in {"true", "false"}:
        return "false" if text.lower() == "true" else "true"
    try:
        return str(int(text) + 1)
    except ValueError:
        return "7" if read.convert else f"{text}x"


@dataclass
class Varied(Verifier):
    """A verifier that also looks at the app with other values in its environment."""

    values: dict[str, str] = field(default_factory=dict)

    def judge(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> list[Difference]:
        """What differs as things are, or when the variables have other values."""
        found = super().judge(files, edited)
        for given, later in () if found else self._variations():
            found = self._with_values(files, given, later)
            if found:
                names = ", ".join([*given, *later])
                return [Difference(found[0].facet, f"with {names} set: {found[0].text}")]
        return found

    def _variations(self) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """Values from the start, and values set after the import."""
        if not self.values:
            return
        yield {}, self.values
        yield self.values, {}
        if len(self.values) > 1 and self._look(self.old, self.values, {}).get("error"):
            for name in sorted(self.values)[:ALONE]:
                yield {name: self.values[name]}, {}

    def _with_values(
        self, files: Mapping[str, str], given: dict[str, str], later: dict[str, str]
    ) -> list[Difference]:
        *old, new = together(
            *[lambda: self._look(self.old, given, later)] * 2,
            lambda: self._look(files, given, later),
        )
        if any(bool(report.get("error")) != bool(new.get("error")) for report in old):
            return [Difference("error", str(new.get("error") or "it starts").splitlines()[-1])]
        found = [] if new.get("error") else differences(old, new, self.requests)
        if found:  # a clock that counts seconds may have stood still for both of the old
            old.append(self._look(self.old, given, later))
            again = differences(old, self._look(files, given, later), self.requests)
            found = seen_twice(differences(old, new, self.requests), again)
        return found

    def _look(
        self, files: Mapping[str, str], given: dict[str, str], later: dict[str, str]
    ) -> dict[str, Any]:
        observer = replace(self.observer, environment=given, later=later)
        try:
            return observer.observe(files, self.requests)
        except ProbeFailed as error:
            return {"error": str(error)}
