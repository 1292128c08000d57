"""An arrangement: which module of the large stage each kind of thing lives in.

It is a short TOML file (`--layout FILE`); two ship: `layered` and `by_resource`. A home with
`{resource}` in it becomes a module for each resource.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).with_name("arrangements")
KINDS = (
    "config", "logger", "data", "template", "schemas", "database", "models", "state", "security",
    "ml", "crud", "services", "dependencies", "tasks", "routers", "api", "lifespan", "middleware",
    "errors",
)  # fmt: skip
HOME = re.compile(r"[a-z_]\w*(/[a-z_]\w*)*")
RESOURCE = "{resource}"


class BadLayout(ValueError):
    """The file cannot be used; the text says which entry, and what would do."""


@dataclass(frozen=True)
class Arrangement:
    """Homes by kind, without `.py`: "schemas" -> "schemas/{resource}"."""

    homes: dict[str, str]
    shared: str = "common"
    grouping: tuple[str, ...] = ()

    def home(self, kind: str, resource: str | None = None) -> str:
        """The module of a kind of thing that belongs to `resource`, or to several."""
        pattern = self.homes[kind]
        if RESOURCE not in pattern:
            return pattern
        if resource or self.shared:
            return pattern.replace(RESOURCE, resource or self.shared)
        return "/".join(part for part in pattern.split("/") if RESOURCE not in part)

    def collapsed(self, folder: str, module: str) -> str:
        """What `module` becomes when it is small and alone in `folder`."""
        return module.rpartition("/")[2] if folder in self.grouping else folder


def read_arrangement(given: str | None) -> Arrangement:
    """A shipped arrangement by name (`layered` by default), or a TOML file.

    Raises BadLayout.
    """
    name = given or "layered"
    path = SHIPPED / f"{name}.toml"
    if not path.exists():
        path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        shipped = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
        raise BadLayout(f"--layout {name}: no such file, and not one of {shipped}") from error
    return parse_arrangement(text, name)


def parse_arrangement(text: str, name: str) -> Arrangement:
    """The arrangement written in `text`; kinds that it does not name are as in `layered`."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadLayout(f"--layout {name}: {error}") from error
    default = tomllib.loads((SHIPPED / "layered.toml").read_text(encoding="utf-8"))
    homes = found.pop("homes", {})
    _refuse(name, [key for key in found if key not in default], "at the top level", default)
    _refuse(name, [kind for kind in homes if kind not in KINDS], "in [homes]", KINDS)
    for kind, home in homes.items():
        plain = home.replace(RESOURCE, "resource") if isinstance(home, str) else ""
        if not HOME.fullmatch(plain) or plain.split("/")[0] in {"main", "__init__"}:
            raise BadLayout(
                f'--layout {name}: {kind} = {home!r} is no module path such as "schemas/{RESOURCE}"'
            )
    settings = {key: found.get(key, default[key]) for key in ("shared", "grouping")}
    return Arrangement(default["homes"] | homes, settings["shared"], tuple(settings["grouping"]))


def _refuse(name: str, unknown: list[str], where: str, known: Iterable[str]) -> None:
    if unknown:
        words = ", ".join(known)
        raise BadLayout(f"--layout {name}: {unknown[0]} {where} is not one of {words}")
