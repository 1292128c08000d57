"""Lines that take MAIN along by its name, and would leave its package behind: people are told.

Dockerfiles that copy it, .dockerignore files that let it through, Compose files that mount it. None
of them is changed: what else they do is not for this tool to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fastapi_grow.identity import Identity

# What a line takes along, and how the package would be taken along too.
READERS = (
    (
        re.compile(r"(?i).*\.?dockerfile.*"),
        re.compile(r"(?i)\s*(?:COPY|ADD)\s+(?!.*--from)(.+)\s\S+\s*$"),
        "add `COPY {0} {0}/`",
    ),
    (re.compile(r"\.dockerignore"), re.compile(r"\s*!/?(\S+)\s*$"), "add `!{0}`"),
    (
        re.compile(r".*compose.*\.ya?ml"),
        re.compile(r"""\s*-\s*["']?([^\s"':]+):/"""),
        "mount {0} too",
    ),
)


def left_behind(identity: Identity, project: Path) -> Iterator[str]:
    """A sentence for each line that takes MAIN along in a file that does not take the package."""
    main, package = identity.path.resolve(), identity.folder.resolve() / identity.package
    folders = [main.parent, *main.parent.parents]
    folders = folders[: folders.index(project.resolve()) + 1] if project in folders else folders[:1]
    for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
        for named, takes, advice in READERS:
            if not named.fullmatch(path.name):
                continue
            taken = list(_taken(path, takes))
            if any(package == source or source in package.parents for _, source in taken):
                continue
            for number, source in taken:
                if source == main:
                    what = f"{path.relative_to(folders[-1])} line {number} takes {main.name} alone"
                    where = package.relative_to(path.parent).as_posix()
                    yield f"{what}: {advice.format(where)}"


def _taken(path: Path, takes: re.Pattern[str]) -> Iterator[tuple[int, Path]]:
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        for word in (found.group(1) if (found := takes.match(line)) else "").split():
            yield number, (path.parent / word.strip("[]\"',")).resolve()  # or the JSON form
