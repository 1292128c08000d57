"""Import the app as its users do, start it, send the requests, stop it, and write the report."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

TOOL = str(Path(__file__).resolve().parents[2])
sys.path.append(TOOL)
from fastapi_grow.probe.asgi import in_process  # noqa: E402 - its folder is on the path only now
from fastapi_grow.probe.recorder import Clock, Recorder, repeatable  # noqa: E402
from fastapi_grow.probe.served import by_uvicorn  # noqa: E402
from fastapi_grow.probe.sight import find_app, look  # noqa: E402

sys.path.remove(TOOL)  # the app must not see what belongs to the tool


def main(order_path: str, report_path: str) -> None:
    with open(order_path) as file:
        order = json.load(file)
    sys.path[0:1] = order["path"]
    os.chdir(order["cwd"])
    recorder, clock = Recorder(order["project"]), Clock()
    repeatable(clock)
    recorder.install()
    report: dict[str, object] = {"error": None}
    try:
        module = importlib.import_module(order["module"])
        os.environ.update(order.get("later", {}))
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


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
