"""What can be seen of an app without a request: its document, routes, middleware, handlers."""

from __future__ import annotations

import functools
import importlib
import os
import pickle  # nosec B403
import re
import sys
from typing import Any

from fastapi_grow.probe.recorder import Recorder


def find_app(module: object, order: dict[str, Any]) -> Any:
    """The ASGI application: the named object, or what the factory makes."""
    app = getattr(module, order["app"], None) if order.get("app") else None
    if app is None and order.get("factory"):
        app = getattr(module, order["factory"])()
    return app


def look(module: object, order: dict[str, Any], recorder: Recorder) -> dict[str, object]:
    """All that can be seen without a request."""
    app = fastapi_inside(find_app(module, order))
    found: dict[str, object] = {
        "classes": sorted(name for name in order["classes"] if unpickles(order["module"], name)),
    }
    if app is None:
        return found
    name = Namer(order, recorder)
    try:
        found["openapi"] = app.openapi()
    except Exception as error:  # compared like any other answer
        found["openapi"] = f"{type(error).__name__}"
    found["routes"] = [route_row(route, name) for route in effective_routes(app)]
    found["middleware"] = [
        [name(m.cls), {k: name(v) for k, v in getattr(m, "kwargs", {}).items()}]
        for m in app.user_middleware
    ]
    found["handlers"] = [[name(k), name(v)] for k, v in app.exception_handlers.items()]
    found["lifespan"] = [
        [name(f) for f in getattr(app.router, "on_startup", [])],
        [name(f) for f in getattr(app.router, "on_shutdown", [])],
    ]
    return found


def fastapi_inside(app: Any) -> Any:
    """The FastAPI object under any ASGI wrappers."""
    for _ in range(10):
        if hasattr(app, "openapi") and hasattr(app, "router"):
            return app
        app = getattr(app, "app", None)
    return None


def unpickles(module: str, name: str) -> bool:
    """Does a pickle that says `module.name` still find its class?"""
    try:
        return isinstance(pickle.loads(f"c{module}\n{name}\n.".encode()), type)  # nosec B301 # noqa: S301
    except (AttributeError, ImportError):
        return False


class Namer:
    """Names for functions, classes and values that do not depend on their module or address."""

    def __init__(self, order: dict[str, Any], recorder: Recorder) -> None:
        self.root = order["project"]
        self.recorder = recorder

    def __call__(self, value: object) -> str:
        if isinstance(value, functools.partial):
            return f"partial {self(value.func)}"
        qualified = getattr(value, "__qualname__", None)
        if qualified:
            module = sys.modules.get(getattr(value, "__module__", ""), None)
            path = getattr(module, "__file__", None) or ""
            own = path.startswith(self.root)
            return qualified if own else f"{getattr(value, '__module__', '')}.{qualified}"
        if isinstance(value, (list, tuple, set)):
            return f"{type(value).__name__} {[self(part) for part in value]}"
        text = self.recorder.plain(repr(value))
        return re.sub(r"(\w+\.)+(\w+)", r"\2", text)


def effective_routes(app: Any) -> list[Any]:
    """Every route in the order it is tried; FastAPI keeps a tree since 0.137, a list before."""
    routing = importlib.import_module("fastapi.routing")
    walk = getattr(routing, "iter_route_contexts", None)
    return list(walk(app.routes)) if walk else list(app.routes)


def route_row(route: object, name: Namer) -> list[Any]:
    """path, methods, name, endpoint, kind of one effective route, and what is mounted there."""
    original = getattr(route, "original_route", route)
    methods = sorted(getattr(route, "methods", None) or [])
    endpoint = getattr(original, "endpoint", None)
    mounted = getattr(original, "app", None) if hasattr(original, "routes") else None
    inside: object = None
    if mounted is not None:
        directory = getattr(mounted, "directory", None)
        inside = [name(type(mounted)), name(os.path.abspath(directory)) if directory else None]
        if hasattr(mounted, "openapi"):
            inside = [*inside, [route_row(r, name) for r in effective_routes(mounted)]]
    return [
        getattr(route, "path", getattr(original, "path", None)), methods,
        getattr(route, "name", getattr(original, "name", None)),
        name(endpoint) if endpoint else None, type(original).__name__, inside,
    ]  # fmt: skip
