"""One statement before and after a rewrite; the same text twice means it must not change."""

from __future__ import annotations

from textwrap import dedent

import libcst as cst

from fastapi_grow.place import Place


def rewritten(rewrite, statement: str, **place) -> str:
    """What `rewrite` makes of a statement in a module of the package."""
    place = {"module": "services", "main_name": "main", "main_file": "main.py", **place}
    node = cst.parse_module(f"pass\n{text(statement)}").body[1]
    return cst.Module([]).code_for_node(rewrite(node, Place(**place))).strip()


def text(statement: str) -> str:
    return dedent(statement).strip()
