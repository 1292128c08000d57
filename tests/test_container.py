"""Proof of Dockerfile and compose.yaml without a Docker engine: both are linted, and the
Dockerfile is replayed in an empty folder: its COPY, its RUN pip, its ENV, its CMD, its HEALTHCHECK.

Not replayed: what only an image has (its Debian, the user it adds: here it is `nobody`).
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from dockerfile_parse import DockerfileParser
from server import ROOT, free_port, start

NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
USER = NOBODY if os.getuid() == 0 else {}
FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
INSTALL_SECONDS = 600
SENT = {"main.py", "model.pkl", "requirements.txt", "requirements.lock"}


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of the Dockerfile with their values, for each FROM."""
    found: list[list[tuple[str, str]]] = []
    for line in DockerfileParser(fileobj=BytesIO((ROOT / "Dockerfile").read_bytes())).structure:
        if line["instruction"] == "FROM":
            found.append([])
        if line["instruction"] != "COMMENT":
            found[-1].append((line["instruction"], line["value"]))
    return found


BUILD, RUNTIME = stages()


def values(stage: list[tuple[str, str]], instruction: str) -> list[str]:
    return [value for name, value in stage if name == instruction]


def copied() -> set[str]:
    """The files that the image takes from the repository."""
    copies = [shlex.split(value) for value in values(BUILD + RUNTIME, "COPY")]
    return {name for words in copies if words[0][:2] != "--" for name in words[:-1]}


@dataclass
class Image:
    """The folders of the image, below a folder that stands for its root."""

    root: Path

    def inside(self, text: str) -> str:
        """The text with each path of the image turned into one below the root."""
        return re.sub(r"(?<![\w.])/(?=(venv|build|app|data)\b)", f"{self.root}/", text)

    def env(self) -> dict[str, str]:
        """What ENV sets, and nothing of this machine's environment but where programs are."""
        pairs = dict(word.split("=", 1) for v in values(RUNTIME, "ENV") for word in shlex.split(v))
        pairs["PATH"] = pairs["PATH"].replace("$PATH", os.defpath)
        return {name: self.inside(value) for name, value in pairs.items()}

    def command(self, instruction: str) -> list[str]:
        """The JSON array of CMD or HEALTHCHECK, with its program looked up as exec does."""
        [value] = values(RUNTIME, instruction)
        program, *arguments = json.loads(value[value.index("[") :])
        return [str(shutil.which(program, path=self.env()["PATH"])), *arguments]


def can_be_base(python: str) -> bool:
    """Whether the user nobody too can run it (not where it is in root's home), and make venvs."""
    check = [python, "-m", "ensurepip", "--version"]
    try:
        return subprocess.run(check, cwd="/", capture_output=True, **USER).returncode == 0
    except OSError:
        return False


def base_python() -> str:
    """The image's version of Python where this machine has it, else one that it has."""
    version = re.sub(r"^python:([\d.]+).*", r"\1", values(RUNTIME, "FROM")[0])
    here = os.path.realpath(sys.executable)
    candidates = [shutil.which(f"python{version}"), here, "/usr/bin/python3"]
    found = [python for python in candidates if python and can_be_base(python)]
    assert found, f"of {candidates} none makes a venv for nobody: install Debian's python3-venv"
    return found[0]


def build(image: Image) -> None:
    """Replay the first stage, and what the second does but for adding its user."""
    for folder in ("build", "app", "data", "bin"):
        (image.root / folder).mkdir()
    (image.root / "bin/python").symlink_to(base_python())
    for name in copied():
        stage = "build" if name.startswith("requirements") else "app"
        shutil.copy(ROOT / name, image.root / stage)
    path = f"{image.root / 'bin'}:{os.environ['PATH']}"
    for command in values(BUILD, "RUN"):
        subprocess.run(
            ["sh", "-ec", image.inside(command)],
            cwd=image.root / "build",
            env=os.environ | {"PATH": path},
            timeout=INSTALL_SECONDS,
            check=True,
        )
    if USER:
        shutil.chown(image.root / "data", USER["user"], USER["group"])


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory() as name:
        found = Image(Path(name))
        found.root.chmod(0o755)  # nobody must get in
        build(found)
        yield found


@contextmanager
def container(image: Image) -> Iterator[tuple[Any, dict[str, str]]]:
    """The image's CMD as nobody, but on a free port of this machine alone."""
    env = image.env() | {"HOST": "127.0.0.1", "PORT": str(free_port())}
    command, app = image.command("CMD"), image.root / "app"
    with start(command, image.root, env, cwd=app, **USER) as server:
        yield server, env


def healthy(image: Image, env: dict[str, str]) -> bool:
    check = subprocess.run(
        image.command("HEALTHCHECK"), env=env, timeout=10, capture_output=True, **USER
    )
    return check.returncode == 0


def test_the_dockerfile_pleases_hadolint() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    subprocess.run([hadolint, ROOT / "Dockerfile"], check=True)


def test_the_compose_file_meets_the_compose_schema() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*check, ROOT / "compose.yaml"], check=True)


def test_the_dockerfile_copies_what_the_server_needs_and_the_engine_is_sent_no_more() -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert copied() == set(allowed) == SENT


def test_the_image_listens_on_all_its_addresses_and_is_not_root(image: Image) -> None:
    assert image.env()["HOST"] == "0.0.0.0"  # noqa: S104
    assert int(values(RUNTIME, "USER")[-1]) > 0
    assert values(RUNTIME, "EXPOSE") == [image.env()["PORT"]]


def test_the_image_has_no_test_tools(image: Image) -> None:
    python = image.command("CMD")[0]
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, check=True)
    assert b"uvicorn" in listed.stdout
    assert b"pytest" not in listed.stdout


def test_the_container_classifies_records_in_its_volume_and_ends_cleanly(image: Image) -> None:
    with container(image) as (server, env):
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0
        assert healthy(image, env)
        answer = httpx.post(f"{server.base_url}/model/classify", json=FLOWER)
        assert answer.json()["species"] == "Iris-setosa"
        assert server.stop() == 0, server.log
        assert not healthy(image, env)
    assert (image.root / "data/history.db").exists()


def test_another_container_on_the_same_volume_goes_on_with_its_history(image: Image) -> None:
    with container(image) as (server, _):
        first = httpx.post(f"{server.base_url}/model/classify", json=FLOWER).json()
    with container(image) as (server, _):
        found = httpx.get(f"{server.base_url}/model/history/{first['id']}").json()
    assert found == first | {"features": FLOWER}
