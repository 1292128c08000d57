"""MAIN after a step: what is left in it, and the names it still gives out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from fastapi_grow.twoways import both_ways

if TYPE_CHECKING:
    from fastapi_grow.draft import Draft
    from fastapi_grow.layout import Layout

FORWARD = """
def __getattr__(name: str) -> object:
    # These are rebound while the program runs: give out the value of the moment.
{cases}
    raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
"""


def write_root(layout: Layout, draft: Draft, imports: str) -> str:
    """The text of MAIN: docstring, imports, `__all__`, what has not moved."""
    survey, through = layout.survey, layout.through
    source = survey.source
    docstring = source.docstring
    head = source.header + (docstring.text if docstring else "")
    own_all = "__all__" in survey.definers
    names = [name for name in draft.exports if name not in through]
    exported = "" if own_all else _write_all(names)
    code = draft.code().strip("\n")
    live = [name for name in draft.exports if name in through]
    forward = _forward(layout, draft, live) if live else ""
    if layout.identity.both:
        imports = both_ways(imports, layout.identity)
    parts = [head.rstrip(), imports.strip("\n"), exported.strip("\n"), forward, code]
    text = "\n\n".join(part for part in parts if part)
    return f"{text.rstrip()}\n{source.footer}"


def _write_all(names: list[str]) -> str:
    if not names:
        return ""
    line = f"__all__ = [{', '.join(_quoted(names))}]"
    if len(line) <= 100:
        return line
    wrapped = textwrap.wrap(", ".join(_quoted(names)) + ",", 96, break_long_words=False)
    return "\n".join(["__all__ = [", *(f"    {part}" for part in wrapped), "]"])


def _quoted(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in sorted(names)]


def _forward(layout: Layout, draft: Draft, names: list[str]) -> str:
    cases = []
    for module, alias in sorted(draft.aliases.items()):
        mine = [name for name in names if layout.home_of(name) == module]
        if mine:
            members = ", ".join(_quoted(mine))
            cases.append(f"    if name in {{{members}}}:\n        return getattr({alias}, name)")
    return FORWARD.format(cases="\n".join(cases))
