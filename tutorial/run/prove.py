"""Is each step needed? Leave one out, run the chapter, and something must go wrong.

Steps that change nothing (a command that only prints) are not tried, nor are those that the page
marks with `shows`. Which steps change something was seen by the run that made the chapter's state.
"""

import os
import random
import subprocess
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import page
import states


def commit() -> str:
    """The name of the commit that is checked out: the chance of the sample."""
    command = ["git", "-C", str(page.TUTORIAL), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


def candidates(chapters: list[Path]) -> list[tuple[Path, int]]:
    """The steps of the chapters that change something."""
    noted = [(chapter, states.note(chapter).get("changing", [])) for chapter in chapters]
    return [(chapter, int(at)) for chapter, found in noted for at in list(found)]  # type: ignore[call-overload]


def unnoticed(chapter: Path, at: int) -> str | None:
    """None when leaving out the step makes the chapter fail, else the step's place and title."""
    report = states.run(chapter, skip=at)
    if report.wrong:
        return None
    return f"{report.steps[at].place}: {report.steps[at].title}"


def all_steps(chapters: list[Path], sample: int | None, seed: str) -> int:
    """Leave out each step, or so many of them by chance; the exit status."""
    found = candidates(chapters)
    if sample is not None:
        found = random.Random(seed or commit()).sample(found, min(sample, len(found)))  # noqa: S311
    lost = []
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        tried = {pool.submit(unnoticed, chapter, at): (chapter, at) for chapter, at in found}
        for future in as_completed(tried):
            chapter, at = tried[future]
            left = future.result()
            step = page.read(chapter)[at]
            print("NOT NOTICED:" if left else "noticed:", step.place, step.title, flush=True)
            lost += [left] if left else []
    print(f"{len(found)} steps left out, one at a time; {len(found) - len(lost)} noticed")
    return 1 if lost else 0
