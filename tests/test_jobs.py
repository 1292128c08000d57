"""Proof of what surrounds examples/jobs: its container files and its format."""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from server import ROOT

JOBS = ROOT / "examples/jobs"
SCRIPTS = Path(sysconfig.get_path("scripts"))


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", path.read_text(), re.MULTILINE))


def test_the_model_is_the_repositorys() -> None:
    assert (JOBS / "model.pkl").read_bytes() == (ROOT / "model.pkl").read_bytes()


def test_the_compose_file_meets_the_compose_schema() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*check, JOBS / "compose.yaml"], check=True)


def test_the_dockerfile_pleases_hadolint_and_is_sent_what_it_copies() -> None:
    subprocess.run([SCRIPTS / "hadolint", JOBS / "Dockerfile"], check=True)
    text = (JOBS / "Dockerfile").read_text()
    copied = {
        name for line in re.findall(r"^COPY ([^-].*) \S+$", text, re.M) for name in line.split()
    }
    allowed = re.findall(r"^!(.+)$", (JOBS / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == set(allowed) == {"main.py", "model.pkl", "requirements.txt"}


def test_it_pins_the_versions_of_the_repository() -> None:
    own, shared = pins(JOBS / "requirements.txt"), pins(ROOT / "requirements.txt")
    assert own
    assert {k: v for k, v in own.items() if k in shared} == {
        k: v for k, v in shared.items() if k in own
    }


def test_main_is_at_most_700_lines_in_ruffs_format_but_for_single_blank_lines() -> None:
    text = (JOBS / "main.py").read_text()
    assert text.count("\n") <= 700
    command = [SCRIPTS / "ruff", "format", "--stdin-filename", JOBS / "main.py", "-"]
    found = subprocess.run(command, input=text, capture_output=True, check=True, text=True)
    assert re.sub(r"\n{3,}", "\n\n", found.stdout) == text
