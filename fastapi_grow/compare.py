"""What differs between two reports of the probe.

The old app is watched again before anything counts: whatever changes between its own runs (a clock,
a random id) says nothing about the new one and is left out of the comparison, leaf by leaf.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi_grow.routes import can_match_same

PASSING_HEADERS = {"date", "server", "content-length"}
CHECKS = {
    "openapi": "openapi", "classes": "openapi", "routes": "routes", "middleware": "routes",
    "handlers": "routes", "lifespan": "events", "events": "events", "responses": "responses",
    "error": "responses", "tests": "tests",
}  # fmt: skip

Report = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing a client, a log or a file can tell the two versions apart by."""

    facet: str
    text: str

    @property
    def check(self) -> str:
        return CHECKS[self.facet]

    @property
    def place(self) -> str:
        """Where it is, without what was found there."""
        return f"{self.facet} {self.text.split(': ')[0]}"

    def __str__(self) -> str:
        return f"{self.facet}: {self.text}"


def differences(old: list[Report], new: Report, requests: list[dict[str, Any]]) -> list[Difference]:
    """Where `new` differs from what all reports of `old` agree on."""
    first = old[0]
    if new.get("error") and not first.get("error"):
        return [Difference("error", str(new["error"]).strip().splitlines()[-1])]
    found = []
    for facet in ("openapi", "classes", "middleware", "handlers", "lifespan"):
        agreed = all(report.get(facet) == first.get(facet) for report in old)
        if agreed and first.get(facet) != new.get(facet):
            found.append(Difference(facet, _first_change(first.get(facet), new.get(facet))))
    found += _route_differences(first.get("routes", []), new.get("routes", []))
    found += _response_differences(old, new, requests)
    found += _event_differences(old, new)
    return found


def _first_change(old: Any, new: Any, where: str = "") -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            if key not in new or key not in old:
                return f"{where}/{key} is {'gone' if key in old else 'new'}"
            if old[key] != new[key]:
                return _first_change(old[key], new[key], f"{where}/{key}")
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            if a != b:
                return _first_change(a, b, f"{where}/{index}")
    return f"{where} was {_short(old)}, is {_short(new)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _route_differences(old: list[Any], new: list[Any]) -> Iterator[Difference]:
    """The same routes, in the same order wherever two can match one URL."""
    lost = [row for row in old if row not in new]
    added = [row for row in new if row not in old]
    for word, rows in (("lost", lost), ("new", added)):
        yield from (Difference("routes", f"{word}: {_short(row[:3])}") for row in rows)
    if lost or added:
        return
    place = {json.dumps(row): index for index, row in enumerate(new)}
    for one, other in itertools.combinations(old, 2):
        if place[json.dumps(one)] > place[json.dumps(other)] and _meet(one, other):
            yield Difference("routes", f"{other[0]} now comes before {one[0]}")


def _meet(one: list[Any], other: list[Any]) -> bool:
    paths = [row[0] + "/{rest:path}" if row[4] == "Mount" else row[0] for row in (one, other)]
    return can_match_same(*paths)


def _response_differences(
    old: list[Report], new: Report, requests: list[dict[str, Any]]
) -> Iterator[Difference]:
    many = [report.get("responses", []) for report in old]
    answers = new.get("responses", [])
    if len({len(responses) for responses in [*many, answers]}) > 1:
        yield Difference("responses", f"{len(answers)} answers instead of {len(many[0])}")
        return
    asked = requests if len(requests) == len(answers) else [{}] * len(answers)
    for request, *before, after in zip(asked, *many, answers, strict=True):
        for key in ("status", "error", "headers", "body"):
            known = [_comparable(answer, key) for answer in before]
            text = _change(known, _comparable(after, key))
            if text and not _unstable(before, key):
                line = f"{request.get('method')} {request.get('path')} {key}: {text}"
                yield Difference("responses", line)
                break


def _unstable(before: list[dict[str, Any]], key: str) -> bool:
    """Did the old app already answer differently in a way that makes this part meaningless?"""
    if any(answer.get("error") == "timeout" for answer in before):
        return True
    return key in {"headers", "body"} and len({answer["status"] for answer in before}) > 1


def _comparable(answer: dict[str, Any], key: str) -> Any:
    value = answer.get(key)
    if key == "headers":
        return dict([name, text] for name, text in value or [] if name not in PASSING_HEADERS)
    if key == "body" and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _change(known: list[Any], new: Any, where: str = "") -> str:
    """How `new` differs from what all of `known` share; empty when it does not."""
    first = known[0]
    kinds = {type(value) for value in known}
    if len(kinds) == 1 and isinstance(first, dict) and isinstance(new, dict):
        keys = [set(value) for value in known]
        if any(k != keys[0] for k in keys):
            return ""
        if keys[0] != set(new):
            return f"{where or '/'} has other keys: {sorted(keys[0] ^ set(new))[:4]}"
        changes = (_change([v[k] for v in known], new[k], f"{where}/{k}") for k in first)
        return next((text for text in changes if text), "")
    if len(kinds) == 1 and isinstance(first, list) and isinstance(new, list):
        if len({len(value) for value in known}) > 1:
            return ""
        if len(first) != len(new):
            return f"{where or '/'} has {len(new)} elements instead of {len(first)}"
        changes = (
            _change([v[i] for v in known], new[i], f"{where}/{i}") for i in range(len(first))
        )
        return next((text for text in changes if text), "")
    if any(value != first for value in known) or first == new:
        return ""
    return f"{where} was {_short(first)}, is {_short(new)}".strip()


def _event_differences(old: list[Report], new: Report) -> Iterator[Difference]:
    """Effects, log records and output, phase by phase, where the old runs agree."""
    phases: dict[str, None] = {}
    for report in [*old, new]:
        phases |= dict.fromkeys(event[0] for event in report.get("events", []))
    for phase, kind in itertools.product(phases, ("effect", "log", "output", "lifespan")):
        known = [_events(report, phase, kind) for report in old]
        after = _events(new, phase, kind)
        if all(events == known[0] for events in known) and known[0] != after:
            yield Difference("events", f"{kind} at {phase}: {_first_change(known[0], after)}")


def _events(report: Report, phase: str, kind: str) -> list[str]:
    return [text for when, what, text in report.get("events", []) if (when, what) == (phase, kind)]
