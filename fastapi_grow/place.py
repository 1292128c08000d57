"""Where a statement is written to: what the rewrites need to know about its new module."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """One module of the grown project, seen from the statements in it."""

    module: str  # "schemas", "routers/users", "main"; "" is MAIN itself
    main_name: str  # the name MAIN is imported under: "main", "src.app"
    main_file: str  # its file name: "main.py"
    router: str = ""  # the APIRouter's name here, if the module has one
    owner: str = ""  # the FastAPI object whose routes it takes over: "app"
    prefix: str = ""  # lifted out of the paths into APIRouter(prefix=...)
    through: dict[str, str] = field(default_factory=dict)  # name -> "state.name"
    given_out: frozenset[str] = frozenset()  # names of here that only others use, through us
    namesakes: frozenset[str] = frozenset()  # class names that MAIN has more than once
    unregister: bool = False  # drop the decorators that register on the application

    @property
    def depth(self) -> int:
        """How many packages lie between this module and MAIN's folder."""
        return self.module.count("/") + 1 if self.module else 0
