"""compose.yaml: the app, its worker, and the services that its imports call for.

Each service has a health check, keeps its data in a named volume, and is waited for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fastapi_grow.large.parts.project import Project
from fastapi_grow.large.settings import Setting

NAME = "compose"
CALLED_FOR_BY = (
    "always: compose.yaml, with a worker for Celery and a service for each client library"
)


@dataclass(frozen=True)
class Service:
    """One service: `modules` call for it, `words` in a setting's name ask for its `url`."""

    name: str
    modules: frozenset[str]
    words: tuple[str, ...]
    url: str
    text: str
    volume: str
    secret: str = ""  # a variable that must be set


DATABASE = Service(
    "database",
    frozenset({"psycopg", "psycopg2", "asyncpg", "pg8000"}),
    ("DATABASE", "POSTGRES", "DB_URL", "SQLALCHEMY"),
    "{scheme}://postgres:${{POSTGRES_PASSWORD:?set it in .env}}@database/app",
    """\
    image: postgres:17
    restart: unless-stopped
    environment:
      POSTGRES_DB: app
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env}
    volumes:
      - database:/var/lib/postgresql/data
    healthcheck:
      # By TCP: the server that only prepares a new volume listens on its socket alone.
      test: ["CMD", "pg_isready", "--host=127.0.0.1", "--username=postgres", "--dbname=app"]
""",
    "database",
    "POSTGRES_PASSWORD",
)
BROKER = Service(
    "broker",
    frozenset({"celery", "pika", "aio_pika", "amqp", "kombu"}),
    ("BROKER", "RABBITMQ", "AMQP"),
    "amqp://app:${{RABBITMQ_PASSWORD:?set it in .env}}@broker//",
    """\
    image: rabbitmq:4
    restart: unless-stopped
    hostname: broker  # names its data: without one, a new container would not find it again
    environment:
      RABBITMQ_DEFAULT_USER: app
      RABBITMQ_DEFAULT_PASS: ${RABBITMQ_PASSWORD:?set it in .env}
    volumes:
      - broker:/var/lib/rabbitmq
    healthcheck:
      test: ["CMD", "rabbitmq-diagnostics", "--quiet", "check_port_connectivity"]
""",
    "broker",
    "RABBITMQ_PASSWORD",
)
CACHE = Service(
    "redis",
    frozenset({"redis", "aioredis", "fakeredis"}),
    ("REDIS", "CACHE"),
    "redis://redis:6379/0",
    """\
    image: redis:8
    restart: unless-stopped
    command: ["redis-server", "--appendonly", "yes"]
    volumes:
      - redis:/data
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
""",
    "redis",
)
STORAGE = Service(
    "storage",
    frozenset({"boto3", "aioboto3", "s3fs", "minio"}),
    ("S3_ENDPOINT", "AWS_ENDPOINT", "ENDPOINT_URL", "MINIO"),
    "http://storage:8333",
    """\
    image: chrislusf/seaweedfs:4.00
    restart: unless-stopped
    command: ["server", "-s3", "-dir=/data"]
    volumes:
      - storage:/data
    healthcheck:
      test: ["CMD", "wget", "--quiet", "--spider", "http://127.0.0.1:8333/healthz"]
""",
    "storage",
)
SERVICES = (DATABASE, BROKER, CACHE, STORAGE)
SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|_TOKEN$", re.IGNORECASE)
SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!:|/)(.+)")  # a relative path
CHECK = """\
      interval: 5s
      timeout: 5s
      retries: 12
"""


def applies(project: Project) -> bool:
    return True


def needed(project: Project) -> list[Service]:
    """The services that the app's imports, or its requirements, call for."""
    names = project.imports | _drivers(project)
    return [service for service in SERVICES if names & service.modules]


def _drivers(project: Project) -> set[str]:
    """Client libraries that nothing imports by name: database drivers, Celery's transports."""
    tables = {"sqlalchemy", "sqlmodel"} & project.imports
    lines = {line.split("[")[0].split("=")[0].strip().lower() for line in project.requirements}
    drivers = (
        {name.removesuffix("-binary") for name in lines} & DATABASE.modules if tables else set()
    )
    text = project.survey.source.text
    storage = {"s3fs"} if "s3://" in text and "fsspec" in project.imports else set()
    return drivers | storage


def files(project: Project) -> dict[str, str]:
    """compose.yaml."""
    services = needed(project)
    blocks = [_app(project, services)]
    worker = worker_command(project)
    if worker:
        blocks.append(_block("worker", worker, _shared(project, services)))
    blocks += [f"  {service.name}:\n{service.text}{CHECK}" for service in services]
    text = "services:\n" + "\n".join(blocks)
    volumes = [service.volume for service in services] + ["data"] * keeps_files(project)
    if volumes:
        text += "\nvolumes:\n" + "".join(f"  {volume}:\n" for volume in volumes)
    return {"compose.yaml": text}


def _app(project: Project, services: list[Service]) -> str:
    ports = '    ports:\n      - "127.0.0.1:8000:8000"  # this machine only\n'
    return f"  app:\n    build: .\n    restart: unless-stopped\n{ports}{_shared(project, services)}"


def _block(name: str, command: list[str], rest: str) -> str:
    words = ", ".join(f'"{word}"' for word in command)
    off = "    healthcheck:\n      disable: true  # it is the web server's\n"
    return (
        f"  {name}:\n    build: .\n    restart: unless-stopped\n    command: [{words}]\n{off}{rest}"
    )


def _shared(project: Project, services: list[Service]) -> str:
    text = ""
    variables = _variables(project, services)
    if variables:
        text += "    environment:\n" + "".join(f"      {k}: {v}\n" for k, v in variables)
    if keeps_files(project):
        text += "    volumes:\n      - data:/data\n"
    if services:
        text += "    depends_on:\n"
        for service in services:
            text += f"      {service.name}:\n        condition: service_healthy\n"
    return text


def _variables(project: Project, services: list[Service]) -> list[tuple[str, str]]:
    found = []
    for setting in project.settings:
        service = next((s for s in services if any(w in setting.name for w in s.words)), None)
        if service:
            found.append((setting.name, service.url.format(scheme=_scheme(project))))
        elif setting.default is None or is_secret(setting):
            found.append((setting.name, f"${{{setting.name}:?set it in .env}}"))
        else:
            found.append((setting.name, _passed_on(setting)))
    return found


def _passed_on(setting: Setting) -> str:
    """The value of the same name, else the app's own default; a file of SQLite in the volume."""
    plain = _in_volume(setting.default or "").replace("$", "$$")
    quoted = f"${{{setting.name}:-{plain}}}".replace('"', '\\"')
    return f'"{quoted}"'


def is_secret(setting: Setting) -> bool:
    """Is its default a password or a key that anyone can read in the code?"""
    return bool(setting.default and SECRET.search(setting.name))


def keeps_files(project: Project) -> bool:
    """Does the app keep a database of SQLite beside its code, where a new container has none?"""
    values = [value for _, value in _variables(project, needed(project))]
    return any(":////data/" in value for value in values)


def _in_volume(default: str) -> str:
    found = SQLITE.fullmatch(default)
    return f"{found[1]}/data/{Path(found[2]).name}" if found else default


def _scheme(project: Project) -> str:
    names = project.imports | _drivers(project)
    driver = next((n for n in ("psycopg", "asyncpg", "psycopg2", "pg8000") if n in names), "")
    tables = {"sqlalchemy", "sqlmodel"} & project.imports
    return f"postgresql+{driver}" if driver and tables else "postgresql"


def worker_command(project: Project) -> list[str]:
    """How to start the app's Celery worker; empty when it has none."""
    if "celery" not in project.imports:
        return []
    guard = [item for item in project.survey.items.values() if item.kind == "guard"]
    if any('"worker"' in item.statement.text for item in guard):
        return ["python", project.identity.path.name, "worker"]
    made = [
        name
        for item in project.survey.items.values()
        for name in _made(project, item.statement.tree, sorted(item.names.binds))
    ]
    return ["celery", "-A", f"{project.identity.name}:{made[0]}", "worker"] if made else []


def _made(project: Project, tree: object, names: list[str]) -> Iterable[str]:
    made = project.survey.resolve(getattr(tree, "value", None))
    return names if made in {"celery.Celery", "celery.app.Celery"} else []
