"""Dockerfile in two stages: the second has no build tools and no root, and a health check.

What the container runs is what `uvicorn` runs on a laptop; settings come from its environment.
"""

from __future__ import annotations

from fastapi_grow.large.parts.project import Project
from fastapi_grow.routes import routes_of

NAME = "container"
CALLED_FOR_BY = "always: Dockerfile and .dockerignore"
UV = "uv==0.13.9"  # pinned, so that a build can be repeated
HEALTHY = ("/health", "/healthz", "/health/", "/ping", "/status", "/ready", "/api/health")

TEXT = """\
FROM python:{python}-slim AS build
RUN pip install --no-cache-dir {uv}
WORKDIR /build
COPY pyproject.toml ./
RUN uv venv /venv && uv pip install --no-cache --python /venv/bin/python -r pyproject.toml

FROM python:{python}-slim
RUN useradd --uid 1000 --no-create-home app && install --directory --owner=app /app /data
ENV PATH=/venv/bin:$PATH \\
    PYTHONUNBUFFERED=1
COPY --from=build /venv /venv
WORKDIR /app
COPY --chown=app . .
# A number, so that an orchestrator can tell that it is not root.
USER 1000
EXPOSE 8000
# No answer and one of 400 or more both raise: status 1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \\
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000{health}')"]
CMD {command}
"""

IGNORED = """\
.git
.venv
venv
.env
**/__pycache__
.pytest_cache
.ruff_cache
tests
# What the app writes belongs into a volume, not into an image.
*.db
*.db-*
*.sqlite
*.sqlite3
"""


def applies(project: Project) -> bool:
    return True


def files(project: Project) -> dict[str, str]:
    """Dockerfile and .dockerignore."""
    text = TEXT.format(
        uv=UV,
        python=project.python_version,
        health=health_path(project),
        command=_command(project),
    )
    return {"Dockerfile": text, ".dockerignore": IGNORED}


def _command(project: Project) -> str:
    serve = ["uvicorn", project.served, "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104  # nosec B104
    if project.migrates:
        serve = ["sh", "-c", f"alembic upgrade head && exec {' '.join(serve)}"]
    return "[" + ", ".join(f'"{word}"' for word in serve) + "]"


def health_path(project: Project) -> str:
    """A route that says how the app is; its OpenAPI document if there is none."""
    found = [
        route.path
        for item in project.survey.items.values()
        for route in routes_of(project.survey, item)
        if route.method == "get" and route.path
    ]
    return next((path for path in HEALTHY if path in found), "/openapi.json")
