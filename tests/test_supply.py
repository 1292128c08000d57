"""Proof that what is installed is what is pinned: each lock file follows its requirements."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([\w.]+)", re.MULTILINE)
LOCKED = re.compile(
    r"^([\w.-]+)==([\w.]+)(?: ; [^\\\n]*)? \\\n +--hash=sha256:[0-9a-f]{64}", re.MULTILINE
)


def locked(name: str) -> dict[str, str]:
    """The packages of a lock file that have a hash, and their versions."""
    return dict(LOCKED.findall((ROOT / name).read_text()))


OTHERS = [f"requirements-{name}" for name in ("dev", "docs", "grow", "monitor")]


@pytest.mark.parametrize("name", ["requirements", *OTHERS])
def test_every_pin_is_in_the_lock_file_with_a_hash(name: str) -> None:
    pins = dict(PIN.findall((ROOT / f"{name}.txt").read_text()))
    found = locked(f"{name}.lock")
    assert {package: found.get(package) for package in pins} == pins, "run `make lock`"


@pytest.mark.parametrize("name", [f"{other}.lock" for other in OTHERS])
def test_the_lock_files_agree_about_every_package(name: str) -> None:
    both = locked(name).keys() & locked("requirements.lock").keys()
    assert {k: locked(name)[k] for k in both} == {k: locked("requirements.lock")[k] for k in both}
