"""Where the grown project is written: over the old one, as commits, or into a new directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi_grow import apply, git
from fastapi_grow.evidence import project_of
from fastapi_grow.scratch import LEFT_OUT


@dataclass(frozen=True)
class Target:
    """`into` is a directory that does not exist yet; without it the project itself is written."""

    main: Path
    commit: bool = False
    into: Path | None = None
    base: Path = Path()  # what is copied to `into`
    gone: tuple[str, ...] = ()  # files that the grown project does not have, from MAIN's folder

    def write(self, files: Mapping[str, str], edits: Mapping[Path, str]) -> list[Path]:
        """Write a tree (paths relative to MAIN's folder) and edits; returns what has changed."""
        if b"\r\n" in self.main.read_bytes():
            files = {path: text.replace("\n", "\r\n") for path, text in files.items()}
        if self.into is None:
            return apply.write_tree(self.main, files, edits, self.gone)
        if not self.into.exists() or not any(self.into.iterdir()):
            copy_project(self.base, self.into)
        inside = {p: text for p, text in edits.items() if p.is_relative_to(self.base)}
        moved = {self.into / path.relative_to(self.base): text for path, text in inside.items()}
        main = self.into / self.main.relative_to(self.base)
        return apply.write_tree(main, files, moved, self.gone)

    def add(self, files: Mapping[str, str], root: Path, message: str) -> None:
        """Write new files, by path from `root`, which MAIN is imported from."""
        place = root if self.into is None else self.into / root.relative_to(self.base)
        for path, text in files.items():
            apply.replace_file(place / path, text)
        if self.commit and files:
            git.commit(place, [place / path for path in files], message)

    def write_and_commit(
        self, files: Mapping[str, str], edits: Mapping[Path, str], message: str
    ) -> None:
        changed = self.write(files, edits)
        if changed:
            git.commit(self.main.parent, changed, message)


def base_of(main: Path, here: Path) -> Path:
    """What --into copies: the current folder if MAIN's project is around it, else MAIN's own."""
    if main.is_relative_to(here) and here.is_relative_to(project_of(main)):
        return here
    return main.parent


def copy_project(base: Path, into: Path) -> None:
    """Copy `base` to `into`, which may lie inside it."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        own = {name for name in names if Path(folder, name).resolve() == into.resolve()}
        return LEFT_OUT(folder, names) | own

    names = sorted(os.listdir(base))
    into.mkdir(parents=True, exist_ok=True)
    skipped = left_out(str(base), names)
    for name in names:
        if name in skipped:
            continue
        source = base / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, into / name, ignore=left_out, symlinks=True)
        else:
            shutil.copy2(source, into / name, follow_symlinks=False)
