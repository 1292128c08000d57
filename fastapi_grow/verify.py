"""Is a tree the same app? Static order first, then the probe, then the app's own tests.

The old app is watched twice before anything moves. A difference that could be chance is looked at
again, with a third look at the old app, before it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi_grow.compare import Difference, differences
from fastapi_grow.observe import Observer, ProbeFailed
from fastapi_grow.suite import Results, Suite, changes
from fastapi_grow.traffic import Request, generate

SLOW = 1.0  # seconds; a route that takes longer is left out: time itself would be compared
TOO_SLOW = {"slow", "timeout", "not sent"}


@dataclass
class Verifier:
    """Knows the old app, judges new ones."""

    observer: Observer
    suite: Suite
    old: dict[str, str]  # files of the old version, relative to MAIN's folder
    reports: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    results: Results = field(default_factory=dict)
    seconds: float = 0.0  # spent in the app and its tests, not in the tool

    def learn(self, words: list[str], count: int) -> None:
        """Watch the old app: what it is, what it answers, what its tests say."""
        first = self._observe(self.old)
        if first.get("error"):
            raise ProbeFailed(str(first["error"]))
        self.requests = generate(first, words, count)
        trial = self._observe(self.old, self.requests, slow=SLOW)
        slow = {i for i, a in enumerate(trial.get("responses", [])) if a["error"] in TOO_SLOW}
        if slow:
            self.requests = [r for i, r in enumerate(self.requests) if i not in slow]
            trial = self._observe(self.old, self.requests)
        self.reports = [trial, self._observe(self.old, self.requests)]
        if self.suite:
            self.results = self._run_tests(self.old, {})

    def judge(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> list[Difference]:
        """What differs between the old app and the one in `files`; empty is proof."""
        return self._look(files) or self.judge_tests(files, edited)

    def judge_tests(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> list[Difference]:
        """Tests of the app that say something else than they did."""
        return self._test(files, edited) if self.suite else []

    def served(self, files: Mapping[str, str]) -> list[Difference] | None:
        """The same comparison under a real uvicorn; None when the app has none.

        There the end of one request overlaps with the next: only answers are compared.
        """
        old = [self._serve(self.old) for _ in range(2)]
        if any("No module named 'uvicorn'" in str(report.get("error")) for report in old):
            return None
        found = differences(old, self._serve(files), self.requests)
        if found:
            old.append(self._serve(self.old))
            found = differences(old, self._serve(files), self.requests)
        return found

    def _serve(self, files: Mapping[str, str]) -> dict[str, Any]:
        return {**self._observe(files, self.requests, server=True), "events": []}

    def _look(self, files: Mapping[str, str]) -> list[Difference]:
        new = self._observe(files, self.requests)
        found = differences(self.reports, new, self.requests)
        if found and not new.get("error") and all(d.check in {"responses", "events"} for d in found):
            self.reports.append(self._observe(self.old, self.requests))
            found = differences(self.reports, new, self.requests)
            if found:
                again = self._observe(files, self.requests)
                found = differences(self.reports, again, self.requests)
        return found

    def _test(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> list[Difference]:
        found = changes(self.results, self._run_tests(files, edited))
        if found:
            again = self._run_tests(self.old, {})
            moody = {name for name in again if again[name] != self.results.get(name)}
            now = self._run_tests(files, edited)
            found = [c for c in changes(self.results, now) if c.split(": ")[0] not in moody]
        return [Difference("tests", line) for line in found]

    def _observe(
        self, files: Mapping[str, str], requests: list[Request] | None = None, **how: Any
    ) -> dict[str, Any]:
        began = time.monotonic()
        try:
            return self.observer.observe(files, requests or [], **how)
        finally:
            self.seconds += time.monotonic() - began

    def _run_tests(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> Results:
        began = time.monotonic()
        try:
            return self.suite.run(files, edited)
        finally:
            self.seconds += time.monotonic() - began
