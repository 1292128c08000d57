"""What became of a step, of the checks and of the whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi_grow.plan import Step
from fastapi_grow.tree import Tree


@dataclass(frozen=True)
class Done:
    """The step is proved: nothing that can be seen has changed."""

    step: Step
    moved: list[str]
    result: str = "done"
    reason: str = ""


@dataclass(frozen=True)
class Skipped:
    """The step was not taken, or taken back, because it cannot be proved."""

    step: Step
    reason: str
    moved: list[str] = field(default_factory=list)
    result: str = "skipped"


@dataclass(frozen=True)
class Failed:
    """The step could not be written or checked: an error of ours, reported as it is."""

    step: Step
    reason: str
    moved: list[str] = field(default_factory=list)
    result: str = "failed"


StepResult = Done | Skipped | Failed


@dataclass
class Outcome:
    """The grown project, or the reason that there is none."""

    tree: Tree | None
    steps: list[StepResult]
    checks: dict[str, str]
    before: int
    root: int
    assembling: int
    stage: str = "small"
    parts: list[str] = field(default_factory=list)  # files that are no modules
    seconds: float = 0.0
    tool_seconds: float = 0.0  # of these, not spent in the app and its tests

    def took(self, seconds: float, in_app: float) -> None:
        """Note the time of the whole, and how much of it was not spent in the app."""
        self.seconds = round(seconds, 1)
        self.tool_seconds = round(max(0.0, seconds - in_app), 1)

    @property
    def grown(self) -> bool:
        return any(isinstance(step, Done) for step in self.steps)
