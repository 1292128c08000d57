"""The tutorial's files, looked at without running them."""

import re
import subprocess
import sys
from pathlib import Path

import page
import pytest
from page import TUTORIAL

CHAPTERS = page.chapters()


def used(chapter: Path) -> set[str]:
    """The tested files that a chapter's steps name."""
    options = [step.options for step in page.read(chapter)]
    return {one[name] for one in options for name in ("from", "to", "append") if one.get(name)}


def test_each_tested_file_is_shown_by_a_page() -> None:
    files = {str(f.relative_to(TUTORIAL)) for f in (TUTORIAL / "code").rglob("*") if f.is_file()}
    files = {name for name in files if "cache" not in name}
    assert files == set().union(*map(used, CHAPTERS))


def test_each_picture_is_made_by_a_page_and_small() -> None:
    made = {s.options["file"] for c in CHAPTERS for s in page.read(c) if s.kind == "picture"}
    found = {f"pictures/{file.name}" for file in (TUTORIAL / "pictures").iterdir()}
    assert found == made
    assert max(f.stat().st_size for f in (TUTORIAL / "pictures").iterdir()) < 100_000


def test_the_diagrams_are_those_of_their_sources() -> None:
    command = [sys.executable, str(TUTORIAL / "diagrams" / "draw.py"), "--check"]
    assert subprocess.run(command).returncode == 0


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[c.stem for c in CHAPTERS])
def test_each_chapter_has_its_four_parts(chapter: Path) -> None:
    text = chapter.read_text()
    assert "**At the end of this chapter**" in text
    assert re.findall(r"^## (Exercises|What we left out)$", text, re.MULTILINE) == [
        "Exercises",
        "What we left out",
    ]
    assert text.count("<details><summary>Solution</summary>") == text.count("</details>") > 1


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[c.stem for c in CHAPTERS])
def test_no_chapter_shows_a_folder_of_the_machine_it_was_written_on(chapter: Path) -> None:
    assert not re.search(r"/tmp/|/root/|/build/tutorial", chapter.read_text())  # noqa: S108
