"""Do what the tutorial says, all of it, and look whether the result is the one it shows.

    python tutorial/run                all chapters, from an empty folder
    python tutorial/run 3 5            chapters 3 and 5, each from the end of the one before
    python tutorial/run --state 5      the folder as it is at the end of chapter 5
    python tutorial/run --write 3      write what comes out into the page, where it differs
    python tutorial/run --prove 3      leave out each step that changes something: is it noticed?
    python tutorial/run --prove --sample 4      four of all steps, others with each commit

Status 1: something differs. Read page.py, reader.py and states.py in this order.
"""

import argparse
import shutil
import sys
from pathlib import Path

import page
import prove
import states
import write


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", nargs="*", type=int, help="all when none is named")
    parser.add_argument("--state", action="store_true", help="make the state, say where it is")
    parser.add_argument("--write", action="store_true", help="correct the page's outputs")
    parser.add_argument("--prove", action="store_true", help="leave out one step at a time")
    parser.add_argument("--sample", type=int, help="with --prove: so many steps, by chance")
    parser.add_argument("--seed", default="", help="of that chance; else the commit")
    return parser.parse_args()


def chosen(numbers: list[int]) -> list[Path]:
    found = [c for c in page.chapters() if not numbers or int(states.number(c)) in numbers]
    if missing := set(numbers) - {int(states.number(c)) for c in found}:
        sys.exit(f"there is no chapter {missing.pop()}")
    return found


def run(chapter: Path) -> bool:
    """Run a chapter and say how it went."""
    report = states.run(chapter)
    docker = sum("docker" in step.options for step in report.steps)
    stood_in = f", {docker} by a stand-in (they need Docker)" if docker else ""
    steps = f"{len(report.steps)} steps{stood_in}"
    print(f"{chapter.stem}: {steps}, {report.seconds:.0f} s", flush=True)
    for wrong in report.wrong:
        print(f"\n{wrong}\n", flush=True)
    return not report.wrong


def need(chapters: list[Path]) -> None:
    """Run what must be run to have the states of these chapters; end when one is wrong."""
    for chapter in chapters:
        if not states.note(chapter) and not run(chapter):
            sys.exit(1)


def main() -> int:
    asked = arguments()
    chapters = chosen(asked.chapters)
    if asked.state:
        need(page.chapters()[: page.chapters().index(chapters[-1]) + 1])
        print(states.BUILD / states.number(chapters[-1]))
        return 0
    if asked.prove:
        need(page.chapters()[: page.chapters().index(chapters[-1]) + 1])
        return prove.all_steps(chapters, asked.sample, asked.seed)
    if not asked.chapters and not asked.write:
        for old in states.BUILD.glob("[0-9][0-9]*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for chapter in chapters:
        need([c for c in page.chapters() if c < chapter])
        if asked.write:
            write.correct(chapter)
        elif not run(chapter):
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except page.GrammarError as error:
        sys.exit(str(error))
