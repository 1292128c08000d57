"""The plan: a home for every statement of MAIN, and the steps that take them there.

Pure functions of the survey. A home is a module of the package ("schemas", "routers/users",
"main" for the assembling module); every module only uses modules of lower layers, so the grown
package has no import cycle whatever was planned.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi_grow import layers
from fastapi_grow.anchors import sort_out
from fastapi_grow.bundles import bundles_of, closure, reflective
from fastapi_grow.effects import effect_of
from fastapi_grow.groups import SMALL, Group, group_routes
from fastapi_grow.kinds import registered_as
from fastapi_grow.merge import merge_small_modules
from fastapi_grow.routes import routes_of
from fastapi_grow.scope import dotted_name, names_of
from fastapi_grow.survey import Item, Survey

REGISTERED = {"handler", "middleware", "event"}
CONFIGURED = {"task", "template", "security", "logger", "state"}
STARLETTE = {"route", "websocket_route"}


@dataclass(frozen=True)
class Step:
    """One kind of thing to move, all or nothing."""

    name: str
    module: str
    items: tuple[int, ...]
    homes: Mapping[int, str] = field(default_factory=dict, hash=False)  # not all in `module`
    change: Mapping[str, Any] = field(default_factory=dict, hash=False)  # of the Layout's fields
    told: tuple[str, ...] = ()  # what a change is about, for people

    def home_of(self, index: int) -> str:
        return self.homes.get(index, self.module)

    @property
    def place(self) -> str:
        """The file to show people, or the folder when the items go to several."""
        modules = {self.home_of(index) for index in self.items} or {self.module}
        return f"{self.module}.py" if modules == {self.module} else f"{self.module}/".lstrip("/")


@dataclass
class Plan:
    """Where everything goes."""

    homes: dict[int, str]
    groups: dict[str, Group]  # by module: "routers/users"
    steps: list[Step] = field(default_factory=list)
    pinned: dict[int, str] = field(default_factory=dict)  # item -> why it stays


def plan_small(survey: Survey, small: int = SMALL) -> Plan:
    """The small stage: homes by kind and resource, steps in layer order.

    Modules under `small` lines join a neighbour.
    """
    reasons = reflective(survey)
    pinned = dict.fromkeys(survey.items, next(iter(reasons.values()))) if reasons else {}
    free_routes_of_owner(survey)
    bundles = bundles_of(survey)
    groups = group_routes(survey, bundles, small)
    pinned |= sort_out(survey, groups, set(pinned))
    modules = {f"{layers.ROUTERS}{group.name}": group for group in _named(groups)}
    homes = _homes(survey, modules, bundles, pinned)
    homes = merge_small_modules(survey, homes, small)
    return Plan(homes, modules, _steps(survey, homes), pinned)


def free_routes_of_owner(survey: Survey) -> None:
    """Forget that a route uses `app` when its decorator is all that does."""
    owners = {index for name in survey.owners for index in survey.definers[name]}
    for item in survey.items.values():
        if item.kind not in {"route", *REGISTERED} or not (item.uses & owners):
            continue
        left = names_of(_without_registration(survey, item)).reads if _body(survey, item) else set()
        kept = {i for name in left & set(survey.owners) for i in survey.definers[name]}
        routers = {i for i in owners if survey.items[i].kind == "router"}
        item.uses -= owners - kept - routers
        item.uses_now -= owners - kept - routers


def _body(survey: Survey, item: Item) -> bool:
    return hasattr(item.statement.tree, "decorator_list")


def _without_registration(survey: Survey, item: Item) -> str:
    tree = copy.deepcopy(item.statement.tree)
    tree.decorator_list = [  # type: ignore[attr-defined]
        decorator
        for decorator in tree.decorator_list  # type: ignore[attr-defined]
        if not _registers(survey, decorator)
    ]
    rest = ast.unparse(tree)
    arguments = [
        ast.unparse(argument)
        for decorator in item.statement.tree.decorator_list  # type: ignore[attr-defined]
        if _registers(survey, decorator) and isinstance(decorator, ast.Call)
        for argument in [*decorator.args, *(keyword.value for keyword in decorator.keywords)]
    ]
    return "\n".join([rest, *arguments])


def _registers(survey: Survey, decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (dotted_name(call) or "").rpartition(".")[0] in survey.owners


def _named(groups: list[Group]) -> list[Group]:
    seen: set[str] = set()
    for group in groups:
        while group.name in seen:
            group.name += "_routes"
        seen.add(group.name)
    return groups


def _homes(
    survey: Survey, modules: dict[str, Group], bundles: list[set[int]], pinned: dict[int, str]
) -> dict[int, str]:
    router_of = {index: name for name, group in modules.items() for index in group.items}
    homes = {
        index: layers.MAIN if index in pinned else _first_home(survey, item, router_of)
        for index, item in survey.items.items()
    }
    _pull_down(survey, homes)
    bundle_of = {index: bundle for bundle in bundles for index in bundle}
    changed = True
    while changed:
        changed = False
        for index, item in survey.items.items():
            family = bundle_of.get(index, {index})
            used = {homes[other] for other in item.uses} | {homes[other] for other in family}
            home = _lift(homes[index], used)
            if home != homes[index]:
                homes[index] = home
                changed = True
    return homes


def _lift(home: str, used: set[str]) -> str:
    lifted = layers.lifted(home, used)
    routers = {module for module in used | {home} if module.startswith(layers.ROUTERS)}
    if (
        lifted.startswith(layers.ROUTERS)
        and len(routers) > 1
        and not home.startswith(layers.ROUTERS)
    ):
        return layers.MAIN
    return home if home.startswith(layers.ROUTERS) and lifted.startswith(layers.ROUTERS) else lifted


def _first_home(survey: Survey, item: Item, router_of: dict[int, str]) -> str:
    if item.index in router_of:
        return router_of[item.index]
    if item.kind == "effect":
        return _home_of_effect(survey, item)
    registered = registered_as(survey, item) in REGISTERED
    if registered and not _registered_outermost(survey, item):
        return layers.MAIN
    home = layers.HOMES[item.kind]
    return layers.MAIN if home == layers.ROUTERS else home


def _registered_outermost(survey: Survey, item: Item) -> bool:
    """Do the registering decorators stand above all others, so that they can come off?"""
    decorators = item.statement.tree.decorator_list  # type: ignore[attr-defined]
    registers = [_registers(survey, decorator) for decorator in decorators]
    return registers == sorted(registers, reverse=True)


def _home_of_effect(survey: Survey, item: Item) -> str:
    """Process-wide set-up runs before everything; what needs only settings joins them."""
    kinds = {survey.items[index].kind for index in item.uses}
    if not effect_of(survey, item) and not item.uses:
        return "config" if not isinstance(item.statement.tree, ast.Expr) else layers.MAIN
    if not kinds:
        return layers.SETUP
    if kinds <= {"constant", "settings", "logger", "data"}:
        return "data" if "data" in kinds else "config"
    owner = _configured(survey, item)
    return layers.HOMES[owner.kind] if owner else layers.MAIN


def _configured(survey: Survey, item: Item) -> Item | None:
    """What `celery.conf.update(...)` or `templates.env.filters["f"] = f` is about, if it is one."""
    tree = item.statement.tree
    value = tree.value if isinstance(tree, ast.Expr) else None
    target = tree.targets[0] if isinstance(tree, ast.Assign) else getattr(value, "func", None)
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    where = survey.definers.get(target.id, []) if isinstance(target, ast.Name) else []
    owner = survey.items[where[0]] if len(where) == 1 else None
    return owner if owner and owner.kind in CONFIGURED else None


def _pull_down(survey: Survey, homes: dict[int, str]) -> None:
    """A function or constant that a schema needs lives with the schemas, not above them."""
    for index, item in survey.items.items():
        if item.kind not in {"schema", "table", "exception"}:
            continue
        for used in closure(survey, index):
            if survey.items[used].kind in {"service", "state", "security"}:
                homes[used] = min(homes[used], homes[index], key=layers.layer_of)
    for item in survey.items.values():
        if item.kind in {"constant", "data", "settings", "engine"}:
            for used in item.uses_now:
                below = {survey.items[i].kind for i in closure(survey, used) | {used}}
                if below <= {"service", "constant", "data", "settings", "logger"}:
                    homes[used] = min(homes[used], homes[item.index], key=layers.layer_of)


def _steps(survey: Survey, homes: dict[int, str]) -> list[Step]:
    modules = sorted(
        set(homes.values()) - {layers.MAIN},
        key=lambda m: (layers.layer_of(m), min(i for i, home in homes.items() if home == m)),
    )
    steps = []
    for module in _by_use(survey, homes, modules):
        items = tuple(i for i, home in homes.items() if home == module)
        paths = [r.path or "" for i in items for r in routes_of(survey, survey.items[i])]
        steps.append(Step(layers.title_of(module, paths), module, items))
    return steps


def _by_use(survey: Survey, homes: dict[int, str], modules: list[str]) -> list[str]:
    """`modules` with every module after those it uses."""
    ordered: list[str] = []

    def add(module: str, path: tuple[str, ...]) -> None:
        if module in ordered or module in path or module not in modules:
            return
        for index, home in homes.items():
            if home == module:
                for used in sorted(survey.items[index].uses):
                    add(homes[used], (*path, module))
        ordered.append(module)

    for module in modules:
        add(module, ())
    return ordered


def is_router_route(survey: Survey, item: Item) -> bool:
    """Can this route hang on an APIRouter? Starlette's own kinds stay on the application."""
    routes = routes_of(survey, item)
    return registered_as(survey, item) in {"route", None} and not any(
        route.method in STARLETTE or route.method.startswith("add_") for route in routes
    )
