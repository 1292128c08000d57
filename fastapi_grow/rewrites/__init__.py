"""What must change in a statement when it moves, one module for each reason.

A rewrite takes a statement and the place it goes to, and returns the statement: untouched unless
its one reason applies. REWRITES is the order they run in.
"""

from __future__ import annotations

import libcst as cst

from fastapi_grow.place import Place
from fastapi_grow.rewrites import (
    file_path,
    model_name,
    module_name,
    optional_import,
    rebound,
    relative_import,
    route,
    task_name,
)

REWRITES = (
    route.rewrite,
    task_name.rewrite,
    module_name.rewrite,
    model_name.rewrite,
    file_path.rewrite,
    relative_import.rewrite,
    optional_import.rewrite,
    rebound.rewrite,
)


def rewrite(node: cst.BaseStatement, place: Place) -> cst.BaseStatement:
    """`node` as it must read at `place`."""
    for step in REWRITES:
        node = step(node, place)
    return node
