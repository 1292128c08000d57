"""`--plan`: the tree to come, the steps, and who moves where. Nothing is run or written."""

from __future__ import annotations

from dataclasses import replace

from fastapi_grow import layers, report
from fastapi_grow.evidence import project_of
from fastapi_grow.externals import externals
from fastapi_grow.include import Unplaceable
from fastapi_grow.layout import Layout
from fastapi_grow.locate import ways_to_import
from fastapi_grow.subject import Options, is_grown, lay_out, read_app
from fastapi_grow.tree import write_tree


def outline(options: Options) -> list[str]:
    """The plan for MAIN in lines of text."""
    found = read_app(options.main)
    if is_grown(found):
        return [f"{options.main.name} has grown already: nothing to do"]
    way = ways_to_import(options.main, options.package, options.here)[0]
    layout = lay_out(found, way, externals(way.identity, project_of(options.main)))
    lines = ["steps (each is taken only if it can be proved):"]
    for step in layout.plan.steps:
        names = ", ".join(found.items[index].title for index in step.items)
        lines.append(f"  {step.name} -> {way.identity.package}/{step.module}.py: {names}")
    return [*lines, "", *_tree(layout)]


def _tree(layout: Layout) -> list[str]:
    homes = {
        index: "" if layout.survey.items[index].kind == "guard" else home
        for index, home in layout.plan.homes.items()
    }
    whole = replace(layout, homes=homes)
    try:
        tree = write_tree(whole)
    except Unplaceable as error:
        return [f"the tree depends on a step that may be skipped: {error}"]
    stays = report.left_over(layout.survey, homes, layers.MAIN)
    return [
        "the tree to come, in lines:",
        *report.tree_lines(tree.lines(), layout.survey.lines()),
        "",
        f"what stays in {layout.identity.package}/main.py:",
        *stays,
    ]
