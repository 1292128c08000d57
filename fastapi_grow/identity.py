"""Who MAIN is: its file, the name it is imported under, and the package that will stand beside it.

`uvicorn main:app` imports it from its own folder, `uvicorn src.app:app` from above. Which of the
two people use is read from the project: imports, Dockerfile, CI and README lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """`folder` holds MAIN; imported as `name` when `root` is on the path."""

    path: Path
    root: Path  # the folder from which `name` is imported
    name: str  # "main", "src.app"
    package: str  # of the grown modules: "app"
    both: bool = False  # also imported by its short name, as a script or from its own folder
    deep: bool = False  # packages within packages: these name each other in full

    @property
    def absolute(self) -> bool:
        """Can a module name another by its full name? Not where MAIN itself has several."""
        return self.deep and not self.both and not self.dotted

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def dotted(self) -> bool:
        return "." in self.name

    @property
    def names(self) -> set[str]:
        """Every name other files may import MAIN under."""
        return {self.name, self.stem}
