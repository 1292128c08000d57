"""Is a tree the same app? The probe looks first, then the app's own tests run.

While nothing differs, one look at each is enough. Where something does, the old app is watched once
more, and what could be chance is looked at again in both before it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi_grow.compare import Difference, differences
from fastapi_grow.observe import Observer, ProbeFailed
from fastapi_grow.suite import NOT_RUN, Results, Suite, changes
from fastapi_grow.traffic import Request, generate

SLOW = 1.0  # seconds; a route that takes longer is left out: time itself would be compared
TOO_SLOW = {"slow", "timeout", "not sent"}
CHANCE = {"responses", "events"}  # checks that a clock or a race can upset
Files = Mapping[str, str]
Report = dict[str, Any]


@dataclass
class Verifier:
    """Knows the old app, judges new ones."""

    observer: Observer
    suite: Suite
    old: dict[str, str]  # files of the old version, relative to MAIN's folder
    reports: list[Report] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    results: Results = field(default_factory=dict)
    no_tests: str = ""  # why the tests that there are cannot be run
    seconds: float = 0.0  # spent in the app and its tests, not in the tool

    def learn(self, words: list[str], count: int) -> None:
        """Watch the old app: what it is, what it answers, what its tests say.

        Raises ProbeFailed when it cannot be imported.
        """
        with self._in_the_app():
            first = self.observer.observe(self.old)
            if first.get("error"):
                raise ProbeFailed(str(first["error"]))
            self.requests = generate(first, words, count)
            trial = self.observer.observe(self.old, self.requests, slow=SLOW)
            answers = trial.get("responses", [])
            slow = {i for i, answer in enumerate(answers) if answer["error"] in TOO_SLOW}
            self.requests = [r for i, r in enumerate(self.requests) if i not in slow]
            again = [lambda: self.look_at(self.old)] * bool(slow)
            *reports, self.results = together(*again, self._run_old_tests)
            self.reports = reports or [trial]
            if set(self.results) == {NOT_RUN}:
                self.no_tests, self.results = self.results[NOT_RUN], {}
                self.suite = replace(self.suite, files=())

    def judge(self, files: Files, edited: Mapping[Path, str]) -> list[Difference]:
        """What differs between the old app and the one in `files`; empty is proof."""
        with self._in_the_app():
            new, results = together(
                lambda: self.look_at(files), lambda: self._run_tests(files, edited)
            )
            return self._seen(files, new) or self._said(files, edited, results)

    def judge_tests(self, files: Files, edited: Mapping[Path, str]) -> list[Difference]:
        """Tests of the app that say something else than they did."""
        with self._in_the_app():
            return self._said(files, edited, self._run_tests(files, edited))

    def served(self, files: Files) -> list[Difference] | None:
        """The same comparison under a real uvicorn; None when the app has none.

        There the end of one request overlaps with the next: only answers are compared.
        """
        with self._in_the_app():
            old, new = together(lambda: self._serve(self.old), lambda: self._serve(files))
            if "No module named 'uvicorn'" in str(old.get("error")):
                return None
            if not differences([old], new, self.requests):
                return []
            olds = [old, *together(*[lambda: self._serve(self.old)] * 2)]
            found = differences(olds, new, self.requests)
            again = differences(olds, self._serve(files), self.requests) if found else []
            return seen_twice(found, again)

    def _seen(self, files: Files, new: Report) -> list[Difference]:
        found = self.looked_twice(lambda: differences(self.reports, new, self.requests))
        if found and not new.get("error") and {d.check for d in found} <= CHANCE:
            self.reports.append(self.look_at(self.old))
            found = differences(self.reports, new, self.requests)
            if found:
                again = differences(self.reports, self.look_at(files), self.requests)
                found = seen_twice(found, again)
        return found

    def _said(self, files: Files, edited: Mapping[Path, str], results: Results) -> list[Difference]:
        found = changes(self.results, results)
        if found:
            again = self._run_tests(self.old, {})
            moody = {name for name in again if again[name] != self.results.get(name)}
            now = self._run_tests(files, edited)
            found = [c for c in changes(self.results, now) if c.split(": ")[0] not in moody]
        return [Difference("tests", line) for line in found]

    def looked_twice(self, compare: Callable[[], list[Difference]]) -> list[Difference]:
        """What `compare` finds, with a second look at the old app before it counts."""
        found = compare()
        if found and len(self.reports) == 1:
            self.reports.append(self.look_at(self.old))
            found = compare()
        return found

    def look_at(self, files: Files, *, server: bool = False) -> Report:
        try:
            return self.observer.observe(files, self.requests, server=server)
        except ProbeFailed as error:
            return {"error": str(error)}

    def _serve(self, files: Files) -> Report:
        return {**self.look_at(files, server=True), "events": []}

    def _run_tests(self, files: Files, edited: Mapping[Path, str]) -> Results:
        return self.suite.run(files, edited) if self.suite else {}

    def _run_old_tests(self) -> Results:
        """What the tests say of the old app; where some fail, what they say at best.

        One that fails by chance alone would be taken for one that may always fail.
        """
        results = self._run_tests(self.old, {})
        if set(results.values()) <= {"passed", "skipped"}:
            return results
        again = self._run_tests(self.old, {})
        if NOT_RUN in results:
            return again
        return results | {name: word for name, word in again.items() if word == "passed"}

    @contextmanager
    def _in_the_app(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began


def seen_twice(first: list[Difference], again: list[Difference]) -> list[Difference]:
    """The differences at places where both looks at the new app found one."""
    places = {difference.place for difference in first}
    return [difference for difference in again if difference.place in places]


def together(*calls: Callable[[], Any]) -> list[Any]:
    """The results of `calls`, two of them at a time; each waits for a process of its own."""
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
