"""Break the tool on purpose, once for each silent trap, and see that trap's test go red.

Usage: python tests/grow/mutations.py [NUMBER ...]

Each mutation is one replacement in a copy of the tool; the planted test of its trap runs against
the copy and has to fail. One that stays green is a test that cannot fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """What is broken: in `file`, `old` becomes `new`."""

    trap: int
    broken: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation(1, "rebound names are imported by value", "subject.py",
             "through = (found.rebound | patched", "through = (patched"),
    Mutation(2, "the order of overlapping routes is forgotten", "groups.py",
             "first < second and _overlapping(routes, later)", "False"),
    Mutation(3, "mounts are taken to answer nothing", "anchors.py",
             'if name == "mount" and call.args', 'if name == "mount":\n            return []\n'
             '        if name == "mount" and call.args'),
    Mutation(4, "a function stays in MAIN as well", "layout.py",
             "if home == module]", 'if home == module or (not module and\n'
             '            self.survey.items[index].kind == "dependency")]'),
    Mutation(5, "patch targets stay as they are", "patches.py",
             "if not external.patched & set(targets):", "if external.patched:"),
    Mutation(6, "names in strings are not read", "scope.py",
             "names.later |= set(_names_in_strings(tree)) - names.now", "pass"),
    Mutation(7, "models that share a name get new ones", "rewrites/model_name.py",
             "if not place.module or", "if place.module or"),
    Mutation(8, "the prefix is given to include_router again", "tree.py",
             "{router.owner}.include_router({alias}.{router.name})",
             "{router.owner}.include_router({alias}.{router.name}, prefix={router.prefix!r})"),
    Mutation(9, "routers have operation ids of their own", "include.py",
             'prefix = f\'prefix="{self.prefix}"\' if self.prefix else ""',
             'prefix = "generate_unique_id_function=lambda route: route.name"'),
    Mutation(10, "events are registered in reverse", "tree.py",
             "draft.parts.append(Part(item.index, registrations(",
             "draft.parts.append(Part(1000 - item.index, registrations("),
    Mutation(11, "modules that nothing imports are not imported", "links.py",
             "for module in sorted(set(drafts) - reached - {layers.SETUP}):", "for module in []:"),
    Mutation(12, "imports that look unused are dropped", "unused.py",
             "    kept = []\n", "    return []\n    kept = []\n"),
    Mutation(13, "tasks take the names of their new modules", "rewrites/task_name.py",
             "or not place.module:", "or place.module:"),
    Mutation(14, "loggers take the names of their new modules", "rewrites/module_name.py",
             "if not place.module:", "if place.module:"),
    Mutation(15, "nobody looks at the order of effects", "order.py",
             "if effects[first].before(effects[second]) and", "if False and"),
    Mutation(16, "the guard moves, and runs in every process", "survey.py",
             'return isinstance(self.statement.tree, ast.If) and "__name__" in self.names.now',
             "return False"),
    Mutation(17, "routers are included before anything else", "include.py",
             "result.append((last, router))",
             "result.append((max(survey.definers[router.owner]) + 1, router))"),
    Mutation(18, "the OpenAPI documents are not compared", "compare.py",
             'for facet in ("openapi", "classes",', 'for facet in ("classes",'),
    Mutation(19, "__file__ is left alone", "rewrites/file_path.py",
             "if not place.depth:", "if place.depth:"),
    Mutation(20, "MAIN no longer gives out its classes", "subject.py",
             "exports |= set(classes_of(found)) |", "exports |="),
)  # fmt: skip


def main() -> int:
    wanted = {int(number) for number in sys.argv[1:]}
    chosen = [mutation for mutation in MUTATIONS if not wanted or mutation.trap in wanted]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reds = list(pool.map(told, chosen))
    return 0 if all(reds) else 1


def told(mutation: Mutation) -> bool:
    red = goes_red(mutation)
    print(f"{'red  ' if red else 'GREEN'} {mutation.trap:2} {mutation.broken}", flush=True)
    return red


def goes_red(mutation: Mutation) -> bool:
    """Does the test of the trap fail with the broken tool?"""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        shutil.copytree(HERE / "fastapi_grow", folder / "fastapi_grow")
        path = folder / "fastapi_grow" / mutation.file
        text = path.read_text()
        if text.count(mutation.old) != 1:
            raise SystemExit(f"{mutation.file} does not hold once: {mutation.old}")
        path.write_text(text.replace(mutation.old, mutation.new))
        chosen = f"trap_is_kept and [{mutation.trap} "
        tests = [str(HERE / "tests/grow/test_traps.py"), "-k", chosen]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "--rootdir", str(HERE), *tests], cwd=folder,
            capture_output=True, text=True, check=False,
            env={
                **os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
        )  # fmt: skip
        if done.returncode not in {0, 1}:
            raise SystemExit(done.stdout + done.stderr)
        return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main())
