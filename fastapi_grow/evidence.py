"""How the project itself calls MAIN: by its short name, by a dotted one, or both.

Read from import statements and from lines such as `uvicorn src.app:app` in Dockerfiles, compose
and CI files, READMEs and docstrings.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {".py", ".md", ".toml", ".yml", ".yaml", ".ini", ".cfg", ".sh", ".txt", ".rst", ""}
NAMES = ("dockerfile", "procfile", "makefile", "justfile", "readme")
SKIPPED = {
    ".git", "node_modules", ".venv", "venv", "env", "__pycache__", "site-packages", ".tox",
    ".mypy_cache", ".pytest_cache", ".ruff_cache", "dist", "build",
}  # fmt: skip
LIMIT = 300_000  # bytes of a file worth reading
SERVED = re.compile(r"\b([A-Za-z_][\w.]*):[A-Za-z_]\w*")
IMPORTED = re.compile(r"^\s*(?:from\s+([\w.]+)\s+import|import\s+([\w.]+))", re.MULTILINE)
MARKERS = (
    "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", "Dockerfile", "README.md", "README",
    "requirements.txt", "tests", "docker-compose.yml", "compose.yaml", "Makefile",
)  # fmt: skip


def project_of(main: Path) -> Path:
    """The project MAIN belongs to: its git work tree, else the folders that look like one."""
    for folder in main.parents:
        if (folder / ".git").exists():
            return folder
    project = main.parent
    while (project / "__init__.py").exists():
        project = project.parent
    for folder in list(project.parents)[:3]:
        if not any((folder / marker).exists() for marker in MARKERS):
            break
        project = folder
    return project


def project_files(project: Path) -> Iterator[Path]:
    """The text files of a project that may speak of MAIN."""
    for folder, folders, files in os.walk(project):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        for name in sorted(files):
            path = Path(folder, name)
            plain = path.suffix in SUFFIXES - {""} or name.lower().startswith(NAMES)
            if plain and path.is_file() and path.stat().st_size < LIMIT:
                yield path


def names_in_use(main: Path, project: Path) -> Counter[str]:
    """How often the project calls MAIN by each name that its path allows."""
    possible = set(possible_names(main, project))
    found: Counter[str] = Counter()
    for path in project_files(project):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if main.stem not in text:
            continue
        near = path.parent == main.parent or path.suffix != ".py"
        for name in SERVED.findall(text):
            if name in possible and not name.isdigit():
                found[name] += 1
        for one, other in IMPORTED.findall(text) if path.suffix == ".py" else []:
            name = one or other
            if name.startswith(".") and path.parent == main.parent:
                found[dotted_name_of(main, project)] += name.lstrip(".") == main.stem
            elif name in possible and ("." in name or near or path.parent.name.startswith("test")):
                found[name] += 2
    return found


def possible_names(main: Path, project: Path) -> Iterator[str]:
    """`app`, `src.app`, `backend.src.app` for backend/src/app.py."""
    parts = main.relative_to(project).with_suffix("").parts
    for start in range(len(parts) - 1, -1, -1):
        if all(part.isidentifier() for part in parts[start:]):
            yield ".".join(parts[start:])


def dotted_name_of(main: Path, project: Path) -> str:
    """The name MAIN has as a member of its package, as far up as `__init__.py` goes."""
    folder, name = main.parent, main.stem
    while (folder / "__init__.py").exists() and folder != project:
        name = f"{folder.name}.{name}"
        folder = folder.parent
    return name if "." in name else f"{main.parent.name}.{main.stem}"
