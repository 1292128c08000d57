"""README.md, or a section for the one that is there."""

from __future__ import annotations


def test_a_readme_that_is_there_is_offered_a_section_and_loses_nothing(grown):
    found, said = grown(files={"README.md": "# The shop\n"})[1:]
    begins = next(i for i, line in enumerate(said) if "kept     README.md" in line)
    shown = [line.strip() for line in said[begins + 1 :]]
    assert "README.md" not in found
    assert "+## Run, test and deploy" in shown
    assert not [line for line in shown if line.startswith("-")]


def test_a_readme_that_has_the_section_is_offered_none(grown):
    said = grown(files={"README.md": "# The shop\n\n## Run, test and deploy\n\nAs ever.\n"})[2]
    assert not [line for line in said if "README.md" in line]
