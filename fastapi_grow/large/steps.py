"""The steps from the small stage to the large: one small module is cut, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fastapi_grow import layers
from fastapi_grow.groups import SMALL, Group
from fastapi_grow.include import placed
from fastapi_grow.large.arrangement import Arrangement, BadLayout
from fastapi_grow.large.gather import gathered
from fastapi_grow.large.refine import refine
from fastapi_grow.layout import Layout
from fastapi_grow.merge import has_circle
from fastapi_grow.plan import Step


def large_steps(layout: Layout, arrangement: Arrangement, small: int = SMALL) -> list[Step]:
    """What leads from `layout`, a small one, to `arrangement`, in layer order."""
    homes = refine(layout.survey, layout.homes, arrangement, small)
    if has_circle(layout.survey, homes):
        raise BadLayout("with this layout modules would import each other in a circle")
    name_groups(layout, homes)
    modules = sorted(set(layout.homes.values()) - {"", layers.MAIN, layers.SETUP}, key=_rank)
    steps = [_cut(layout, module, homes) for module in modules]
    steps = [step for step in steps if any(layout.homes[i] != step.homes[i] for i in step.items)]
    whole = replace(layout, homes=homes, api=arrangement.home("api"))
    if gathered(whole, placed(whole.survey, whole.plan, homes, whole.assembling)):
        steps.append(Step("one router for all", whole.api, (), change={"api": whole.api}))
    return steps


def _rank(module: str) -> tuple[int, str]:
    return layers.layer_of(module), module


def name_groups(layout: Layout, homes: dict[int, str]) -> None:
    """Let the plan know the groups of routes by their new modules too."""
    for index, home in homes.items():
        group = layout.plan.groups.get(layout.homes[index])
        if group is not None:
            layout.plan.groups[home] = Group(group.name, group.items, group.routes)


def _cut(layout: Layout, module: str, homes: dict[int, str]) -> Step:
    items = tuple(index for index, home in layout.homes.items() if home == module)
    new = {index: homes[index] for index in items}
    return Step(layers.title_of(module), _common(new.values()), items, new)


def _common(modules: Iterable[str]) -> str:
    """The module, or the folder that holds them all; empty when that is the package."""
    different = sorted(set(modules))
    if len(different) == 1:
        return different[0]
    paths = [module.split("/")[:-1] for module in different]
    common = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)
