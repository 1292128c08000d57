"""README.md: how to run, test and deploy it. One that is there is kept, and a section shown."""

from __future__ import annotations

from fastapi_grow.large.parts.project import Project

NAME = "readme"
CALLED_FOR_BY = "always: README.md, or a section for the one that is there"

TEXT = """\
# {name}

{sentence}

"""
SECTION = """\

## Run, test and deploy

"""
COMMANDS = """\
```console
$ uv run uvicorn {served} --reload    # http://127.0.0.1:8000/docs
{more}```
"""


def applies(project: Project) -> bool:
    return True


def files(project: Project) -> dict[str, str]:
    """README.md; where there is one, the same with a section more."""
    there = project.root / "README.md"
    if not there.exists():
        text = TEXT.format(name=project.name, sentence=project.sentence)
        return {"README.md": text + _commands(project)}
    old = there.read_text(encoding="utf-8")
    more = "" if SECTION in old else SECTION + _commands(project)
    return {"README.md": old + more}


def _commands(project: Project) -> str:
    lines = []
    if "alembic.ini" in project.added:
        lines += [
            "$ uv run alembic upgrade head    # the tables, in an empty database",
            "$ uv run alembic stamp head    # in one that has them already",
            "$ uv run alembic revision --autogenerate -m MESSAGE    # after a change of the tables",
        ]
    if project.tests:
        lines.append("$ uv run pytest")
    if ".env.example" in project.added:
        lines.append("$ cp .env.example .env    # then fill it in")
    lines.append("$ docker compose up --build")
    return COMMANDS.format(served=project.served, more="".join(f"{line}\n" for line in lines))
