"""README.md: how to run, test and deploy it. One that is there is kept, and the text shown."""

from __future__ import annotations

from fastapi_grow.large.parts.project import Project

NAME = "readme"
CALLED_FOR_BY = "always: README.md, where there is none"

TEXT = """\
# {name}

{sentence}

```console
$ uv run uvicorn {served} --reload    # http://127.0.0.1:8000/docs
{more}```
"""


def applies(project: Project) -> bool:
    return True


def files(project: Project) -> dict[str, str]:
    """README.md."""
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
    text = TEXT.format(
        name=project.name, sentence=project.sentence, served=project.served,
        more="".join(f"{line}\n" for line in lines),
    )  # fmt: skip
    return {"README.md": text}
