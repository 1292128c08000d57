"""What is where in one version of the grown project: the input of everything that writes it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_grow import layers
from fastapi_grow.identity import Identity
from fastapi_grow.plan import Plan
from fastapi_grow.survey import Item, Survey

ROOT = ""  # MAIN itself, as a module of the tree


@dataclass(frozen=True)
class Layout:
    """The homes of the statements; those not moved yet are at home in MAIN, the ROOT."""

    survey: Survey
    plan: Plan
    identity: Identity
    homes: dict[int, str]
    exports: frozenset[str]  # names that other files take from MAIN
    through: frozenset[str]  # names reached through their module
    api: str = ""  # the module that includes the routers for the application, if one does
    prefixes: tuple[str, ...] = ("",)  # under which it is included: "" and perhaps "/api/v1"
    stem: str = ""  # the part of their prefix that is given at the inclusion: "/api"
    old_ones: str = ""  # arguments of the first inclusion, such as "deprecated=True"

    @property
    def assembling(self) -> str:
        """The module that puts the application together."""
        return layers.MAIN if layers.MAIN in self.homes.values() else ROOT

    @property
    def modules(self) -> list[str]:
        """Every module, MAIN included."""
        own = [self.api] if self.api else []
        return sorted({*self.homes.values(), *own, ROOT})

    def home_of(self, name: str) -> str | None:
        """The module that defines `name`; None for a name that MAIN does not define."""
        where = self.survey.definers.get(name)
        return self.homes[where[-1]] if where else None

    def items_in(self, module: str) -> list[Item]:
        """The statements of a module, in the order of MAIN."""
        return [self.survey.items[index] for index, home in self.homes.items() if home == module]


def depth(module: str) -> int:
    """How many packages lie between a module and MAIN's folder."""
    return module.count("/") + 1 if module else 0
