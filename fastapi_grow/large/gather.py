"""`api/v1/router.py`: one router that includes those of all resources, included once.

Only routers that stand side by side on the application can be gathered; any that must keep its
place among mounts and catch-all routes is included by itself.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from fastapi_grow.identity import Identity
from fastapi_grow.include import Router
from fastapi_grow.layout import Layout

SENTENCES = {
    "routers": "The routes, a module for each resource.",
    "core": "What every part of the application rests on.",
    "api": "What clients can ask for.",
    "v1": "The first version of the API.",
    "endpoints": "The routes, a module for each resource.",
    "schemas": "What clients send and get.",
    "models": "The tables.",
    "crud": "Questions to the database.",
    "services": "What the application does, apart from HTTP.",
    "db": "The connection to the database.",
    "ml": "The model.",
    "worker": "What is done in the background.",
}


def sentence(folder: str, package: Identity | None = None) -> str:
    """The docstring of a package: what one finds in it."""
    if package:
        return f"What {package.path.name} is made of."
    return SENTENCES.get(folder, f"All about {folder.replace('_', ' ')}.")


def gathered(layout: Layout, routers: list[tuple[int, Router]]) -> list[Router]:
    """The most routers that can be included together, in order; empty when that is one."""
    if not layout.api:
        return []
    together = [
        [router for _, router in group]
        for _, group in groupby(routers, key=lambda placed: (placed[0], placed[1].owner))
    ]
    most = max(together, key=len, default=[])
    enough = len(most) > 1 or (most and len(layout.prefixes) > 1)
    return most if enough and most[0].owner == layout.survey.app else []


def line_of(layout: Layout, router: Router) -> str:
    """`router = APIRouter(prefix=...)`, without what is given where it is included."""
    own = router.prefix.startswith(f"{layout.stem}/") if layout.stem else False
    return (
        replace(router, prefix=router.prefix.removeprefix(layout.stem)).line if own else router.line
    )


def api_name(layout: Layout) -> str:
    """`api_router`, or a name that MAIN has not taken."""
    name = "api_router"
    while name in layout.survey.definers or name in layout.survey.imported:
        name = f"gathered_{name}"
    return name


def inclusion(layout: Layout, owner: str) -> str:
    """The lines that include the gathered router, once for each prefix."""
    lines = []
    for number, prefix in enumerate(layout.prefixes):
        more = [f'prefix="{prefix}"'] if prefix else []
        more += [layout.old_ones] if layout.old_ones and not number else []
        lines.append(f"{owner}.include_router({', '.join([api_name(layout), *more])})\n")
    return "".join(lines)
