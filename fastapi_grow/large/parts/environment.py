""".env.example: every setting that the app reads, with the value it has by default."""

from __future__ import annotations

from fastapi_grow.large.parts.compose import is_secret, needed
from fastapi_grow.large.parts.project import Project

NAME = "environment"
CALLED_FOR_BY = "settings that the app reads, or passwords of its services: .env.example"


def applies(project: Project) -> bool:
    return bool(project.settings or any(service.secret for service in needed(project)))


def files(project: Project) -> dict[str, str]:
    """.env.example, to be copied to .env."""
    lines = ["# Copy to .env: compose reads it there. What is commented out has this default."]
    for setting in project.settings:
        secret = is_secret(setting)  # its default is in the code, for everyone to read
        optional = "# " if setting.default is not None and not secret else ""
        value = "" if secret else (setting.default or "").replace("\n", "\\n")
        lines.append(f"{optional}{setting.name}={value}")
    lines += [f"{service.secret}=" for service in needed(project) if service.secret]
    return {".env.example": "\n".join(lines) + "\n"}
