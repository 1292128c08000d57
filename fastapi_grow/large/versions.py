"""`--api-version v1`: the routes are served under /api/v1/… too.

The old addresses keep working and the old OpenAPI document stands within the new one. Proved by
sending every request once more to its new address: the answers must be those of the old app.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from fastapi_grow.compare import Difference, differences
from fastapi_grow.growth import Growth, grow
from fastapi_grow.include import Router, placed
from fastapi_grow.large.arrangement import Arrangement
from fastapi_grow.large.gather import gathered
from fastapi_grow.layout import Layout
from fastapi_grow.plan import Step
from fastapi_grow.results import Skipped
from fastapi_grow.routes import can_match_same
from fastapi_grow.traffic import Request
from fastapi_grow.verify import Verifier

Report = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """`name` is "v1"; `deprecate` marks the old addresses as deprecated."""

    name: str
    deprecate: bool = False

    @property
    def prefix(self) -> str:
        return f"/api/{self.name}"


def serve_version(growth: Growth, arrangement: Arrangement, version: Version) -> None:
    """Take the step that serves the routes under the version too, if it can be proved."""
    api = growth.layout.api or arrangement.home("api")
    change: dict[str, Any] = {"api": api, "prefixes": ("", version.prefix)}
    if version.deprecate:
        change["old_ones"] = "deprecated=True"
    trial = replace(growth.layout, **change)
    routers = gathered(trial, placed(trial.survey, trial.plan, trial.homes, trial.assembling))
    step = Step(f"routes under {version.prefix}", api, (), change=change)
    paths = [path for router in routers for path in _paths(growth.layout, router)]
    reason = _unsuited(paths, version)
    if not reason and any(path.startswith("/api/") for path in paths):
        if not all(router.prefix.startswith("/api/") for router in routers):
            reason = f"some paths begin with /api and some do not: {min(paths)}"
        change |= {"stem": "/api", "prefixes": ("/api", version.prefix)}
    if reason:
        result = Skipped(step, reason)
        growth.results.append(result)
        growth.told(result, growth)
        return
    plain = growth.verifier
    known = {field.name: getattr(plain, field.name) for field in fields(plain)}
    growth.verifier = Versioned(**known, version=version)
    grow(growth, [step])
    if growth.layout.prefixes == ("",):
        growth.verifier = plain


def _paths(layout: Layout, router: Router) -> list[str]:
    group = layout.plan.groups[router.module]
    return [route.path or "" for index in router.items for route in group.routes[index]]


def _unsuited(paths: list[str], version: Version) -> str:
    if not paths:
        return "no routes hang on a router that could be included twice"
    if all(path.startswith(f"{version.prefix}/") for path in paths):
        return f"all routes are under {version.prefix} already"
    within = [path for path in paths if path.startswith(("/api/v", version.prefix))]
    return f"{within[0]} has a version already" if within else ""


@dataclass
class Versioned(Verifier):
    """A verifier for an app that answers under the version's prefix as well."""

    version: Version = Version("v1")

    def __post_init__(self) -> None:
        # The document has more in it now: it is compared by itself, not as an answer.
        asked = [_asks_for_document(request) for request in self.requests]
        self.reports = [
            _stripped({**report, "responses": _but(asked, report["responses"])}, self.version)
            for report in self.reports
        ]
        self.requests = _but(asked, self.requests)

    def look_at(self, files: Mapping[str, str], *, server: bool = False) -> Report:
        report = super().look_at(files, server=server)
        twice = _named_twice(report)
        if twice:
            return {"error": f"two operations would be called {twice}"}
        return _stripped(report, self.version)

    def judge(self, files: Mapping[str, str], edited: Mapping[Path, str]) -> list[Difference]:
        """What a client of the old addresses, or of the new ones, can see change."""
        return super().judge(files, edited) or self._at_new_addresses(files)

    def _at_new_addresses(self, files: Mapping[str, str]) -> list[Difference]:
        prefix = self.version.prefix
        routes = [row[0] or "" for row in super().look_at(files)["routes"]]
        ours = [path.removeprefix(prefix) for path in routes if path.startswith(f"{prefix}/")]
        sent = [_readdressed(request, ours, prefix) for request in self.requests]
        answers = self.observer.observe(files, sent)
        if answers.get("error"):
            return [Difference("error", str(answers["error"]).strip().splitlines()[-1])]
        given = _without(answers["responses"], prefix)

        def compare() -> list[Difference]:
            wanted = [_without(report["responses"], prefix) for report in self.reports]
            return differences(wanted, given, sent)

        return self.looked_twice(compare)


def _asks_for_document(request: Request) -> bool:
    return "openapi.json" in request["path"]


def _but(left_out: list[bool], values: list[Any]) -> list[Any]:
    return [value for out, value in zip(left_out, values, strict=False) if not out]


def _without(responses: list[Any], prefix: str) -> Report:
    """The answers alone; an address that one of them names is the same under both prefixes."""
    found: list[Any] = json.loads(json.dumps(responses).replace(prefix, ""))
    return {"responses": found}


def _readdressed(request: dict[str, Any], ours: list[str], prefix: str) -> dict[str, Any]:
    path = request["path"].split("?")[0]
    if request.get("websocket") or not any(can_match_same(own, path) for own in ours):
        return request
    return {**request, "path": prefix + request["path"]}


def _named_twice(report: Report) -> str:
    seen: set[str] = set()
    for path in report.get("openapi", {}).get("paths", {}).values():
        for operation in path.values():
            name = operation.get("operationId", "") if isinstance(operation, dict) else ""
            if name in seen:
                return name
            seen |= {name} - {""}
    return ""


def _stripped(report: Report, version: Version) -> Report:
    """The report without what the version adds."""

    def added(path: str) -> bool:
        return (path or "").startswith(f"{version.prefix}/")

    document = json.loads(json.dumps(report.get("openapi", {})))
    if isinstance(document, dict):
        paths = document.get("paths", {})
        document["paths"] = {path: item for path, item in paths.items() if not added(path)}
        _drop_unmentioned(document)
        for item in document["paths"].values() if version.deprecate else ():
            for operation in item.values():
                operation.pop("deprecated", None)
    rows = [row for row in report.get("routes", []) if not added(row[0])]
    return {**report, "openapi": document, "routes": rows}


def _drop_unmentioned(document: Report) -> None:
    """Leave out schemas that nothing mentions, such as the form of an operation that is gone."""
    schemas = document.get("components", {}).get("schemas", {})
    rest = {key: value for key, value in document.items() if key != "components"}
    others = {k: v for k, v in document.get("components", {}).items() if k != "schemas"}
    kept: set[str] = set()
    new = _mentioned([rest, others], schemas)
    while new:
        kept |= new
        new = _mentioned([schemas[name] for name in new], schemas) - kept
    for name in schemas.keys() - kept:
        del schemas[name]


def _mentioned(parts: list[Any], schemas: Report) -> set[str]:
    text = json.dumps(parts)
    return {name for name in schemas if f'"#/components/schemas/{name}"' in text}
