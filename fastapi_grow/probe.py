"""Watches one version of an app from inside: run by the app's own interpreter, never imported.

Usage: python probe.py ORDER.json REPORT.json. It imports the app as its users do, starts it, sends
the ordered requests, stops it and writes down all that can be seen: the OpenAPI document, routes,
middleware, handlers, events, responses, log records, output, and files or sockets touched.
It uses the standard library and the app's own FastAPI, nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import importlib
import io
import json
import logging
import os
import pickle
import random
import re
import sys
import threading
import time
import traceback
import uuid
from urllib.parse import unquote

SECONDS = 5.0  # patience with one request
QUIET = 0.15  # a WebSocket that says nothing for so long has nothing more to say
WATCHED = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "sqlite3.connect", "socket.connect",
    "subprocess.Popen", "os.putenv", "os.chdir", "shutil.rmtree", "shutil.copyfile",
}  # fmt: skip


class Recorder:
    """What happens besides responses, in order; `phase` says when."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.phase = "import"
        self.events: list[list[str]] = []
        self.active = True

    def add(self, kind: str, text: str) -> None:
        if self.active:
            self.events.append([self.phase, kind, self.plain(text)])

    def plain(self, text: object) -> str:
        """Text without what differs between two runs of the same code."""
        plain = str(text).replace(self.root, "<root>")
        return re.sub(r"\bat 0x[0-9a-f]+", "at 0x", plain)

    def audit(self, event: str, args: tuple[object, ...]) -> None:
        if not self.active or (event != "open" and event not in WATCHED):
            return
        if importing_others(self.root):
            return
        if event == "open":
            self._opened(args)
        elif event in WATCHED and "__pycache__" not in str(args):
            self.add("effect", f"{event} {[a for a in args if not hasattr(a, 'fileno')]}")

    def _opened(self, args: tuple[object, ...]) -> None:
        path, mode = args[0], args[1] if len(args) > 1 else ""
        if not isinstance(path, str) or path.endswith((".py", ".pyc", ".so", "/null")):
            return
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if writes or os.path.abspath(path).startswith(self.root):
            self.add("effect", f"open {path} {mode}")

    def install(self) -> None:
        """Start recording output, log records and side effects."""
        sys.addaudithook(self.audit)
        handle = logging.Logger.handle

        def recorded(logger: logging.Logger, record: logging.LogRecord) -> None:
            if not record.name.startswith(("uvicorn", "asyncio", "httpx", "httpcore")):
                self.add("log", f"{record.levelname} {record.name} {record.getMessage()}")
            handle(logger, record)

        logging.Logger.handle = recorded  # type: ignore[method-assign]
        sys.stdout = Tee(self)


def importing_others(root: str) -> bool:
    """Is this the work of an import of somebody else's module, and not of the app's own code?"""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(root):
            return False
        if file.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Tee(io.TextIOBase):
    """A standard output that is written down line by line."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            self.recorder.add("output", line)
        return len(text)


class Clock:
    """Lets a second pass between requests, so that rate limits do not depend on our speed."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.real = time.time

    def time(self) -> float:
        return self.real() + self.ahead


def repeatable(clock: Clock) -> None:
    """Make chance and the clock as repeatable as they can be without changing what they mean."""
    random.seed(0)
    numbers = random.Random(0)  # noqa: S311 - repeatable on purpose
    uuid.uuid4 = lambda: uuid.UUID(int=numbers.getrandbits(128), version=4)
    time.time = clock.time  # type: ignore[assignment]


def main(order_path: str, report_path: str) -> None:
    with open(order_path) as file:
        order = json.load(file)
    sys.path[0:1] = [path for path in order["path"]]
    os.chdir(order["cwd"])
    recorder, clock = Recorder(order["project"]), Clock()
    repeatable(clock)
    recorder.install()
    report: dict[str, object] = {"error": None}
    try:
        module = importlib.import_module(order["module"])
        report |= look(module, order, recorder)
        app = find_app(module, order)
        if app is not None:
            send = by_uvicorn if order.get("server") else in_process
            report["responses"] = send(app, order, recorder, clock)
    except BaseException:  # a report is owed whatever the app raises, SystemExit included
        report["error"] = traceback.format_exc()
    recorder.active = False
    report["events"] = recorder.events
    with open(report_path, "w") as file:
        json.dump(report, file)
    os._exit(0)  # threads of the app must not keep us


def find_app(module: object, order: dict) -> object:
    """The ASGI application: the named object, or what the factory makes."""
    app = getattr(module, order["app"], None) if order.get("app") else None
    if app is None and order.get("factory"):
        app = getattr(module, order["factory"])()
    return app


def look(module: object, order: dict, recorder: Recorder) -> dict[str, object]:
    """All that can be seen without a request."""
    app = fastapi_inside(find_app(module, order))
    found: dict[str, object] = {
        "classes": sorted(name for name in order["classes"] if unpickles(order["module"], name)),
    }
    if app is None:
        return found
    name = Namer(order, recorder)
    try:
        found["openapi"] = app.openapi()
    except Exception as error:  # compared like any other answer
        found["openapi"] = f"{type(error).__name__}"
    found["routes"] = [route_row(route, name) for route in effective_routes(app)]
    found["middleware"] = [
        [name(m.cls), {k: name(v) for k, v in getattr(m, "kwargs", {}).items()}]
        for m in app.user_middleware
    ]
    found["handlers"] = [[name(k), name(v)] for k, v in app.exception_handlers.items()]
    found["lifespan"] = [
        [name(f) for f in getattr(app.router, "on_startup", [])],
        [name(f) for f in getattr(app.router, "on_shutdown", [])],
    ]
    return found


def fastapi_inside(app: object) -> object:
    """The FastAPI object under any ASGI wrappers."""
    for _ in range(10):
        if hasattr(app, "openapi") and hasattr(app, "router"):
            return app
        app = getattr(app, "app", None)
    return None


def unpickles(module: str, name: str) -> bool:
    """Does a pickle that says `module.name` still find its class?"""
    try:
        return isinstance(pickle.loads(f"c{module}\n{name}\n.".encode()), type)  # noqa: S301
    except (AttributeError, ImportError):
        return False


class Namer:
    """Names for functions, classes and values that do not depend on their module or address."""

    def __init__(self, order: dict, recorder: Recorder) -> None:
        self.root = order["project"]
        self.recorder = recorder

    def __call__(self, value: object) -> str:
        if isinstance(value, functools.partial):
            return f"partial {self(value.func)}"
        qualified = getattr(value, "__qualname__", None)
        if qualified:
            module = sys.modules.get(getattr(value, "__module__", ""), None)
            path = getattr(module, "__file__", None) or ""
            own = path.startswith(self.root)
            return qualified if own else f"{getattr(value, '__module__', '')}.{qualified}"
        if isinstance(value, list | tuple | set):
            return f"{type(value).__name__} {[self(part) for part in value]}"
        text = self.recorder.plain(repr(value))
        return re.sub(r"(\w+\.)+(\w+)", r"\2", text)


def effective_routes(app: object) -> list[object]:
    """Every route in the order it is tried; FastAPI keeps a tree since 0.137, a list before."""
    routing = importlib.import_module("fastapi.routing")
    walk = getattr(routing, "iter_route_contexts", None)
    return list(walk(app.routes)) if walk else list(app.routes)


def route_row(route: object, name: Namer) -> list[object]:
    """path, methods, name, endpoint, kind of one effective route, and what is mounted there."""
    original = getattr(route, "original_route", route)
    methods = sorted(getattr(route, "methods", None) or [])
    endpoint = getattr(original, "endpoint", None)
    mounted = getattr(original, "app", None) if hasattr(original, "routes") else None
    inside: object = None
    if mounted is not None:
        directory = getattr(mounted, "directory", None)
        inside = [name(type(mounted)), name(os.path.abspath(directory)) if directory else None]
        if hasattr(mounted, "openapi"):
            inside = [*inside, [route_row(r, name) for r in effective_routes(mounted)]]
    return [
        getattr(route, "path", getattr(original, "path", None)), methods,
        getattr(route, "name", getattr(original, "name", None)),
        name(endpoint) if endpoint else None, type(original).__name__, inside,
    ]  # fmt: skip


def in_process(app: object, order: dict, recorder: Recorder, clock: Clock) -> list[object]:
    """Send the requests to the ASGI application itself."""
    return asyncio.run(_in_process(app, order, recorder, clock))


async def _in_process(app: object, order: dict, recorder: Recorder, clock: Clock) -> list[object]:
    recorder.phase = "startup"
    life = Life(app)
    await life.start()
    recorder.add("lifespan", life.outcome)
    responses, memory, slow = [], Memory(), set()
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


class Memory:
    """The last token an answer gave, to be used in later requests."""

    def __init__(self) -> None:
        self.token = "none"  # noqa: S105

    def note(self, answer: dict) -> None:
        found = re.search(r'"(?:access_)?token"\s*:\s*"([^"]{4,})"', str(answer.get("body")))
        if found:
            self.token = found.group(1)

    def filled(self, request: dict) -> dict:
        headers = {k: v.replace("<token>", self.token) for k, v in request["headers"].items()}
        return {**request, "headers": headers}


class Life:
    """The lifespan of the application, as a server drives it."""

    def __init__(self, app: object) -> None:
        self.app = app
        self.state: dict = {}
        self.outcome = ""
        self.inbox: asyncio.Queue = asyncio.Queue()
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

    async def _run(self, scope: dict) -> None:
        try:
            await self.app(scope, self.inbox.get, self._send)  # type: ignore[operator]
        except Exception as error:  # compared like any other answer
            self.outcome = f"raised {type(error).__name__}"

    async def _send(self, message: dict) -> None:
        self.outcome = message["type"]
        self.answered.set()


async def _http(app: object, request: dict, state: dict) -> dict:
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
    answer: dict = {"status": None, "headers": [], "body": b"", "error": None}

    async def receive() -> dict:
        if inbox:
            return inbox.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = [[k.decode("latin1").lower(), v.decode("latin1")] for k, v in message["headers"]]
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


async def _websocket(app: object, request: dict, state: dict) -> dict:
    path, _, query = request["path"].partition("?")
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "headers": [(b"host", b"testserver")], "subprotocols": [],
        "client": ("127.0.0.1", 50000), "server": ("testserver", 80), "state": dict(state),
    }  # fmt: skip
    inbox: asyncio.Queue = asyncio.Queue()
    said: asyncio.Queue = asyncio.Queue()
    answer: dict = {"status": "websocket", "headers": [], "body": [], "error": None}
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


def as_text(body: bytes) -> str:
    """A body that JSON can hold."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()


def by_uvicorn(app: object, order: dict, recorder: Recorder, clock: Clock) -> list[object]:
    """Send the requests over a socket of 127.0.0.1 to a real uvicorn."""
    import http.client
    import socket

    import uvicorn

    recorder.phase = "startup"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="auto"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    responses, memory = [], Memory()
    for number, request in enumerate(order["requests"]):
        if request.get("websocket") or not thread.is_alive():
            continue
        recorder.phase = f"request {number}"
        random.seed(number)
        clock.ahead += 1.0
        request = memory.filled(request)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        answer: dict = {"status": None, "headers": [], "body": "", "error": None}
        try:
            body = base64.b64decode(request.get("body", "")) or None
            headers = {"host": "testserver", **request["headers"]}
            connection.request(request["method"], request["path"], body, headers)
            response = connection.getresponse()
            answer["status"] = response.status
            answer["headers"] = [[k.lower(), v] for k, v in response.getheaders()]
            answer["body"] = as_text(response.read())
        except (OSError, http.client.HTTPException) as error:
            answer["error"] = type(error).__name__
        finally:
            connection.close()
        memory.note(answer)
        responses.append(answer)
    server.should_exit = True
    thread.join(5)
    return responses


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
