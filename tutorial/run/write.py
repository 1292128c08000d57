"""Write into a page what its steps print, where that differs, and the listings of tested files.

For authors: look at the difference afterwards, since the runner believes whatever came out.
"""

import shutil
from pathlib import Path

import listings
import page
import states
from page import TUTORIAL, Step


def replace(chapter: Path, changes: list[tuple[slice, str]]) -> None:
    """Put each text in the place of its lines."""
    lines = chapter.read_text().split("\n")
    for span, text in sorted(changes, key=lambda change: change[0].start, reverse=True):
        lines[span] = text.rstrip("\n").split("\n") if text.strip() else []
    chapter.write_text("\n".join(lines))


def copy_listings(chapter: Path) -> None:
    """Show in each block with from= what that file holds."""
    steps = [s for s in page.read(chapter) if "from" in s.options]
    replace(chapter, [(s.span, listings.shown(s)) for s in steps])


def output(step: Step, found: str) -> str:
    """What the page shows of what was found; a stop shows ^C, too."""
    return f"^C\n{found}" if step.kind == "stop" else found


def copy_picture(step: Step) -> None:
    file = TUTORIAL / step.options["file"]
    made = states.BUILD / "pictures" / file.name
    if made.exists():
        shutil.copy(made, file)


def correct(chapter: Path) -> None:
    """Copy listings, run the chapter, write what differs, and say so."""
    copy_listings(chapter)
    for step in page.read(chapter):
        if step.kind == "picture":
            (TUTORIAL / step.options["file"]).touch()
    report = states.run(chapter, on=lambda wrong: wrong.found is not None)
    for wrong in report.wrong:
        print(f"\n{wrong}\n")
    found = [w for w in report.wrong if w.found is not None]
    replace(chapter, [(w.step.span, output(w.step, w.found or "")) for w in found])
    for step in report.steps:
        if step.kind == "picture":
            copy_picture(step)
    print(f"{chapter.name}: {len(found)} outputs written")
