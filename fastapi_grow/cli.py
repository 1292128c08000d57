"""The command line: `fastapi-grow small`, `large`, `compare` and `advise`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from fastapi_grow import apply, git, report
from fastapi_grow.advise import advise
from fastapi_grow.compare_apps import compare_apps
from fastapi_grow.growth import ASSEMBLY
from fastapi_grow.large.arrangement import BadLayout, read_arrangement
from fastapi_grow.large.grow import Wish, grow_large
from fastapi_grow.large.migrations_only import NAME as MIGRATIONS_ONLY
from fastapi_grow.large.parts import CHOICES, catalogue, wanted_parts, wanted_steps
from fastapi_grow.large.versions import Version
from fastapi_grow.locate import NoMain, find_main
from fastapi_grow.observe import ProbeFailed
from fastapi_grow.outline import outline
from fastapi_grow.results import Done, Outcome
from fastapi_grow.small import Say, grow_small
from fastapi_grow.subject import NotAnApp, Options, read_app
from fastapi_grow.target import Target, base_of

GROWN, REFUSED, USAGE = 0, 1, 2
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DESCRIPTION = """\
Split a single-file FastAPI app into a small package, and prove that nothing a client can see has
changed: OpenAPI document, routes and their order, middleware, events, log records, and the answers
to generated requests, old against new in separate processes; then the app's own tests.
"""

EXAMPLE = """\
example:
  fastapi-grow advise main.py              should it grow at all?
  fastapi-grow small main.py --plan        what would go where
  fastapi-grow small main.py --into grown  write the grown project to ./grown
  fastapi-grow small main.py               grow in place, in a clean git work tree
  fastapi-grow compare main.py grown/main.py

never changed: paths, names and order of routes, the OpenAPI document, answers, log names, task
names, the order of effects at import, what `uvicorn main:app` and `python main.py` start. A step
that cannot be proved is left out and named; the others go on.

exit status: 0 grown and proved (or grown already), 1 nothing could be moved or a difference was
found, and nothing was changed; 2 wrong usage, or the app cannot be imported.

the app is started and sent requests on this machine, with your environment: let DATABASE_URL and
the like point at something you can lose.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (NoMain, NotAnApp, BadLayout, git.NotClean) as error:
        return _refuse(str(error))
    except SyntaxError as error:
        return _refuse(f"{options.main}: line {error.lineno}: {error.msg}")
    except ProbeFailed as error:
        return _refuse(f"the app cannot be imported by {options.python}:\n{error}\n{ADVICE}")
    except KeyboardInterrupt:
        return _refuse("interrupted: the project is as it was after the last step shown", 130)
    return status


ADVICE = (
    "Start it yourself first (python -c 'import main'); if it needs another environment,"
    " name its interpreter with --python PATH."
)


def _refuse(text: str, status: int = USAGE) -> int:
    print(f"fastapi-grow: {text}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "fastapi-grow",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_growing(commands, "small", "split MAIN into a small package", _small)
    _add_large(commands)
    comparing = commands.add_parser("compare", help="the behaviour check alone, OLD against NEW")
    comparing.add_argument("main", metavar="OLD", help="the file of the old version")
    comparing.add_argument("new", metavar="NEW", help="the file of the new version")
    _add_python(comparing)
    comparing.set_defaults(run=_compare)
    advising = commands.add_parser("advise", help="which stage suits the app, and why")
    advising.add_argument("main", nargs="?", default="main.py", metavar="MAIN")
    advising.set_defaults(run=_advise)
    listing = commands.add_parser("parts", help="what large adds, and what calls for it")
    listing.set_defaults(run=_parts)
    return parser


def _add_large(commands: Commands) -> None:
    large = _add_growing(commands, "large", "MAIN into layers, with what it needs to run", _large)
    large.add_argument(
        "--api-version", metavar="V", type=_version, help="serve the routes under /api/V too"
    )
    large.add_argument(
        "--deprecate-old", action="store_true", help="mark the old addresses as deprecated"
    )
    for option, what in (("--only", "write this part alone"), ("--without", "leave it out")):
        large.add_argument(
            option, action="append", choices=CHOICES, help=f"{what} (again for more; see parts)"
        )
    large.add_argument(
        "--with", dest="also", action="append", choices=[MIGRATIONS_ONLY],
        help="take create_all out of the app: its container runs alembic upgrade head",
    )  # fmt: skip
    large.add_argument(
        "--layout", metavar="FILE", help="layered (the default), by_resource, or a TOML file"
    )


def _version(text: str) -> str:
    if not re.fullmatch(r"v[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text} is no version such as v1")
    return text


def _add_growing(
    commands: Commands, name: str, what: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    growing = commands.add_parser(
        name,
        help=what,
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = growing.add_argument
    add("main", nargs="?", default="main.py", metavar="MAIN", help="the app's file (main.py)")
    where = growing.add_mutually_exclusive_group()
    where.add_argument("--plan", action="store_true", help="show the tree to come, change nothing")
    where.add_argument("--into", metavar="DIR", help="write to a new directory; MAIN is untouched")
    where.add_argument("--commit", action="store_true", help="one git commit a step")
    add("--package", metavar="NAME", help="the package's name (app, or <stem>_app if taken)")
    tests = growing.add_mutually_exclusive_group()
    tests.add_argument("--tests", metavar="CMD", help="how to run the tests (pytest beside MAIN)")
    tests.add_argument("--no-tests", action="store_true", help="run no tests")
    add("--json", metavar="FILE", help="the report for programs")
    _add_python(growing)
    growing.set_defaults(run=run)
    return growing


def _add_python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--requests", type=int, default=200, metavar="N", help="how many requests to compare (200)"
    )
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="the app's interpreter (this one)"
    )


def _small(given: argparse.Namespace) -> int:
    return _grow(given, grow_small, outline)


def _large(given: argparse.Namespace) -> int:
    version = Version(given.api_version, given.deprecate_old) if given.api_version else None
    chosen = given.only or (), given.without or ()
    parts, steps = tuple(wanted_parts(*chosen)), wanted_steps(*chosen)
    wish = Wish(read_arrangement(given.layout), version, parts, bool(given.also), steps)

    def grow(options: Options, target: Target, say: Say) -> Outcome | None:
        return grow_large(options, wish, target, say)

    return _grow(given, grow, lambda options: outline(options, wish.arrangement))


def _grow(
    given: argparse.Namespace,
    grow: Callable[[Options, Target, Say], Outcome | None],
    planned: Callable[[Options], list[str]],
) -> int:
    options = _options(given)
    apply.recover(options.main)
    _check_package(options)
    read_app(options.main)  # complain of the app before the work tree
    if given.plan:
        print("\n".join(planned(options)))
        return GROWN
    outcome = grow(options, _target(given, options), lambda line: print(line, flush=True))
    if outcome is None:
        print(f"{options.main.name} has grown already: nothing to do")
        report.write_json(given.json, Outcome(None, [], {}, 0, 0, 0))
        return GROWN
    report.write_json(given.json, outcome)
    return _conclude(outcome, given.into)


def _options(given: argparse.Namespace) -> Options:
    return Options(
        find_main(given.main), given.package, given.python, given.requests, given.tests,
        given.no_tests, Path.cwd(),
    )  # fmt: skip


def _check_package(options: Options) -> None:
    name = options.package
    if name is None:
        return
    if not name.isidentifier():
        raise NoMain(f"--package {name}: a package needs a name that Python can import")
    folder = options.main.parent
    if any((folder / taken).exists() for taken in (name, f"{name}.py")):
        raise NoMain(f"--package {name}: that name is taken beside {options.main.name}")


def _target(given: argparse.Namespace, options: Options) -> Target:
    if not given.into:
        git.require_clean(options.main.parent)
        return Target(options.main, given.commit)
    folder = Path(given.into).resolve()
    if folder.exists() and any(folder.iterdir()):
        raise NoMain(f"--into {given.into}: the directory is not empty")
    return Target(options.main, into=folder, base=base_of(options.main, options.here))


def _conclude(outcome: Outcome, into: str | None) -> int:
    if outcome.tree is None or not any(_moves(step) for step in outcome.steps):
        print("nothing could be moved safely: nothing was changed")
        return REFUSED
    print("\n".join(["", *report.tree_lines(outcome.tree.lines(), outcome.before)]))
    share = (outcome.root + outcome.assembling) / max(outcome.before, 1)
    place = f" in {into}" if into else ""
    print(f"grown{place}: {share:.0%} of the lines are left in the entry and the assembling module")
    print(f"{outcome.seconds} s, of which the tool's own work {outcome.tool_seconds} s")
    return GROWN


def _moves(step: object) -> bool:
    return isinstance(step, Done) and step.step.name not in {ASSEMBLY, "tests"}


def _compare(given: argparse.Namespace) -> int:
    found = compare_apps(_options_of(given, given.main), _options_of(given, given.new))
    for difference in found:
        print(difference)
    print("they differ" if found else "no difference")
    return REFUSED if found else GROWN


def _options_of(given: argparse.Namespace, main: str) -> Options:
    return Options(find_main(main), None, given.python, given.requests, here=Path.cwd())


def _parts(_given: argparse.Namespace) -> int:
    print("\n".join(catalogue()))
    return GROWN


def _advise(given: argparse.Namespace) -> int:
    print("\n".join(advise(find_main(given.main))))
    return GROWN
