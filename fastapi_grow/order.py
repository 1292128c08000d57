"""Would the grown project run MAIN's statements in an order that matters to nobody?

The order follows from the imports: a module runs when it is first imported, the package's
`__init__` before all of it. Two statements whose effects touch the same thing must not have
changed places, and nothing with an effect may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_grow import layers
from fastapi_grow.effects import Effect, effect_of
from fastapi_grow.survey import Survey

Effects = Mapping[int, Effect]


def effects_of(survey: Survey) -> dict[int, Effect]:
    """The statements that touch something, with what they touch; guards never run on import."""
    found = {
        index: effect_of(survey, item)
        for index, item in survey.items.items()
        if item.kind != "guard"
    }
    return {index: effect for index, effect in found.items() if effect}


def run_order(runs: Mapping[str, list[int | str]]) -> list[int]:
    """The statements as they run when MAIN is imported."""
    order: list[int] = []
    entered: set[str] = set()

    def enter(module: str) -> None:
        if module in entered or module not in runs:
            return
        if module:
            enter_package()
        entered.add(module)
        for part in runs[module]:
            if isinstance(part, str):
                if part:
                    enter_package()
                enter(part)
            else:
                order.append(part)

    def enter_package() -> None:
        if layers.SETUP not in entered:
            entered.add(layers.SETUP)
            order.extend(p for p in runs.get(layers.SETUP, []) if isinstance(p, int))

    enter("")
    return order


@dataclass(frozen=True)
class Misplaced:
    """Two statements that must not change places, and do; `items` are those that could stay."""

    items: tuple[int, ...]
    reason: str


def out_of_order(
    survey: Survey, effects: Effects, runs: Mapping[str, list[int | str]]
) -> Misplaced | None:
    """Why the new order is not safe, naming two statements; None when it is."""
    place = {index: position for position, index in enumerate(run_order(runs))}
    for second in sorted(effects):
        if second not in place:
            return Misplaced((second,), f"{_told(survey, second)} would not run")
        for first in sorted(effects):
            if first >= second:
                break
            if effects[first].before(effects[second]) and place[first] > place[second]:
                told = f"{_told(survey, second)} would run before {_told(survey, first)}"
                return Misplaced((second, first), told)
    return _seen_too_late(survey, place)


def _told(survey: Survey, index: int) -> str:
    """A statement, by what it defines: lines are another file's when a package grows further."""
    item = survey.items[index]
    return f"`{min(item.names.binds)}`" if item.names.binds else f"line {item.statement.line}"


def _seen_too_late(survey: Survey, place: Mapping[int, int]) -> Misplaced | None:
    """A name that is bound twice must be read between the same bindings as before."""
    for name in sorted(survey.duplicates):
        for item in survey.items.values():
            if name not in item.names.now or item.index not in place:
                continue
            for definer in survey.definers[name]:
                before = definer < item.index
                if definer != item.index and (place[definer] < place[item.index]) != before:
                    told = f"{_told(survey, item.index)} would see another `{name}`"
                    return Misplaced((item.index, definer), told)
    return None
