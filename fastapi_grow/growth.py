"""Growing: steps are written, judged, and kept or taken back.

All steps are first judged together: if nothing differs, they are all proved at once. If something
does, the two halves are judged one after the other, down to the single step that must be left out.
One at a time is also possible, for those who want each step as a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import libcst as cst

from fastapi_grow import layers
from fastapi_grow.bundles import bundles_of
from fastapi_grow.include import Unplaceable
from fastapi_grow.layout import Layout
from fastapi_grow.order import Misplaced, effects_of, out_of_order
from fastapi_grow.plan import Plan, Step
from fastapi_grow.results import Done, Failed, Skipped, StepResult
from fastapi_grow.tree import Tree, write_tree
from fastapi_grow.verify import Verifier

ASSEMBLY = "assembly"
Edits = dict[Path, str]


@dataclass
class Growth:
    """The state between two steps: what is proved so far."""

    layout: Layout  # `homes` of the statements that have moved
    verifier: Verifier
    edit: Callable[[Layout], Edits]  # follows patch targets in other files
    told: Callable[[StepResult, Growth], None]
    tree: Tree | None = None
    edits: Edits = field(default_factory=dict)
    results: list[StepResult] = field(default_factory=list)

    @property
    def files(self) -> dict[str, str]:
        return self.tree.files if self.tree else {}

    @property
    def moved(self) -> dict[int, str]:
        return {index: home for index, home in self.layout.homes.items() if home}


def all_steps(plan: Plan) -> list[Step]:
    """The steps of the plan, and the assembly of what remains."""
    rest = tuple(index for index, home in plan.homes.items() if home == layers.MAIN)
    return [*plan.steps, Step(ASSEMBLY, layers.MAIN, rest)]


def grow(growth: Growth, steps: Sequence[Step], *, together: bool = True) -> None:
    """Take `steps`; afterwards `growth` holds what could be proved, and a result for each."""
    if not together and len(steps) > 1:
        for step in steps:
            grow(growth, [step])
        return
    trial, results = _prepare(growth, steps)
    failure = _failure(growth, trial, steps[-1]) if trial else None
    if isinstance(failure, Misplaced):
        grow(growth, steps)
        return
    if failure and len(steps) > 1:
        middle = len(steps) // 2
        grow(growth, steps[:middle])
        grow(growth, steps[middle:])
        return
    for result in [failure] if failure else results:
        growth.results.append(result)
        growth.told(result, growth)


def _prepare(growth: Growth, steps: Sequence[Step]) -> tuple[Layout | None, list[StepResult]]:
    """The layout after `steps`, if all goes well, and what each of them would have moved."""
    moved = growth.moved
    results: list[StepResult] = []
    layout = growth.layout
    for step in steps:
        if step.change:
            layout = replace(layout, **step.change)
            results.append(Done(step, list(step.told)))
            continue
        items, why = _ready(layout, step, moved)
        if not items:
            results.append(Skipped(step, why or "nothing is left to move"))
            continue
        moved |= {index: step.home_of(index) for index in items}
        titles = [growth.layout.survey.items[index].title for index in items]
        results.append(Done(step, titles, reason=why))
    if not any(isinstance(result, Done) for result in results):
        return None, results
    homes = {index: moved.get(index, "") for index in layout.survey.items}
    return replace(layout, homes=homes), results


def _failure(growth: Growth, trial: Layout, step: Step) -> StepResult | Misplaced | None:
    """Why `trial` cannot be had; None when it is proved and now holds.

    Misplaced when it could be had but for statements that are from now on left where they are.
    """
    try:
        tree = write_tree(trial)
        edits = growth.edit(trial)
    except Unplaceable as error:
        return Skipped(step, str(error))
    except (SyntaxError, cst.CSTValidationError, cst.ParserSyntaxError) as error:
        return Failed(step, f"{type(error).__name__}: {error}")
    survey = trial.survey
    wrong = out_of_order(survey, effects_of(survey), tree.runs)
    if wrong:
        told = f"the order of effects: {wrong.reason}"
        return wrong if _leave(growth, trial, wrong, told) else Skipped(step, told)
    found = growth.verifier.judge(tree.files, edits)
    if found:
        return Skipped(step, str(found[0]))
    growth.layout, growth.tree, growth.edits = trial, tree, edits
    return None


def _leave(growth: Growth, trial: Layout, wrong: Misplaced, why: str) -> bool:
    """Pin the first of two misplaced statements that `trial` moves; False when there is none."""
    pinned, before = growth.layout.plan.pinned, growth.moved
    moved = (i for i in wrong.items if trial.homes[i] and i not in before and i not in pinned)
    index = next(moved, None)
    if index is None or trial.homes[index] == trial.assembling:
        return False
    family = next((b for b in bundles_of(trial.survey) if index in b), {index})
    pinned |= dict.fromkeys(family - set(before), why)
    return True


def _ready(layout: Layout, step: Step, moved: dict[int, str]) -> tuple[list[int], str]:
    """The statements of `step` whose needs have moved, and why others wait."""
    survey = layout.survey
    if step.name == ASSEMBLY:
        if not moved:
            return [], next(iter(layout.plan.pinned.values()), "nothing else has moved")
        return [
            i for i, item in survey.items.items() if i not in moved and item.kind != "guard"
        ], ""
    items = [index for index in step.items if index not in layout.plan.pinned]
    why = next((layout.plan.pinned[i] for i in step.items if i in layout.plan.pinned), "")
    while waiting := [i for i in items if survey.items[i].uses - set(moved) - set(items)]:
        for index in waiting:
            item = survey.items[index]
            needed = survey.items[min(item.uses - set(moved) - set(items))]
            why = f"{item.title} needs {needed.title} (line {needed.statement.line}), which stayed"
            items.remove(index)
    return items, why
