"""What takes long to make is made once: virtual environments.

A command with `keeps=.venv of=requirements.lock` runs as any other does; the folder it makes is
then moved to build/tutorial/kept, and a link takes its place. The next time that the same command
meets the same file, the link and what was printed come from there.
"""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from page import Step
from shell import Result, Shell


def digest(command: str, folder: Path, options: dict[str, str]) -> str:
    """What decides the result: the command, the files, what was kept before, this Python."""
    found = hashlib.sha256(f"{command}\n{sys.version}\n".encode())
    for name in filter(None, options.get("of", "").split(",")):
        found.update((folder / name).read_bytes())
    target = folder / options["keeps"]
    found.update(target.resolve().parent.name.encode() if target.is_symlink() else b"")
    return found.hexdigest()[:16]


def say_where(tree: Path, old: Path, new: Path) -> None:
    """Replace the folder's old path in its programs and settings by the new one."""
    for file in [*(tree / "bin").glob("*"), tree / "pyvenv.cfg"]:
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            if bytes(old) in data:
                mode = file.stat().st_mode
                file.unlink()  # it may be a hard link
                file.write_bytes(data.replace(bytes(old), bytes(new)))
                file.chmod(mode)


def run(step: Step, command: str, shell: Shell, store: Path) -> Result:
    """Do the command, or take what it made before."""
    target = shell.folder / step.options["keeps"]
    place = store / digest(command, shell.folder, step.options)
    before = target.resolve() if target.is_symlink() else None
    if before:
        target.unlink()
    if before:
        shell.rename(before, place / "tree")  # where it is activated
    if not (place / "printed.json").exists():
        if before:
            copy(before, place / "tree")
            target.symlink_to(place / "tree")
        result = shell.run(command)
        if result.status or not target.is_dir():
            return result
        keep(target, place, result)
    target.unlink(missing_ok=True)
    target.symlink_to(place / "tree")
    return Result(**json.loads((place / "printed.json").read_text()))


def copy(before: Path, tree: Path) -> None:
    """What a command adds to: the same files, as pip never writes into one that is there."""
    shutil.rmtree(tree.parent, ignore_errors=True)
    shutil.copytree(before, tree, symlinks=True, copy_function=os.link)
    say_where(tree, before, tree)


def keep(target: Path, place: Path, result: Result) -> None:
    """Move what the command has made, and note what it printed."""
    if not target.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        shutil.move(target, place / "tree")
    say_where(place / "tree", target, place / "tree")
    (place / "printed.json").write_text(json.dumps(asdict(result)))
