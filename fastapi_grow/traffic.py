"""The requests that old and new are compared by, generated from what the old app says of itself.

Every operation is asked rightly first, in the order of the routes (so that what one creates the
next can find), then with other values, with fields missing, of the wrong type, with and without a
token; paths and methods that do not exist are asked too. The same app gives the same requests.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from fastapi_grow.values import Values

TOKEN = "Bearer <token>"  # noqa: S105 - the probe puts the app's own token in
ORIGIN = "http://localhost:3000"

Request = dict[str, Any]


def generate(report: dict[str, Any], literals: list[str], count: int) -> list[Request]:
    """`count` requests (or a few more) for the app that `report` describes."""
    document = report.get("openapi")
    document = document if isinstance(document, dict) else {}
    values = Values(document, literals, random.Random(1))  # nosec B311 # noqa: S311
    operations = list(_operations(report, document))
    requests: list[Request] = []
    for attempt in itertools.count():
        if not operations or len(requests) >= count - 10 or attempt > 60:
            break
        for path, method, operation in operations:
            chatty = method == "WEBSOCKET" and attempt > 1
            if len(requests) < count - 10 and not chatty:
                requests.append(_request(path, method, operation, attempt, values))
    return [*requests, *_strangers([path for path, _, _ in operations])][: max(count, 1)]


def _operations(
    report: dict[str, Any], document: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each route and method once, with its part of the OpenAPI document where it has one."""
    paths = document.get("paths", {})
    for path, methods, _name, _endpoint, kind, _inside in report.get("routes", []):
        if path is None:
            continue
        if "WebSocket" in kind:
            yield path, "WEBSOCKET", {}
            continue
        if kind == "Mount":
            yield f"{path}/", "GET", {}
            yield f"{path}/index.html", "GET", {}
            continue
        described = paths.get(re.sub(r":\w+\}", "}", path), {})
        for method in methods or ["GET"]:
            if path.startswith(("/docs", "/redoc", "/openapi.json")) and method == "HEAD":
                continue
            yield path, method, described.get(method.lower(), {})


def _request(
    path: str, method: str, operation: dict[str, Any], attempt: int, values: Values
) -> Request:
    """Attempt 0 is right, 1 lacks everything, 2 has wrong types, the others vary."""
    filled = re.sub(
        r"\{(\w+)(?::\w+)?\}",
        lambda found: quote(str(_path_value(operation, found.group(1), attempt, values))),
        path,
    )
    query = _query(operation, attempt, values)
    headers = {"authorization": TOKEN} if attempt % 3 != 1 else {}
    if attempt % 4 == 3:
        headers["origin"] = ORIGIN
    headers |= _headers(operation, attempt, values)
    request: Request = {"method": method, "path": filled + query, "headers": headers}
    request["route"] = f"{method} {path}"
    if method == "WEBSOCKET":
        return request | {"websocket": True, "texts": ["hello", '{"message": "hi"}']}
    body, content = _body(operation, attempt, values)
    if content:
        request["headers"]["content-type"] = content
        request["body"] = base64.b64encode(body).decode()
    return request


def _parameters(operation: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    yield from (p for p in operation.get("parameters", []) if p.get("in") == where)


def _path_value(operation: dict[str, Any], name: str, attempt: int, values: Values) -> Any:
    schema: Any = next(
        (p["schema"] for p in _parameters(operation, "path") if p["name"] == name), {}
    )
    if attempt == 2:
        return "wrong value"
    value = values.of(schema, name, attempt)
    return value if isinstance(value, str | int | float) and value != "" else "1"


def _query(operation: dict[str, Any], attempt: int, values: Values) -> str:
    chosen = {}
    for parameter in _parameters(operation, "query"):
        wanted = parameter.get("required") or (attempt % 2 == 0 and attempt > 0)
        if wanted and attempt != 1:
            value = values.of(parameter.get("schema", {}), parameter["name"], attempt)
            chosen[parameter["name"]] = "wrong" if attempt == 2 else value
    return f"?{urlencode(chosen, doseq=True)}" if chosen else ""


def _headers(operation: dict[str, Any], attempt: int, values: Values) -> dict[str, str]:
    return {
        p["name"]: re.sub(
            r"[^\x20-\x7e]", "", str(values.of(p.get("schema", {}), p["name"], attempt))
        )
        for p in _parameters(operation, "header")
        if attempt != 1
    }


def _body(operation: dict[str, Any], attempt: int, values: Values) -> tuple[bytes, str]:
    content = values.resolved(operation.get("requestBody", {})).get("content", {})
    if "application/json" in content:
        value = values.of(content["application/json"].get("schema", {}), "body", attempt)
        return json.dumps(_spoiled(value, attempt)).encode(), "application/json"
    for kind, described in content.items():
        fields = values.of(described.get("schema", {}), "form", attempt)
        fields = _spoiled(fields if isinstance(fields, dict) else {}, attempt)
        if kind == "application/x-www-form-urlencoded":
            return urlencode(fields, doseq=True).encode(), kind
        if kind == "multipart/form-data":
            binary = values.binary_fields(described.get("schema", {}))
            return _multipart(fields, binary), "multipart/form-data; boundary=frontier"
    if not operation and attempt % 2 == 0:
        return b'{"name": "x"}', "application/json"
    if attempt > 2 or not operation.get("requestBody"):
        return b"", ""
    return b"{}", "application/json"


def _spoiled(value: Any, attempt: int) -> Any:
    if not isinstance(value, dict) or attempt not in {1, 2}:
        return value
    if attempt == 1:
        return dict(list(value.items())[1:])
    return {
        key: ["wrong"] if index == 0 else part for index, (key, part) in enumerate(value.items())
    }


def _multipart(fields: dict[str, Any], binary: set[str]) -> bytes:
    parts = []
    for name, value in fields.items():
        file = '; filename="file.csv"\r\ncontent-type: text/csv' if name in binary else ""
        text = "a,b\n1,2\n" if name in binary else value
        parts.append(
            f'--frontier\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n{text}\r\n'
        )
    return ("".join(parts) + "--frontier--\r\n").encode()


def _strangers(paths: list[str]) -> list[Request]:
    """What no route is meant for: unknown paths, wrong methods, slashes, a preflight."""
    fixed = [path for path in paths if "{" not in path] or ["/"]
    first = fixed[0]
    preflight = {"origin": ORIGIN, "access-control-request-method": "POST"}
    asked = [
        ("GET", "/no-such-path", {}),
        ("DELETE", first, {}),
        ("PATCH", fixed[-1], {}),
        ("HEAD", first, {}),
        ("OPTIONS", first, {}),
        ("OPTIONS", fixed[-1], preflight),
        ("GET", f"{fixed[-1].rstrip('/')}/", {}),
        ("GET", f"{fixed[-1].rstrip('/')}", {"origin": ORIGIN}),
        ("PUT", "/", {}),
        ("GET", f"{fixed[-1].rstrip('/')}/1/2/3", {}),
    ]
    return [{"method": m, "path": path, "headers": headers} for m, path, headers in asked]
