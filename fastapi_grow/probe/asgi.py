"""Requests sent to the ASGI application itself, one after the other, in a lifespan."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from typing import Any
from urllib.parse import unquote

from fastapi_grow.probe.memory import Memory, as_text
from fastapi_grow.probe.recorder import Clock, Recorder

SECONDS = 5.0  # patience with one request
QUIET = 0.15  # a WebSocket that says nothing for so long has nothing more to say


def in_process(app: Any, order: dict[str, Any], recorder: Recorder, clock: Clock) -> list[Any]:
    """Send the requests to the ASGI application itself."""
    return asyncio.run(_in_process(app, order, recorder, clock))


async def _in_process(
    app: Any, order: dict[str, Any], recorder: Recorder, clock: Clock
) -> list[Any]:
    recorder.phase = "startup"
    life = Life(app)
    await life.start()
    recorder.add("lifespan", life.outcome)
    responses: list[Any] = []
    memory, slow = Memory(), set()
    for number, request in enumerate(order["requests"]):
        if request.get("route") in slow:
            responses.append({"status": None, "headers": [], "body": "", "error": "not sent"})
            continue
        recorder.phase = f"request {number}"
        random.seed(number)
        clock.ahead += 1.0
        send = _websocket if request.get("websocket") else _http
        began = time.monotonic()
        answer = await send(app, memory.filled(request), life.state)
        if order.get("slow") and time.monotonic() - began > order["slow"]:
            slow.add(request.get("route"))
            answer["error"] = "slow"
        memory.note(answer)
        responses.append(answer)
    recorder.phase = "shutdown"
    await life.stop()
    recorder.add("lifespan", life.outcome)
    return responses


class Life:
    """The lifespan of the application, as a server drives it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self.outcome = ""
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.answered = asyncio.Event()

    async def start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        self.task = asyncio.ensure_future(self._run(scope))
        await self._say("lifespan.startup")

    async def stop(self) -> None:
        if self.task.done():
            return
        await self._say("lifespan.shutdown")

    async def _say(self, message: str) -> None:
        self.answered.clear()
        await self.inbox.put({"type": message})
        waiting = asyncio.ensure_future(self.answered.wait())
        await asyncio.wait({waiting, self.task}, timeout=20, return_when="FIRST_COMPLETED")
        waiting.cancel()

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self.app(scope, self.inbox.get, self._send)
        except Exception as error:  # compared like any other answer
            self.outcome = f"raised {type(error).__name__}"

    async def _send(self, message: dict[str, Any]) -> None:
        self.outcome = message["type"]
        self.answered.set()


async def _http(app: Any, request: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    path, _, query = request["path"].partition("?")
    body = base64.b64decode(request.get("body", ""))
    headers = {"host": "testserver", **request["headers"]}
    if body:
        headers["content-length"] = str(len(body))
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": request["method"], "scheme": "http", "path": unquote(path),
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 50000), "server": ("testserver", 80), "state": dict(state),
    }  # fmt: skip
    inbox, done = [{"type": "http.request", "body": body, "more_body": False}], asyncio.Event()
    answer: dict[str, Any] = {"status": None, "headers": [], "body": b"", "error": None}

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = [
                [k.decode("latin1").lower(), v.decode("latin1")] for k, v in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            answer["body"] += message.get("body", b"")
            if not message.get("more_body"):
                done.set()

    await _patiently(app, scope, receive, send, answer)
    answer["body"] = as_text(answer["body"])
    return answer


async def _patiently(app, scope, receive, send, answer) -> None:  # type: ignore[no-untyped-def]
    try:
        await asyncio.wait_for(app(scope, receive, send), SECONDS)
    except asyncio.TimeoutError:  # noqa: UP041 - not the builtin before Python 3.11
        answer["error"] = "timeout"
    except Exception as error:  # compared like any other answer
        answer["error"] = type(error).__name__


async def _websocket(app: Any, request: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    path, _, query = request["path"].partition("?")
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "headers": [(b"host", b"testserver")], "subprotocols": [],
        "client": ("127.0.0.1", 50000), "server": ("testserver", 80), "state": dict(state),
    }  # fmt: skip
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    answer: dict[str, Any] = {"status": "websocket", "headers": [], "body": [], "error": None}
    inbox.put_nowait({"type": "websocket.connect"})
    task = asyncio.ensure_future(_patiently(app, scope, inbox.get, said.put, answer))
    texts = list(request.get("texts", []))
    while True:
        try:
            message = await asyncio.wait_for(said.get(), QUIET)
        except asyncio.TimeoutError:  # noqa: UP041
            if not texts:
                break
            inbox.put_nowait({"type": "websocket.receive", "text": texts.pop(0)})
            continue
        shown = {k: as_text(v) if isinstance(v, bytes) else v for k, v in message.items()}
        answer["body"].append({k: v for k, v in shown.items() if k != "headers"})
        if message["type"] == "websocket.close":
            break
    inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await asyncio.wait({task}, timeout=QUIET)
    task.cancel()
    answer["body"] = json.dumps(answer["body"])
    return answer
