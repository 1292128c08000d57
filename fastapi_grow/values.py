"""Values that fit a JSON schema: plain ones first, then those that MAIN itself speaks of.

Names hint at what a field holds (an email, a date); the strings written in MAIN are the best
guesses for keys of its dictionaries, so they take their turn.
"""

from __future__ import annotations

import random
from typing import Any

HINTS = {
    "email": "ann@example.com", "username": "alice", "password": "secret-123", "phone": "5551234",
    "date": "2026-01-02", "time": "10:30", "url": "http://127.0.0.1:9/x", "color": "#aabbcc",
    "grant_type": "password", "scope": "",
}  # fmt: skip
FORMATS = {
    "date-time": "2026-01-02T03:04:05", "date": "2026-01-02", "time": "03:04:05",
    "email": "ann@example.com", "uuid": "12345678-1234-4234-8234-123456789abc",
    "uri": "http://127.0.0.1:9/x", "binary": "a,b\n1,2\n", "ipv4": "127.0.0.1",
    "duration": "PT1H",
}  # fmt: skip
NUMBERS = (1, 2, 3, 0, 5, 10, 100, -1, 99999)


class Values:
    """Makes instances of the schemas of one OpenAPI document."""

    def __init__(self, document: dict[str, Any], literals: list[str], rng: random.Random) -> None:
        self.document = document
        self.literals = literals
        self.rng = rng

    def of(self, schema: Any, name: str, attempt: int, depth: int = 0) -> Any:
        """An instance of `schema` for a field called `name`; each attempt may give another."""
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][attempt % len(schema["enum"])]
        if attempt > 3 and "default" in schema and attempt % 3 == 0:
            return schema["default"]
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            real = [c for c in choices if c.get("type") != "null"] or choices
            return self.of(real[attempt % len(real)], name, attempt, depth)
        if schema.get("allOf"):
            return self.of(schema["allOf"][0], name, attempt, depth)
        return self._by_type(schema, name, attempt, depth)

    def resolved(self, schema: Any) -> dict[str, Any]:
        """`schema` with its `$ref` followed."""
        while isinstance(schema, dict) and "$ref" in schema:
            place: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                place = place.get(part, {})
            schema = place
        return schema if isinstance(schema, dict) else {}

    def binary_fields(self, schema: Any) -> set[str]:
        """The fields of a form that are files."""
        found = self.resolved(schema).get("properties", {})
        return {
            name
            for name, part in found.items()
            if "binary" in str(self.resolved(part)) or "contentMediaType" in str(part)
        }

    def _by_type(self, schema: dict[str, Any], name: str, attempt: int, depth: int) -> Any:
        kind = schema.get("type")
        kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
        if kind == "object" or "properties" in schema:
            return self._object(schema, attempt, depth)
        if kind == "array":
            least = max(schema.get("minItems", 1), 1) if depth < 4 else 0
            return [
                self.of(schema.get("items", {}), name, attempt + n, depth + 1) for n in range(least)
            ]
        if kind in {"integer", "number"}:
            return self._number(schema, attempt, kind)
        if kind == "boolean":
            return attempt % 2 == 0
        return None if kind == "null" else self._string(schema, name, attempt)

    def _object(self, schema: dict[str, Any], attempt: int, depth: int) -> dict[str, Any]:
        required = set(schema.get("required", []))
        wanted = {
            name: part
            for name, part in schema.get("properties", {}).items()
            if name in required or (attempt % 2 == 0 and depth < 4)
        }
        return {name: self.of(part, name, attempt, depth + 1) for name, part in wanted.items()}

    def _number(self, schema: dict[str, Any], attempt: int, kind: str) -> float:
        value: float = NUMBERS[attempt % len(NUMBERS)]
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if low is not None and value <= low:
            value = low + 1
        if high is not None and value >= high:
            value = high - (1 if low is None or high - 1 > low else 0)
        return value + 0.5 if kind == "number" and high is None and attempt % 2 else value

    def _string(self, schema: dict[str, Any], name: str, attempt: int) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        hint = next((text for word, text in HINTS.items() if word in name.lower()), None)
        if attempt > 2 and attempt % 2 and self.literals:
            text = self.rng.choice(self.literals)
        else:
            text = (
                hint
                if hint is not None
                else str(attempt + 1)
                if name.endswith("id")
                else f"{name} {attempt}"
            )
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        return text.ljust(least, "x")[:most]
