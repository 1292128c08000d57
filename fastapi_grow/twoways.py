"""MAIN that is imported both as `main` and as a member of a package: `src.main`.

Inside a package it must find the grown modules by a relative import, on its own by a plain one;
`__package__` says which of the two it is.
"""

from __future__ import annotations

import ast
import textwrap

from fastapi_grow.identity import Identity


def both_ways(header: str, identity: Identity) -> str:
    """`header` with its imports of the package under `if __package__:` in both spellings."""
    lines = header.splitlines()
    ours = [node for node in ast.parse(header).body if _is_ours(node, identity)]
    if not ours:
        return header
    taken = {line for node in ours for line in range(node.lineno - 1, node.end_lineno or 0)}
    rest = "\n".join(line for number, line in enumerate(lines) if number not in taken)
    block = "\n".join(lines[number] for number in sorted(taken))
    relative, plain = _relative(block, identity.package), _plain(block, identity.package)
    choice = (
        f"if __package__:\n{textwrap.indent(relative, '    ')}\n"
        f"else:\n{textwrap.indent(plain, '    ')}"
    )
    return f"{rest.strip()}\n\n{choice}".strip()


def _is_ours(node: ast.stmt, identity: Identity) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == identity.package for alias in node.names)
    if not isinstance(node, ast.ImportFrom):
        return False
    if node.level == 1 and not node.module:
        return any(alias.name == identity.package for alias in node.names)
    return node.level < 2 and (node.module or "").split(".")[0] == identity.package


def _relative(block: str, package: str) -> str:
    plain = block.replace(f"\nimport {package}", f"\nfrom . import {package}")
    plain = plain.replace(f"\nfrom {package}", f"\nfrom .{package}")
    if plain.startswith(f"import {package}"):
        return f"from . {plain}"
    return f"from .{plain[5:]}" if plain.startswith(f"from {package}") else plain


def _plain(block: str, package: str) -> str:
    relative = block.replace(f"from . import {package}", f"import {package}")
    return relative.replace(f"from .{package}", f"from {package}")
