"""Planted traps: an app each, and a question that the old and the new version must answer alike.

The question is a script that imports `main` as a client, a worker or an operator would; it is run
by plain Python in a fresh process for each version, and its output is compared. `moved` names what
must have left the file, so that a trap cannot be kept by not moving.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent

PRELUDE = """\
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, ".")
from fastapi.testclient import TestClient
"""


@dataclass(frozen=True)
class Trap:
    """One planted app. `number` is the trap's in the list, `title` a sentence."""

    number: int
    title: str
    app: str
    ask: str
    moved: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)  # others beside MAIN
    refused: str = ""  # the reason, where a step or a statement of it is left out

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def text(self) -> str:
        return dedent(self.app).lstrip()

    @property
    def script(self) -> str:
        return PRELUDE + dedent(self.ask)
