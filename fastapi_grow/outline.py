"""`--plan`: the tree to come, the steps, and who moves where. Nothing is run or written."""

from __future__ import annotations

from dataclasses import replace

from fastapi_grow import layers, report
from fastapi_grow.evidence import project_of
from fastapi_grow.externals import externals
from fastapi_grow.include import Unplaceable
from fastapi_grow.large.arrangement import Arrangement
from fastapi_grow.large.steps import large_steps
from fastapi_grow.layout import Layout
from fastapi_grow.locate import ways_to_import
from fastapi_grow.subject import Options, is_grown, lay_out, read_app
from fastapi_grow.tree import write_tree


def outline(options: Options, arrangement: Arrangement | None = None) -> list[str]:
    """The plan for MAIN in lines of text; with an arrangement, for the large stage."""
    found = read_app(options.main)
    if is_grown(found):
        return [f"{options.main.name} has grown already: nothing to do"]
    way = ways_to_import(options.main, options.package, options.here)[0]
    layout = lay_out(found, way, externals(way.identity, project_of(options.main)))
    whole = replace(layout, homes=_all_moved(layout))
    steps = list(layout.plan.steps)
    if arrangement:
        whole = replace(whole, identity=replace(way.identity, deep=True))
        further = large_steps(whole, arrangement)
        steps += further
        for step in further:
            homes = whole.homes | {index: step.home_of(index) for index in step.items}
            whole = replace(whole, homes=homes, **step.change)
    lines = ["steps (each is taken only if it can be proved):"]
    for step in steps:
        names = ", ".join(found.items[index].title for index in step.items)
        lines.append(f"  {step.name} -> {way.identity.package}/{step.place}: {names}")
    return [*lines, "", *_tree(whole)]


def _all_moved(layout: Layout) -> dict[int, str]:
    return {
        index: "" if layout.survey.items[index].kind == "guard" else home
        for index, home in layout.plan.homes.items()
    }


def _tree(whole: Layout) -> list[str]:
    try:
        tree = write_tree(whole)
    except Unplaceable as error:
        return [f"the tree depends on a step that may be skipped: {error}"]
    stays = report.left_over(whole.survey, whole.homes, layers.MAIN)
    return [
        "the tree to come, in lines:",
        *report.tree_lines(tree.lines(), whole.survey.lines()),
        "",
        f"what stays in {whole.identity.package}/main.py:",
        *stays,
    ]
