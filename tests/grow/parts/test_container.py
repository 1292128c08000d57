"""Dockerfile and .dockerignore, judged by hadolint; one that is there is kept."""

from __future__ import annotations

from parts.commands import run


def test_docker_finds_nothing_to_complain_of(grown):
    run(grown()[0], "hadolint", "Dockerfile")


def test_files_that_are_there_are_kept_and_the_difference_is_shown(grown):
    mine = "FROM scratch\n"
    _folder, found, said = grown(files={"Dockerfile": mine})
    assert "Dockerfile" not in found
    assert any("kept     Dockerfile" in line for line in said)
    assert any(line.strip() == "-FROM scratch" for line in said)
