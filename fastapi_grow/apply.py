"""Writes a grown tree into the project so that an interruption at any moment does no harm.

A journal says what is being written. New files come first: nothing reads them yet. MAIN comes last,
by rename: before it the project is the old one, after it the new one. The next run reads a journal
that was left behind and takes back, or tidies up after, what it tells of.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

JOURNAL = ".fastapi_grow.journal"
UNFINISHED = ".fastapi_grow.new"


def write_tree(
    main: Path, files: Mapping[str, str], edits: Mapping[Path, str], gone: Iterable[str] = ()
) -> list[Path]:
    """Write `files` (relative to MAIN's folder) and `edits`; returns what has changed.

    The files in `gone`, relative too, go away last.
    """
    folder = main.parent
    new_main = files[main.name]
    fresh = [folder / path for path in files if not (folder / path).exists()]
    changed = [p for path, text in files.items() if _differs(p := folder / path, text)]
    others = [path for path, text in edits.items() if _differs(path, text)]
    leaving = [p for path in gone if path not in files and (p := folder / path).exists()]
    if not changed and not others and not leaving:
        return []
    rewritten = [path for path in changed if path not in fresh and path != main]
    try:
        _write_journal(main, new_main, fresh, [*others, *rewritten], leaving)
        for path in changed:
            if path != main:
                replace_file(path, files[str(path.relative_to(folder).as_posix())])
        for path in others:
            replace_file(path, edits[path])
        if read_exactly(main) == new_main:
            _note_done(main)
        else:
            replace_file(main, new_main)
    finally:
        try:
            recover(main)
        except KeyboardInterrupt:
            recover(main)
            raise
    return [*changed, *others, *leaving]


def recover(main: Path) -> bool:
    """Finish or undo what an interrupted run left; True when there was something."""
    journal = main.parent / JOURNAL
    _unfinished(journal).unlink(missing_ok=True)
    if not journal.exists():
        return False
    told = json.loads(journal.read_text(encoding="utf-8"))
    for name in [*told["fresh"], *told["edited"], main.name]:
        _unfinished(main.parent / name).unlink(missing_ok=True)
    same = told["before"] == told["after"]  # then MAIN cannot say how far it came
    if _digest(main.read_bytes()) != told["after"] or (same and not told["done"]):
        for name in told["edited"]:
            replace_file(main.parent / name, told["edited"][name])
        for name in told["fresh"]:
            _remove(main.parent / name, main.parent)
    else:
        for name in told["gone"]:
            _remove(main.parent / name, main.parent)
    journal.unlink()
    return True


def replace_file(path: Path, text: str) -> None:
    """Give `path` a new content in one step that cannot be seen half done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _unfinished(path)
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        draft.chmod(path.stat().st_mode)
    draft.replace(path)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)


def _write_journal(
    main: Path, new_main: str, fresh: list[Path], edited: list[Path], gone: list[Path]
) -> None:
    told = {
        "done": False,
        "before": _digest(main.read_bytes()),
        "after": _digest(new_main.encode()),
        "fresh": [os.path.relpath(path, main.parent) for path in fresh],
        "gone": [os.path.relpath(path, main.parent) for path in gone],
        "edited": {os.path.relpath(path, main.parent): read_exactly(path) for path in edited},
    }
    replace_file(main.parent / JOURNAL, json.dumps(told))


def _note_done(main: Path) -> None:
    journal = main.parent / JOURNAL
    told = json.loads(journal.read_text(encoding="utf-8"))
    replace_file(journal, json.dumps(told | {"done": True}))


def read_exactly(path: Path) -> str:
    """The text of a file with its line ends as they are."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _remove(path: Path, stop: Path) -> None:
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == stop or (folder.exists() and any(folder.iterdir())):
            return
        if folder.exists():
            folder.rmdir()


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or read_exactly(path) != text


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
