"""The layers of the small stage: which module each kind of thing lives in, lowest first.

A module may import from lower layers only, so no cycle can arise: a statement that uses
something from a higher layer is lifted up to it.
"""

from __future__ import annotations

from collections.abc import Iterable

SETUP = "__init__"
MAIN = "main"
ROUTERS = "routers/"

LAYERS = (
    SETUP, "config", "data", "schemas", "database", "models", "state", "security", "ml", "services",
    "dependencies", "tasks", ROUTERS, "lifespan", "middleware", "errors", MAIN,
)  # fmt: skip

HOMES = {
    "constant": "config", "settings": "config", "logger": "config", "template": "config",
    "data": "data",
    "schema": "schemas", "exception": "schemas",
    "base": "database", "engine": "database", "session": "database",
    "table": "models", "state": "state", "security": "security", "ml": "ml",
    "service": "services", "dependency": "dependencies", "task": "tasks",
    "route": ROUTERS, "router": ROUTERS, "endpoint": ROUTERS,
    "lifespan": "lifespan", "event": "lifespan", "middleware": "middleware", "handler": "errors",
    "app": MAIN, "effect": MAIN, "registered": MAIN, "guard": MAIN,
}  # fmt: skip

# What a small module joins, the first before the last; only what none but MAIN uses joins MAIN.
NEIGHBOURS = {
    "config": ("state", "database", "security", "services", "schemas"),
    "data": ("state", "config", "services"),
    "schemas": ("models", "services"),
    "database": ("models", "config", "services"),
    "models": ("database", "schemas"),
    "state": ("services", "config", "schemas"),
    "security": ("dependencies", "services", "config"),
    "ml": ("services", "config"),
    "services": ("dependencies", "security", "ml", "state"),
    "dependencies": ("security", "services", "database", "state"),
    "tasks": ("services", "ml"),
    "lifespan": (MAIN, "database", "services", "ml", "state"),
    "middleware": (MAIN, "errors", "dependencies", "services"),
    "errors": (MAIN, "middleware", "services", "schemas"),
}

TITLES = {
    SETUP: "set-up", "config": "settings", "models": "tables", "state": "state in memory",
    "database": "database", "ml": "model", "errors": "exception handlers",
}  # fmt: skip


def layer_of(module: str) -> int:
    """The place of a module in LAYERS; all routers share one."""
    return LAYERS.index(ROUTERS if module.startswith(ROUTERS) else module)


def lifted(module: str, uses: Iterable[str]) -> str:
    """The lowest module that may hold something of `module` which uses all of `uses`."""
    return max([module, *uses], key=layer_of)


def title_of(module: str, paths: Iterable[str] = ()) -> str:
    """What a step that fills `module` is called: `schemas`, `tables`, `the /users routes`."""
    if module.startswith(ROUTERS):
        return f"the /{module.removeprefix(ROUTERS)} routes"
    return TITLES.get(module, module)
