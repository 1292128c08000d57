"""A classifier as an HTTP API in one file: it answers fast, and it never loses a record.

    python main.py                  serves http://127.0.0.1:8000; try it out at /docs
    uvicorn main:app --workers 4    the same, four server processes on one history

To serve a model of your own, put it at model.pkl and describe its input in the class Features.

    POST /model/classify ─── validate ── wait ──┐   the worker, a process of its own:
    POST /model/classify/batch ─────────────────┤─→ take everything that waits,
                                                │   predict_proba once for all of it,
                         answer ←───────────────┘   insert it all, commit, give the answers back

No answer leaves before its record is on disk. A batch is what arrived while the last one ran: a
lone request waits for no timer, and a busy server pays for scikit-learn and the disk once for many.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # read by numpy; more threads only get in the way here

import asyncio
import contextlib
import gc
import hashlib
import hmac
import io
import json
import logging
import marshal
import multiprocessing
import signal
import socket
import sys
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import joblib
import numpy as np
import sklearn
import sqlalchemy as sql
import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sklearn.exceptions import InconsistentVersionWarning as OtherVersion
from sqlalchemy import JSON, Column, Index, String, Table
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

try:
    import pysqlite3.dbapi2 as sqlite  # a newer SQLite than Python's own
except ImportError:
    import sqlite3 as sqlite
with contextlib.suppress(ImportError):
    import fcntl  # there is none on Windows

HERE = Path(__file__).parent
MAX_BODY, MAX_ROWS, MAX_ID = 2 * 1024**2, 10_000, 2**63 - 1
log = logging.getLogger("uvicorn.error")


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────
class Settings(BaseModel):
    """Each is read from the environment variable of its name in capitals."""

    model_path: Path = HERE / "model.pkl"  # its folder holds what POST /model/load may load
    model_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    database_url: str = Field(f"sqlite:///{HERE / 'history.db'}", pattern=r"^(sqlite:///.|postgresql\+psycopg://.+/.)")
    api_key: SecretStr | None = None
    max_pending: int = Field(512, ge=1)  # requests in progress
    worker_timeout: float = Field(10, gt=0, allow_inf_nan=False)  # seconds
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)


def stop(reason: str) -> NoReturn:
    """End with one clear line; status 3 tells uvicorn --workers that a restart would not help."""
    print(f"main.py cannot start: {reason}", file=sys.stderr)
    raise SystemExit(3)


try:
    settings = Settings.model_validate({k.lower(): v for k, v in os.environ.items() if v})
except ValidationError as error:
    name, fault = str(error.errors()[0]["loc"][0]), error.errors()[0]
    value = "" if name == "database_url" else f"={fault['input']!r}"  # there may be a password in it
    stop(f"the setting {name.upper()}{value} is wrong: {fault['msg']}")


# ── Schemas ──────────────────────────────────────────────────────────────────────────────────────
Centimetres = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
STRICT = ConfigDict(strict=True, extra="forbid")  # "5.1" is no number, and no field is ignored
FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}


class Features(BaseModel):
    """One flower. To serve a model of your own, change this class: its input, in its order."""

    model_config = STRICT | ConfigDict(json_schema_extra={"examples": [FLOWER]})
    SepalLengthCm: Centimetres
    SepalWidthCm: Centimetres
    PetalLengthCm: Centimetres
    PetalWidthCm: Centimetres


class Classification(BaseModel):
    id: int
    species: str
    probabilities: dict[str, float]
    model: str = Field(description="the first 12 digits of the model file's SHA-256")
    classified_at: datetime


class Record(Classification):
    features: dict[str, Any]


class Page(BaseModel):
    items: list[Record]
    before: int | None = Field(description="what to ask the next page with; null on the last")


class ModelFile(BaseModel):
    model_config = STRICT
    file: str = Field(settings.model_path.name, pattern=r"^[\w-][\w .-]{0,99}\.(pkl|skops)$")


class ModelInUse(BaseModel):
    file: str
    model: str = Field(description="the first 12 digits of its SHA-256")
    scikit_learn: str
    features: list[str]
    classes: list[str]
    loaded_at: datetime
    files: list[str] = Field(description="what POST /model/load can be given")
    activations: list[dict[str, str]] = Field(description="the last ten, newest first")


class Health(BaseModel):
    status: str
    model: str
    database: str
    worker: str
    queue: int = Field(description="requests in progress")
    detail: str | None = Field(None, description="what fails, where something does")


class Problem(BaseModel):
    detail: str | list[dict[str, Any]] = Field(description="what is wrong, or the first ten faults")


FEATURES, EXAMPLE = list(Features.model_fields), [tuple(FLOWER.values())]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]

# ── History ──────────────────────────────────────────────────────────────────────────────────────
tables = sql.MetaData()
row_id = sql.BigInteger().with_variant(sql.Integer, "sqlite")  # SQLite numbers only INTEGER rows
history = Table(
    "history", tables, Column("id", row_id, primary_key=True),
    Column("features", JSON, nullable=False), Column("species", String, nullable=False),
    Column("probabilities", JSON, nullable=False), Column("model", String, nullable=False),
    Column("classified_at", String, nullable=False),  # ISO 8601 in UTC: sorts as time does
    Index("history_by_species", "species", "id"), Index("history_by_model", "model", "id"),
    Index("history_by_model_and_species", "model", "species", "id"),
    sqlite_autoincrement=True,  # an id is never given again, not even after a deletion
)  # fmt: skip
activations = Table(
    "activations", tables, Column("id", row_id, primary_key=True),
    Column("file", String, nullable=False), Column("sha256", String, nullable=False),
    Column("scikit_learn", String, nullable=False), Column("classes", JSON, nullable=False),
    Column("activated_at", String, nullable=False), Column("checked_at", String),  # by /health
    Column("deployed", sql.Boolean, nullable=False),  # by a start, not by POST /model/load
    sqlite_autoincrement=True,
)  # fmt: skip
newest_first = sql.select(activations).order_by(activations.c.id.desc())
as_text = [sql.cast(c, sql.Text) if isinstance(c.type, JSON) else c for c in history.c]
records = sql.select(*as_text).order_by(history.c.id.desc())  # their JSON is never decoded
ANSWER = '"species":%s,"probabilities":%s,"model":"%s","classified_at":"%s"}'

SQLITE = settings.database_url.startswith("sqlite")
wait = {"timeout": settings.worker_timeout / 2} if SQLITE else {"connect_timeout": 5}  # seconds
options = {"module": sqlite} if SQLITE else {"paramstyle": "format", "pool_pre_ping": True}
engine = sql.create_engine(
    settings.database_url, isolation_level="AUTOCOMMIT", connect_args=wait, **options
)
INSERT = str(history.insert().compile(dialect=engine.dialect))


@sql.event.listens_for(engine, "connect")
def make_durable(connection: Any, _: Any) -> None:
    if SQLITE:  # in WAL mode, versions before 3.51.3 can corrupt the file: sqlite.org/wal.html
        mode = "WAL" if sqlite.sqlite_version_info >= (3, 51, 3) else "TRUNCATE"
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA synchronous = FULL")  # an fsync with every commit


@contextlib.contextmanager
def transaction() -> Iterator[sql.Connection]:
    """A connection whose writes are all on disk when the block ends, or all undone and 503."""
    try:
        with contextlib.ExitStack() as stack:
            if SQLITE and "fcntl" in globals():
                # SQLite's own way of waiting starves some of several writers; flock is a queue.
                lock = stack.enter_context(open(f"{engine.url.database}.lock", "w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            connection = stack.enter_context(engine.connect())
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE" if SQLITE else "BEGIN")
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.invalidate()  # closing it undoes what was not committed
                raise
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", error)).strip()
        raise HTTPException(503, f"the database cannot record: {reason}") from error


def new_ids(connection: sql.Connection, count: int) -> list[int]:
    if SQLITE:  # nobody else can write before the transaction ends
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'history'"
        last = connection.exec_driver_sql(query).scalar() or 0
        return list(range(last + 1, last + 1 + count))
    query = "SELECT nextval('history_id_seq') FROM generate_series(1, %s)"
    return list(connection.exec_driver_sql(query, (count,)).scalars())


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# ── Classifier ───────────────────────────────────────────────────────────────────────────────────
class Classifier(NamedTuple):
    file: str
    sha256: str
    estimator: Any
    classes: list[str]

    def probabilities(self, rows: list[tuple[Any, ...]]) -> list[list[float]]:
        """For each row a probability for each class; any exception where the model fails."""
        # Pydantic has refused NaN and infinity already: scikit-learn need not look again.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            found = np.asarray(self.estimator.predict_proba(np.array(rows)), dtype=float)
        if found.shape != (len(rows), len(self.classes)):
            raise ValueError(f"predict_proba gave the shape {found.shape}")
        if not (found.min() >= 0 and abs(found.sum(axis=1) - 1).max() < 1e-6):  # NaN fails too
            raise ValueError("predict_proba gave what are no probabilities")
        return found.tolist()


def read_classifier(file: str) -> Classifier:
    """The classifier in a file of the model folder; 404 for no such file, 409 for one unfit."""
    folder = settings.model_path.parent.resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise HTTPException(404, f"there is no file {file} in the model folder")
    data = path.read_bytes()  # hashed and loaded from the same read
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        if settings.model_sha256 not in (None, sha256):
            raise ValueError(f"its SHA-256 is {sha256}, not MODEL_SHA256")
        with warnings.catch_warnings(action="error", category=OtherVersion):
            if file.endswith(".skops"):
                import skops.io  # refuses all types but those known to run no code

                estimator = skops.io.loads(data)
            else:
                estimator = joblib.load(io.BytesIO(data))  # a pickle is code, and it runs here
        names = list(getattr(estimator, "feature_names_in_", FEATURES))
        if estimator.n_features_in_ != len(FEATURES) or names != FEATURES:
            raise ValueError(f"it was not trained on {FEATURES}")
        classes = [str(name) for name in estimator.classes_.tolist()]  # slow in a Pipeline: once
        found = Classifier(file, sha256, estimator, classes)
        with contextlib.ExitStack() as stack:
            if multiprocessing.parent_process() and hasattr(signal, "alarm"):
                signal.alarm(2)  # ends a worker whose model hangs; the server takes another
                stack.callback(signal.alarm, 0)
            found.probabilities(EXAMPLE)
        return found
    except OtherVersion as old:
        was, here = old.original_sklearn_version, old.current_sklearn_version
        reason = f"scikit-learn {was} wrote it and {here} runs here: train it again"
    except Exception as error:  # what is in a file can raise anything
        reason = f"{type(error).__name__}: {str(error)[:300]}"
    raise HTTPException(409, f"{file} is no classifier for this API: {reason}")


def activate(chosen: Classifier, connection: sql.Connection, deployed: bool = False) -> None:
    """Make chosen the model of every process on this database: the newest row wins."""
    row = {"file": chosen.file, "sha256": chosen.sha256, "classes": chosen.classes}
    row |= {"scikit_learn": sklearn.__version__, "activated_at": now(), "deployed": deployed}
    connection.execute(activations.insert().values(row))
    log.warning("the model is now %s, SHA-256 %s", chosen.file, chosen.sha256[:12])


def start() -> Classifier:
    """Create the tables, choose the model. Another MODEL_PATH, or other bytes there: a deploy."""
    with transaction() as connection:
        if not SQLITE:  # where two create a table at once, one fails: take turns
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7267)")
        tables.create_all(connection)
        chosen, newest = read_classifier(settings.model_path.name), connection.execute(newest_first).first()
        deployed = connection.execute(newest_first.where(activations.c.deployed)).first()
        if newest and deployed and deployed[1:3] == chosen[:2]:  # the same file and SHA-256
            chosen = read_classifier(newest.file)  # what POST /model/load chose outlives a restart
        if not newest or newest[1:3] != chosen[:2]:
            activate(chosen, connection, deployed=chosen.file == settings.model_path.name)
        return chosen


try:
    classifier, looked_at = start(), time.monotonic()  # and when it was last asked for
except HTTPException as error:
    stop(error.detail)


def model_in_use(look: bool) -> Classifier:
    """The newest activation's classifier; the database is asked now, or four times a second."""
    global classifier, looked_at
    if look or time.monotonic() > looked_at + 0.25:
        try:
            with engine.connect() as connection:
                newest = connection.execute(newest_first.limit(1)).one()
        except SQLAlchemyError as error:
            raise HTTPException(503, f"the database cannot be read: {error}") from error
        if newest[1:3] != classifier[:2]:
            try:
                found = read_classifier(newest.file)
            except HTTPException as error:
                raise HTTPException(503, f"the model in use: {error.detail}") from error
            if found.sha256 != newest.sha256:
                raise HTTPException(503, f"the model in use: {found.file} has changed since")
            classifier = found
        looked_at = time.monotonic()
    return classifier


# ── Worker ───────────────────────────────────────────────────────────────────────────────────────
Job = list[tuple[Any, ...]] | str  # rows to classify, none to check the health; or a file to load
Answer = tuple[int, str]  # a status, and JSON objects with commas between or what is wrong


def answer(jobs: list[Job]) -> list[Answer]:
    """Do all jobs at once, or one by one where they cannot be, so that only the culprit fails."""
    try:
        if len(jobs) == 1 and isinstance(jobs[0], str):
            chosen = read_classifier(jobs[0])
            with transaction() as connection:
                activate(chosen, connection)
            return [(200, "")]
        return [(200, text) for text in classify(jobs)]
    except HTTPException as error:
        return [(error.status_code, error.detail)] * len(jobs)
    except Exception as error:  # a model can raise anything
        if len(jobs) > 1:
            return [answer([job])[0] for job in jobs]
        return [(503, f"the model fails on this: {type(error).__name__}: {str(error)[:300]}")]


def classify(jobs: list[Any]) -> list[str]:
    """Classify and record the rows of all jobs: one predict_proba, one transaction, one fsync."""
    rows = [row for job in jobs for row in job]
    model = model_in_use(look=[] in jobs)
    found = model.probabilities(rows or EXAMPLE)
    digest, at, answers, values = model.sha256[:12], now(), [], []
    names = [json.dumps(name) for name in model.classes]
    with transaction() as connection:
        if [] in jobs:
            connection.execute(activations.update().values(checked_at=at))
        for number, row, p in zip(new_ids(connection, len(rows)), rows, found):
            best, text = p.index(max(p)), json.dumps(dict(zip(model.classes, p)))
            features = json.dumps(dict(zip(FEATURES, row)))
            values.append((number, features, model.classes[best], text, digest, at))
            answers.append(f'{{"id":{number},' + ANSWER % (names[best], text, digest, at))
        if values:
            connection.exec_driver_sql(INSERT, values)
    left = iter(answers)  # they may leave only now, after the commit
    return [",".join(next(left) for _ in job) for job in jobs]


def frame(message: Any) -> bytes:
    """A message behind its length. marshal is fast, and both of its ends are this file."""
    data = marshal.dumps(message)
    return len(data).to_bytes(4) + data


def work(channel: socket.socket) -> None:
    """The worker process: answer one batch after the other until the server goes away."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the server ends first, when all is recorded
        signal.signal(number, signal.SIG_IGN)
    for start, end in ((3, channel.fileno()), (channel.fileno() + 1, 1 << 16)):
        os.closerange(start, end)  # what a fork has inherited: nobody else's channel or port
    with channel, channel.makefile("rb") as stream, contextlib.suppress(ConnectionError):
        while size := stream.read(4):
            channel.sendall(frame(answer(marshal.loads(stream.read(int.from_bytes(size))))))


class Worker:
    """The worker seen from the event loop, which never waits for the model or the disk itself."""

    def __init__(self) -> None:
        self.loop, self.arrived = asyncio.get_running_loop(), asyncio.Event()
        self.waiting: list[tuple[Job, asyncio.Future[Answer]]] = []
        # Only a process without threads may fork, which this one soon is not: so it forks spares.
        forks = sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1
        self.spares = [self.spawn("fork") for _ in range(3 * forks)]

    def spawn(self, method: str) -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    async def start(self) -> None:
        self.process, self.channel = self.spares.pop() if self.spares else self.spawn("spawn")
        self.reader, self.writer = await asyncio.open_connection(sock=self.channel)

    async def run(self) -> None:
        while await self.arrived.wait():
            self.arrived.clear()
            batch, self.waiting = self.waiting, []
            await self.answer(batch)

    async def answer(self, batch: list[tuple[Job, asyncio.Future[Answer]]]) -> None:
        try:
            async with asyncio.timeout(settings.worker_timeout):
                self.writer.write(frame([job for job, _ in batch]))
                size = await self.reader.readexactly(4)
                answers = marshal.loads(await self.reader.readexactly(int.from_bytes(size)))
        except (OSError, EOFError, TimeoutError) as error:
            log.error("the worker died or hung and is replaced: %r", error)
            self.process.kill()
            self.writer.close()
            await self.start()
            if len(batch) > 1:  # one of them is the culprit
                for one in batch:
                    await self.answer([one])
                return
            status = 409 if isinstance(batch[0][0], str) else 503
            answers = [(status, "the worker died of this, or hung, and was replaced")]
        for (_, future), answer in zip(batch, answers):
            future.set_result(answer)


worker: Worker | None = None  # while a server runs
pending = 0  # requests in progress


async def do(job: Job) -> str:
    """The answer to a job, by the worker; in place without a server, as under TestClient(app)."""
    if worker and worker.loop is asyncio.get_running_loop():
        future: asyncio.Future[Answer] = worker.loop.create_future()
        worker.waiting.append((job, future))
        worker.arrived.set()
        status, text = await future
    else:
        status, text = answer([job])[0]
    if status != 200:
        raise HTTPException(status, text)
    return text


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global worker
    engine.dispose()  # no connection may cross a fork
    gc.collect()
    gc.freeze()  # or a full collection walks all of scikit-learn's objects: 100 ms now and then
    worker = Worker()
    await worker.start()
    running = asyncio.create_task(worker.run())
    yield  # until the last request is answered
    running.cancel()
    for _process, channel in [*worker.spares, (worker.process, worker.channel)]:
        channel.shutdown(socket.SHUT_RDWR)
    worker = None


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────
def refuse(status: int, detail: Any) -> JSONResponse:
    headers = {401: {"WWW-Authenticate": "ApiKey"}, 503: {"Retry-After": "1"}}.get(status)
    return JSONResponse({"detail": detail}, status, headers)


class Gate:
    """Decides before FastAPI looks at a request: its path, its key, its place, its size."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.key = settings.api_key.get_secret_value().encode() if settings.api_key else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        global pending
        path, root = scope.get("path", ""), scope.get("root_path", "")
        if path.endswith("/") and path != root + "/":
            path = scope["path"] = path[:-1]  # both spellings answer, without a redirect
        if scope["type"] != "http" or not path.removeprefix(root).startswith("/model"):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        if self.key and not hmac.compare_digest(headers.get(b"x-api-key", b""), self.key):
            refusal = refuse(401, "send the API key in the header X-API-Key")
        elif pending >= settings.max_pending:
            refusal = refuse(503, f"{pending} requests are in progress: try again soon")
        elif int(headers.get(b"content-length", 0)) > MAX_BODY:  # chunked ones: max_body_size
            refusal = refuse(413, f"the body is larger than {MAX_BODY} bytes")
        else:
            pending += 1
            try:
                return await self.app(scope, receive, send)
            finally:
                pending -= 1
        return await refusal(scope, receive, send)


app = FastAPIOffline(
    title="Iris classifier", version="1.0.0", lifespan=lifespan, redirect_slashes=False,
    description="An answer is sent only after its record is on disk.",
)  # fmt: skip
app.add_middleware(Gate)
key = [Security(APIKeyHeader(name="X-API-Key", auto_error=False))] if settings.api_key else []
problems: dict[int | str, Any] = {n: {"model": Problem} for n in (401, 404, 409, 413, 422, 503)}
api = APIRouter(prefix="/model", dependencies=key, responses=problems, max_body_size=MAX_BODY)


@app.exception_handler(HTTPException)
@app.exception_handler(RequestValidationError)
@app.exception_handler(SQLAlchemyError)
async def failed(_: Request, error: Any) -> Response:
    """One shape for all; it names the fields and their faults, but never repeats what was sent."""
    if isinstance(error, SQLAlchemyError):
        return refuse(503, f"the database cannot be read: {getattr(error, 'orig', error)}")
    if isinstance(error, RequestValidationError):
        faults = [{key: fault[key] for key in ("loc", "msg", "type")} for fault in error.errors()[:10]]
        for fault in faults:  # a name may be anything, and of any length
            fault["loc"] = [ascii(part)[:100].strip("'") for part in fault["loc"]]
        return refuse(422, faults)
    if error.status_code == 400:  # FastAPI's word for a body that it cannot even read
        return refuse(422, "the body is not JSON in UTF-8, or nested too deeply")
    return refuse(error.status_code, error.detail)


def as_json(text: str) -> Response:
    return Response(text, media_type="application/json")


@app.get("/")
def welcome() -> dict[str, Any]:
    """What this is, the model in use, and where to go from here."""
    paths = ("/docs", "/redoc", "/openapi.json", "/health", "/model", "/model/classify",
             "/model/classify/batch", "/model/history", "/model/load")  # fmt: skip
    about = {"name": app.title, "version": app.version, "model": describe()["model"]}
    return about | {"links": {path.rpartition("/")[2]: path for path in paths}}


@api.post("/classify", response_model=Classification)
async def classify_one(features: Features) -> Response:
    """Classify one flower, and record it."""
    return as_json(await do([tuple(features.__dict__.values())]))


@api.post("/classify/batch", response_model=list[Classification])
async def classify_batch(
    flowers: Annotated[list[Features], Field(min_length=1, max_length=MAX_ROWS)],
) -> Response:
    """Classify up to 10,000 flowers, in order; all of them are recorded or none."""
    return as_json(f"[{await do([tuple(flower.__dict__.values()) for flower in flowers])}]")


def find(limit: int, *conditions: sql.ColumnElement[bool]) -> list[tuple[int, str]]:
    """The id and the JSON of the newest records that meet the conditions."""
    with engine.connect() as connection:
        rows = connection.execute(records.where(*conditions).limit(limit)).all()
    start = '{"id":%d,"features":%s,'
    return [(row[0], start % row[:2] + ANSWER % (json.dumps(row[2]), *row[3:])) for row in rows]


@api.get("/history", response_model=Page)
def read_history(
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
    before: Id = MAX_ID,
    species: Annotated[str | None, Field(max_length=100, pattern=r"^[^\x00]*$")] = None,
    model: Annotated[str | None, Field(pattern="^[0-9a-f]{12}$")] = None,
) -> Response:
    """Records, newest first; for the next page, pass on the before of this one."""
    equal = [history.c[k] == v for k, v in {"species": species, "model": model}.items() if v]
    found = find(limit + 1, history.c.id < before, *equal)
    more = found[limit - 1][0] if len(found) > limit else "null"
    return as_json(f'{{"items":[{",".join(text for _, text in found[:limit])}],"before":{more}}}')


@api.get("/history/{id}", response_model=Record)
def read_record(id: Id) -> Response:
    """One record."""
    if found := find(1, history.c.id == id):
        return as_json(found[0][1])
    raise HTTPException(404, f"there is no record {id}")


def describe() -> dict[str, Any]:
    """The model in use as the database knows it, the same for every process."""
    with engine.connect() as connection:
        rows = connection.execute(newest_first.limit(10)).mappings().all()
    keys = ("file", "scikit_learn", "activated_at")
    past = [{key: row[key] for key in keys} | {"model": row["sha256"][:12]} for row in rows]
    files = [path.name for path in settings.model_path.parent.iterdir()]
    return past[0] | {
        "loaded_at": rows[0]["activated_at"], "features": FEATURES, "activations": past,
        "classes": rows[0]["classes"], "files": sorted(f for f in files if f.endswith((".pkl", ".skops"))),
    }  # fmt: skip


@api.get("", response_model=ModelInUse)
def read_model() -> dict[str, Any]:
    """The model in use, the files that could be loaded, and the last activations."""
    return describe()


@api.post("/load", response_model=ModelInUse)
async def load_model(body: ModelFile = ModelFile()) -> dict[str, Any]:
    """Try a file of the model folder, and use it from now on in every process on this history."""
    await do(body.file)
    await do([])
    return await run_in_threadpool(describe)


@app.get("/health", response_model=Health, responses={503: {"model": Health}})
async def health() -> Response:
    """Whether it can classify and record: it does both."""
    report: dict[str, Any] = dict.fromkeys(("status", "model", "database", "worker"), "ok")
    try:
        await do([])
        model = (await run_in_threadpool(describe))["model"]
        return JSONResponse(report | {"model": model, "queue": pending})
    except HTTPException as error:
        part = next((p for p in ("database", "model") if f"the {p} " in error.detail), "worker")
        report |= {"status": "failing", part: "failing", "detail": error.detail, "queue": pending}
        return JSONResponse(report, 503, {"Retry-After": "1"})


@app.get("/health/live")
async def live() -> dict[str, str]:
    """That the process lives, and no more."""
    return {"status": "ok"}


app.include_router(api)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # after uvicorn's own graceful end
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False)
