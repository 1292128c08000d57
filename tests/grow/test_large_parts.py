"""The parts as a whole: what there is, what the guide says of it, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

import fastapi_grow
from fastapi_grow.large.parts import CHOICES, NAMES, catalogue, wanted_parts


def test_parts_are_listed_in_the_guide_as_the_command_lists_them():
    guide = Path(fastapi_grow.__file__).with_name("README.md").read_text()
    listed = guide.partition("$ fastapi-grow parts\n")[2].partition("```")[0]
    assert listed.splitlines() == catalogue()


def test_only_what_is_wanted_is_written():
    assert [part.NAME for part in wanted_parts(["hooks", "package"], [])] == ["package", "hooks"]
    left = [part.NAME for part in wanted_parts([], ["readme"])]
    assert left == [name for name in NAMES if name != "readme"]


@pytest.mark.parametrize("name", CHOICES)
def test_each_part_has_tests_of_its_own(name):
    assert Path(__file__).with_name("parts").joinpath(f"test_{name}.py").exists()
