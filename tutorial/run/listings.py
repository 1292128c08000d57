"""Listings and diffs: what a reader types into a file.

A listing with `from=` is the text of a tested file under tutorial/code; a diff with `from=` and
`to=` leads from one of them to the other. The page shows the same; `--write` copies it there.
"""

import difflib
import subprocess
from pathlib import Path

from page import TUTORIAL, Step


class Differs(Exception):
    """A listing that is not its tested file, or a diff that does not apply."""


def shown(step: Step) -> str:
    """The text that the page should show for a step with from=."""
    source = TUTORIAL / step.options["from"]
    text = source.read_text()
    if step.kind == "diff":
        after = (TUTORIAL / step.options["to"]).read_text()
        lines = difflib.unified_diff(
            text.splitlines(True),
            after.splitlines(True),
            "a/" + step.options["file"],
            "b/" + step.options["file"],
        )
        return "".join(lines)
    if "append" in step.options and (base := step.options["append"]):
        before = (TUTORIAL / base).read_text()
        if not text.startswith(before):
            raise Differs(f"{step.options['from']} does not begin with all of {base}")
        return text.removeprefix(before).lstrip("\n")
    return text


def check(step: Step) -> None:
    """Raise Differs unless the page shows what its from= says."""
    if "from" in step.options and step.text != shown(step):
        raise Differs(f"the page does not show {step.options['from']} (--write copies it)")


def write(step: Step, folder: Path, text: str) -> None:
    """Write the listing into the file it names; with append, below what is there."""
    file = folder / step.options["file"]
    file.parent.mkdir(parents=True, exist_ok=True)
    if "append" in step.options:
        if not file.exists():
            raise Differs(f"there is no {file.name} to append to")
        text = file.read_text() + "\n\n" + text
    file.write_text(text)


def patch(step: Step, folder: Path, text: str) -> None:
    """Apply the diff to the file it names, where it says: nothing is guessed."""
    command = ["patch", "--fuzz=0", "--no-backup-if-mismatch", "--reject-file=-"]
    file = folder / step.options["file"]
    if not file.exists():
        raise Differs(f"there is no {file.name} to change")
    done = subprocess.run(  # noqa: S603
        [*command, file.name],
        input=text,
        text=True,
        capture_output=True,
        cwd=file.parent,
    )
    if done.returncode or "offset" in done.stdout:
        raise Differs(f"the diff does not apply to {file.name}:\n{done.stdout}{done.stderr}")
