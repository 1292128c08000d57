"""Grow the apps of this repository, and check the result by other means than the tool's own.

Usage: python tests/grow/ours.py [MAIN ...]

Each is grown on the command line, which runs its tests before and after; no step may be left out.
Then, without the tool: the tests pass on the grown app, and uvicorn serves it from its folder, with
the OpenAPI document of the single file.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parents[2]
OURS = ("main.py", "examples/digits/main.py", "examples/jobs/main.py")
LARGEST = 0.25  # share of the lines that may be left in the entry and the assembling module
WITHIN = 60  # seconds for a server to answer
NOT_THE_APP = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "benchmarks", "examples", "fastapi_grow", "tests", "tutorial"
)


def main() -> int:
    chosen = sys.argv[1:] or [name for name in OURS if (HERE / name).exists()]
    wrong = []
    for name in chosen:
        began = time.monotonic()
        found = check((HERE / name).resolve())
        seconds = time.monotonic() - began
        print(f"{name}: {'; '.join(found) or 'grown'} ({seconds:.0f} s)", flush=True)
        wrong += found
    return 1 if wrong else 0


def check(main: Path) -> list[str]:
    """What is wrong with the grown app; empty when nothing is."""
    with tempfile.TemporaryDirectory(prefix="grown-") as name:
        before, grown = Path(name, "before"), Path(name, "grown")
        shutil.copytree(main.parent, before, ignore=NOT_THE_APP)
        found = grow(before / main.name, grown)
        if not grown.exists():
            return found
        tests = [path.name for path in sorted(grown.glob("test_*.py"))]
        done = run([sys.executable, "-m", "pytest", "-q", *tests], grown)
        found += [] if done.returncode == 0 else [f"its tests fail: {last_line(done)}"]
        same = served(before, main.stem) == served(grown, main.stem)
        return found + ([] if same else ["the OpenAPI documents that uvicorn serves differ"])


def grow(main: Path, into: Path) -> list[str]:
    report = into.with_suffix(".json")
    command = [sys.executable, "-m", "fastapi_grow", "small", str(main), "--into", str(into)]
    done = run([*command, "--json", str(report)], HERE)
    if done.returncode:
        return [f"not grown: {last_line(done)}"]
    told = json.loads(report.read_text())
    left = [s for s in told["steps"] if s["result"] != "done" and s["name"] != "tests"]
    found = [f"left out: {step['name']}, {step['reason']}" for step in left]
    share = (told["lines"]["root"] + told["lines"]["assembling"]) / told["lines"]["before"]
    found += [f"{share:.0%} of the lines are left"] if share > LARGEST else []
    checks = {name: word for name, word in told["checks"].items() if word != "passed"}
    return found + ([f"not all is proved: {checks}"] if checks else [])


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def served(folder: Path, stem: str) -> object:
    """The OpenAPI document of the app in `folder`, as uvicorn serves it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", f"{stem}:app", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + WITHIN
        while server.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json") as answer:
                    return json.load(answer)
            except urllib.error.URLError:
                time.sleep(0.05)  # between two looks
        raise SystemExit(f"{folder}: uvicorn does not serve {stem}:app")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
