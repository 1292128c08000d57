"""Requests sent over a socket of 127.0.0.1 to a real uvicorn."""

from __future__ import annotations

import base64
import http.client
import random
import socket
import threading
from typing import Any

from fastapi_grow.probe.asgi import SECONDS
from fastapi_grow.probe.memory import Memory, as_text
from fastapi_grow.probe.recorder import Clock, Recorder


def by_uvicorn(
    app: Any, order: dict[str, Any], recorder: Recorder, clock: Clock
) -> list[dict[str, Any]]:
    """The answers to all requests but WebSockets; fewer when the server ends early."""
    import uvicorn  # of the app's environment, if it has one

    recorder.phase = "startup"
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    answers, memory = [], Memory()
    for number, request in enumerate(order["requests"]):
        if request.get("websocket") or not thread.is_alive():
            continue
        recorder.phase = f"request {number}"
        random.seed(number)
        clock.ahead += 1.0
        answers.append(_ask(listener.getsockname()[1], memory.filled(request)))
        memory.note(answers[-1])
    server.should_exit = True
    thread.join(SECONDS)
    return answers


def _ask(port: int, request: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    answer: dict[str, Any] = {"status": None, "headers": [], "body": "", "error": None}
    try:
        body = base64.b64decode(request.get("body", "")) or None
        headers = {"host": "testserver", **request["headers"]}
        connection.request(request["method"], request["path"], body, headers)
        response = connection.getresponse()
        answer["status"] = response.status
        answer["headers"] = [[name.lower(), value] for name, value in response.getheaders()]
        answer["body"] = as_text(response.read())
    except (OSError, http.client.HTTPException) as error:
        answer["error"] = type(error).__name__
    finally:
        connection.close()
    return answer
