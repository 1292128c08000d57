"""Large CSV files classified in the background, in one file: FastAPI, and Celery over RabbitMQ.

    python main.py add-user NAME    makes a user; the password is asked for, or read from a pipe
    python main.py                  serves http://127.0.0.1:8000; try it out at /docs
    python main.py worker           works for it: start one on as many machines as there are

One task splits a file into chunks of rows, any worker classifies any chunk, a last task puts the
result together. A message can come twice and a worker can die at any moment: what a task does for
the second time changes nothing. Without settings all is embedded: SQLite, folders for files and
messages, and a worker beside the server.
"""

import asyncio, atexit, contextlib, csv, functools, getpass, gzip, hashlib, io, itertools, os
import re, secrets, signal, subprocess, sys, threading, uuid, warnings, zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO, ClassVar, Literal

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy reads them
import fsspec, joblib, jwt, numpy as np, sqlalchemy as sql, uvicorn
from amqp.exceptions import AMQPError
from celery import Celery, Task, group
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi_offline import FastAPIOffline
from kombu.exceptions import KombuError
from pwdlib import PasswordHash
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sklearn.exceptions import InconsistentVersionWarning
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.datastructures import UploadFile

HERE, DATA = Path(__file__).parent, Path(__file__).parent / "data"  # of the embedded default
FEATURES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]  # the model's order
MAX_ROW, MAX_CHUNK, BLOCK = 64 * 1024, 4 * 1024**2, 1024**2  # bytes; a block is read at once
NUMBER = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
MAX_RATIO, MAX_TRIES = 500, 10  # bytes from a byte of gzip; times that a chunk may end its worker
CHUNKS_A_SPLIT, CHUNKS_A_GROUP = 100, 5  # a huge file leaves room for others between its messages
DATABASES = r"^(sqlite:///[^:]|postgresql\+psycopg://)."
BROKER_SECONDS = 3  # that the API waits for each answer of the broker

# ── Settings: environment variables of the same names in capitals ────────────────────────────────
class Settings(BaseModel):
    database_url: str = Field(f"sqlite:///{DATA}/jobs.db", pattern=DATABASES)
    broker_url: str = Field("filesystem://localhost", pattern="^(filesystem|amqps?)://.")
    storage_url: str = Field(f"{DATA}/files", pattern=r"^(/|file:///|s3://[^/]).")
    model_path: Path = HERE / "model.pkl"
    secret_key: SecretStr = Field(SecretStr(secrets.token_hex(32)), min_length=32)  # for tokens
    chunk_rows: int = Field(10_000, ge=1, le=100_000)
    max_upload: int = Field(10 * 1024**3, ge=1)  # bytes, as sent and as unpacked
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)

try:
    settings = Settings.model_validate({k.lower(): v for k, v in os.environ.items() if v})
except ValidationError as error:
    name, fault = str(error.errors()[0]["loc"][0]), error.errors()[0]["msg"]
    sys.exit(f"main.py cannot start: the setting {name.upper()} is wrong: {fault}")
EMBEDDED = settings.broker_url.startswith("filesystem")
SQLITE = settings.database_url.startswith("sqlite")

# ── Tables ───────────────────────────────────────────────────────────────────────────────────────
row_id = sql.BigInteger().with_variant(sql.Integer, "sqlite")  # SQLite numbers only INTEGER rows

class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {int: row_id, str: sql.String(500)}

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]

class Job(Base):  # a file, and how far it is: queued, running, and then done, failed or cancelled
    __tablename__ = "jobs"
    __table_args__ = (sql.Index("jobs_of_user", "user_id", "id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sql.ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(default="queued")
    error: Mapped[str | None]
    file: Mapped[str]  # its name at the client's
    folder: Mapped[str]  # of the storage
    size: Mapped[int]  # bytes, header included
    body: Mapped[int]  # bytes of the header
    columns: Mapped[list[int]] = mapped_column(sql.JSON)  # where the features are
    width: Mapped[int]  # cells a row
    model: Mapped[str | None]  # SHA-256, set by the first task
    rows: Mapped[int | None]  # null until all is split, like chunks
    chunks: Mapped[int | None]
    chunks_done: Mapped[int] = mapped_column(default=0)
    size_done: Mapped[int] = mapped_column(default=0)  # bytes
    rows_done: Mapped[int] = mapped_column(default=0)  # the rejected ones too
    rows_rejected: Mapped[int] = mapped_column(default=0)
    result: Mapped[str | None]  # names the two files of the result
    created_at: Mapped[datetime]  # all times are in UTC
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

class Chunk(Base):  # a run of whole rows: the bytes from start to end of a job's file
    __tablename__ = "chunks"
    job_id: Mapped[int] = mapped_column(sql.ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[int]
    end: Mapped[int]
    line: Mapped[int]  # where it starts, counted from 1
    end_line: Mapped[int]  # where the next one starts
    rows: Mapped[int]
    tries: Mapped[int] = mapped_column(default=0)
    part: Mapped[int | None]  # the try whose output counts; null until there is one

options: Any = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}
if SQLITE:  # without WAL, which is not safe with many writers before 3.51.3: sqlite.org/wal.html
    options = {"connect_args": {"timeout": 30, "isolation_level": "IMMEDIATE"}}
engine = sql.create_engine(settings.database_url, pool_size=20, **options)
DatabaseSession = sessionmaker(engine, expire_on_commit=False)
try:
    if SQLITE:
        Path(str(engine.url.database)).parent.mkdir(0o700, parents=True, exist_ok=True)
    with engine.begin() as connection:
        turn = "BEGIN IMMEDIATE" if SQLITE else "SELECT pg_advisory_xact_lock(7268)"
        connection.exec_driver_sql(turn)  # where two create a table at once, one fails
        Base.metadata.create_all(connection)
    engine.dispose()  # no connection may cross the fork of a worker
except (SQLAlchemyError, OSError) as error:
    sys.exit(f"main.py cannot start, database {engine.url!r}: {' '.join(str(error).split())[:300]}")

# ── Schemas of v1 ────────────────────────────────────────────────────────────────────────────────
UTCTime = Annotated[datetime, AfterValidator(lambda time: time.replace(tzinfo=UTC))]

class JobV1(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    state: str = Field(description="queued, running, done, failed or cancelled")
    error: str | None = Field(description="why it failed")
    file: str
    size: int = Field(description="bytes, unpacked")
    rows: int | None = Field(description="null until the whole file is split")
    rows_done: int = Field(description="the rejected ones too")
    rows_rejected: int
    rows_per_second: float | None = None
    seconds_left: float | None = Field(None, description="estimated from the bytes left")
    model: str | None = Field(description="the SHA-256 of the model's file")
    created_at: UTCTime
    started_at: UTCTime | None
    finished_at: UTCTime | None

    @classmethod
    def of(cls, job: Job) -> "JobV1":
        found = cls.model_validate(job)
        if job.started_at:
            seconds = ((job.finished_at or now()) - job.started_at).total_seconds()
            found.rows_per_second = round(job.rows_done / max(seconds, 0.001), 1)
            if job.state == "running" and job.size_done:
                found.seconds_left = round(seconds * ((job.size - job.body) / job.size_done - 1), 1)
        return found

class JobPageV1(BaseModel):
    items: list[JobV1]
    before: int | None = Field(description="what to ask the next page with; null on the last")

# ── Security ─────────────────────────────────────────────────────────────────────────────────────
passwords = PasswordHash.recommended()  # Argon2id
hashing = threading.BoundedSemaphore(2)  # each takes 64 MiB
NOBODYS_HASH = passwords.hash(secrets.token_hex())
KEY = settings.secret_key.get_secret_value()
oauth2 = OAuth2PasswordBearer(tokenUrl="api/v1/token")  # relative: right behind a proxy as well

def sign_in(user: User | None, password: str) -> str:
    """A token; status 401 as late for a name that does not exist as for a wrong password."""
    with hashing:
        right = passwords.verify(password, user.password_hash if user else NOBODYS_HASH)
    if not user or not right:
        raise HTTPException(401, "wrong name or password", {"WWW-Authenticate": "Bearer"})
    claims = {"sub": str(user.id), "exp": datetime.now(UTC) + timedelta(hours=12)}
    return jwt.encode(claims, KEY, "HS256")

def user_id(token: Annotated[str, Depends(oauth2)]) -> int:
    """Whom the token was given to; status 401 for a token that is not from here, or too old."""
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"], options={"require": ["exp", "sub"]})
        return int(claims["sub"])
    except jwt.PyJWTError as error:
        raise HTTPException(401, "sign in again", {"WWW-Authenticate": "Bearer"}) from error

# ── Storage ──────────────────────────────────────────────────────────────────────────────────────
def storage() -> Any:
    """The folder STORAGE_URL as a file system. fsspec keeps one a process: none crosses a fork."""
    files, root = fsspec.core.url_to_fs(settings.storage_url)
    return fsspec.filesystem("dir", path=root, fs=files)

def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        storage().rm(path, recursive=True)

def store(sent: BinaryIO) -> Job:
    """Copy a CSV file, unpacked, to the storage, for a new job; HTTPException if it cannot be."""
    packed = sent.read(2) == b"\x1f\x8b"
    sent.seek(0)
    source: Any = gzip.GzipFile(fileobj=sent, mode="rb") if packed else sent
    folder, size = uuid.uuid4().hex, 0
    try:
        block = source.read(BLOCK)
        header = read_header(block)
        storage().makedirs(f"{folder}/parts", exist_ok=True)
        with storage().open(f"{folder}/upload.csv", "wb", block_size=16 * BLOCK) as copy:
            while block:
                size += len(block)
                growth = size / max(sent.tell(), BLOCK // 16) if packed else 1
                if size > settings.max_upload or growth > MAX_RATIO:
                    raise HTTPException(413, "the file is too large, or grows too much unpacked")
                copy.write(block)
                block = source.read(BLOCK)
    except BaseException as error:
        remove(folder)
        if isinstance(error, EOFError | gzip.BadGzipFile | zlib.error):
            raise HTTPException(422, "the gzip file is damaged or cut off") from error
        raise
    return Job(folder=folder, size=size, **header)

def read_header(block: bytes) -> dict[str, Any]:
    """What a job has to know of the header that a file begins with; status 422 for a wrong one."""
    _, size, raw, fault = next(read_rows(io.BytesIO(block), 1))
    try:
        cells = [cell.strip() for cell in split_row(raw.removeprefix(b"\xef\xbb\xbf"))]
    except ValueError as error:
        cells, fault = [], fault or str(error)
    for name in FEATURES:
        if fault or cells.count(name) != 1:
            fault = fault or f"{name} is there {cells.count(name)} times"
            rule = f"it must name {', '.join(FEATURES)} once each, with commas between"
            raise HTTPException(422, f"line 1, the header, is wrong: {fault}; {rule}")
    return {"body": size, "columns": [cells.index(name) for name in FEATURES], "width": len(cells)}

def read_rows(file: Any, line: int) -> Iterator[tuple[int, int, bytes, str]]:
    """Each row: the line where it starts, its size in bytes, its bytes, and its fault or "".

    A row is a line, or several where a quoted cell has line breaks. After a quote that nothing
    closes within MAX_ROW bytes the next line is a row again. A row of 0 bytes is the end.
    """
    while text := file.readline(MAX_ROW):
        lines, size, fault = 1, len(text), ""
        if size == MAX_ROW and not text.endswith(b"\n"):
            fault = f"it is longer than {MAX_ROW} bytes"
            while not text.endswith(b"\n") and (text := file.readline(MAX_ROW)):
                size += len(text)
        elif b'"' in text:
            next_line, row = file.tell(), [text]
            with contextlib.suppress(csv.Error):  # of which split_row tells
                next(csv.reader(lines_of_row(file, row)))
            if row:
                text, lines = b"".join(row), len(row)
                size = len(text)
            else:
                fault = "it has a quote that is not closed"
                file.seek(next_line)
        yield line, size, text, fault
        line += lines
    yield line, 0, b"", ""

def lines_of_row(file: Any, row: list[bytes]) -> Iterator[str]:
    """As many lines as csv asks for, collected in row, which is empty if they were not enough."""
    yield row[0].decode("latin-1")  # in any encoding, commas and quotes are as in ASCII
    size = len(row[0])
    while size <= MAX_ROW and (more := file.readline(MAX_ROW)):
        row.append(more)
        size += len(more)
        yield more.decode("latin-1")
    row.clear()

def split_row(raw: bytes) -> list[str]:
    """The cells of a row; ValueError where it has none."""
    try:
        text = raw.decode().rstrip("\r\n")
        return next(csv.reader([text]), []) if '"' in text or "\r" in text else text.split(",")
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError("it is no CSV in UTF-8") from error

# ── Classifier ───────────────────────────────────────────────────────────────────────────────────
@functools.cache
def classifier() -> tuple[Any, str]:
    """The estimator in MODEL_PATH and its SHA-256; any exception where that is no classifier."""
    data = settings.model_path.read_bytes()  # hashed and loaded from the same read
    with warnings.catch_warnings(action="error", category=InconsistentVersionWarning):
        estimator = joblib.load(io.BytesIO(data))
    if list(getattr(estimator, "feature_names_in_", FEATURES)) != FEATURES:
        raise ValueError(f"it was not trained on {FEATURES}")
    if re.search(r'[,"\r\n]', "".join(estimator.classes_)):
        raise ValueError("the name of a class has a comma, a quote or a line break")
    return estimator, hashlib.sha256(data).hexdigest()

def measure(raw: bytes, columns: list[int], width: int) -> list[float]:
    """The features of a row; ValueError says what is wrong with it."""
    cells, found = split_row(raw), []
    if len(cells) != width:
        raise ValueError(f"it has {len(cells)} cells instead of {width}")
    for column, name in zip(columns, FEATURES, strict=True):
        found.append(float(cells[column]) if NUMBER.fullmatch(cells[column]) else 0)
        if not 0 < found[-1] <= 100:
            raise ValueError(f"{name} is no number of centimetres above 0 and up to 100")
    return found

def classify_rows(data: bytes, line: int, columns: list[int], width: int) -> tuple[bytes, bytes]:
    """The good rows with species and probabilities appended; line and reason of the others."""
    rows, features, kept, rejects = [], [], [], []
    for at, _, raw, fault in read_rows(io.BytesIO(data), line):
        try:
            if fault:
                raise ValueError(fault)
            if raw.strip():
                features.append(measure(raw, columns, width))
                rows.append(raw)
        except ValueError as error:
            rejects.append(f"{at},{error}\n")
    if rows:
        estimator = classifier()[0]
        found = estimator.predict_proba(np.array(features))
        names = [name.encode() for name in estimator.classes_]
        form = b"%b,%b" + b",%.6g" * len(names) + b"%b"
        for raw, best, row in zip(rows, found.argmax(1).tolist(), found.tolist(), strict=True):
            text = raw.rstrip(b"\r\n")
            kept.append(form % (text, names[best], *row, raw[len(text) :] or b"\n"))
    return b"".join(kept), "".join(rejects).encode()

def result_header(raw: bytes) -> bytes:
    """The header with the new columns; one whose name is taken gets another."""
    text = raw.rstrip(b"\r\n")
    taken = split_row(text.removeprefix(b"\xef\xbb\xbf"))
    new = ["species", *(f"probability_{name}" for name in classifier()[0].classes_)]
    added = [f"{name}_predicted" if name in taken else name for name in new]
    return b"%b,%b%b" % (text, ",".join(added).encode(), raw[len(text) :] or b"\n")

# ── Queries ──────────────────────────────────────────────────────────────────────────────────────
UNFINISHED = Job.state.in_(["queued", "running"])

def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)

def end_job(session: Session, id: int, state: str, **values: str | None) -> bool:
    """Whether this ended the job: of several that try, one does."""
    end = sql.update(Job).where(Job.id == id, UNFINISHED).returning(Job.id)
    return bool(session.scalar(end.values(state=state, finished_at=now(), **values)))

def delete_job(session: Session, job: Job) -> None:
    session.execute(sql.delete(Chunk).where(Chunk.job_id == job.id))
    session.execute(sql.delete(Job).where(Job.id == job.id))
    session.commit()
    remove(job.folder)

def start_job(session: Session, id: int) -> Job | None:
    """The job, running, if it still is to be done; ValueError if it began with another model."""
    start = sql.update(Job).where(Job.id == id, Job.state == "queued")
    session.execute(start.values(state="running", model=classifier()[1], started_at=now()))
    job = session.get(Job, id)
    if job and job.state == "running" and job.model != classifier()[1]:
        raise ValueError("it began with another model than this worker's: send the file again")
    return job if job and job.state == "running" else None

def begin_try(session: Session, chunk: Any) -> int:
    """The number of this try, which no other try of the chunk has."""
    chunk.tries = Chunk.tries + 1  # in the database
    session.flush()
    if chunk.tries > MAX_TRIES:
        raise ValueError(f"the rows from line {chunk.line} on ended their worker {MAX_TRIES} times")
    return int(chunk.tries)

def count_chunk(session: Session, chunk: Chunk, part: int, rejected: int) -> None:
    """Let this try be the one that counts, if none is yet; so a chunk is counted once."""
    mine = (Chunk.job_id == chunk.job_id, Chunk.number == chunk.number, Chunk.part.is_(None))
    if session.scalar(sql.update(Chunk).where(*mine).values(part=part).returning(Chunk.part)):
        count = sql.update(Job).where(Job.id == chunk.job_id)
        size, rows = Job.size_done + chunk.end - chunk.start, Job.rows_done + chunk.rows
        count = count.values(chunks_done=Job.chunks_done + 1, size_done=size, rows_done=rows)
        session.execute(count.values(rows_rejected=Job.rows_rejected + rejected))

# ── Celery ───────────────────────────────────────────────────────────────────────────────────────
celery = Celery("jobs", broker=settings.broker_url, backend=f"db+{settings.database_url}")
celery.conf.update(
    task_default_queue="jobs",
    # A message goes back to the broker unless its task came to its end: this, and tasks that can
    # be done twice, is what it takes to survive a killed worker and a restarted broker.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # What tasks leave is in the tables and the storage; the result backend keeps the tracebacks.
    task_ignore_result=True,
    task_store_errors_even_if_ignored=True,
    # A worker waits for a lost broker for ever: Celery drops a retry that it cannot send.
    # Each message is confirmed. No connection is kept for sending, so none is stale.
    task_publish_retry_policy={"max_retries": None, "interval_step": 0.5, "interval_max": 5},
    broker_transport_options={"confirm_publish": True, "connect_retries_timeout": None},
    broker_connection_max_retries=None,
    broker_connection_timeout=BROKER_SECONDS,
    broker_pool_limit=0,
)
if EMBEDDED:
    folders = dict.fromkeys(["data_folder_in", "data_folder_out", "control_folder"], f"{DATA}/mail")
    os.makedirs(f"{DATA}/mail", 0o700, exist_ok=True)
    celery.conf.broker_transport_options = folders | {"polling_interval": 0.1}

class JobTask(Task[Any, Any]):  # its first argument is a job's id
    autoretry_for = (OSError, DBAPIError)  # the storage or the database is away
    dont_autoretry_for = (FileNotFoundError, PermissionError)
    retry_backoff = True  # 1, 2, 4 … 60 seconds
    retry_backoff_max = 60
    max_retries = 30  # half an hour

    def on_failure(self, exc: Exception, _: str, args: Any, *__: Any) -> None:
        """When a task fails for good, so does its job."""
        reason = str(exc) if type(exc) is ValueError else type(exc).__name__
        with DatabaseSession.begin() as session:
            end_job(session, args[0], "failed", error=f"{self.name}: {reason}"[:500])

@celery.task(name="jobs.split", base=JobTask)
def split(id: int, first: int = 0) -> None:
    """Find the borders of chunks, from number first on, and send all; known ones are sent again."""
    with DatabaseSession.begin() as session:
        if (job := start_job(session, id)) is None:
            return
        since = sql.select(Chunk).where(Chunk.job_id == id, Chunk.number >= first - 1)
        known = session.scalars(since.order_by(Chunk.number)).all()
    send_chunks(chunk for chunk in known if chunk.part is None)
    number = known[-1].number + 1 if known else 0
    found = find_chunks(job, *known[-1:])
    while batch := list(itertools.islice(found, CHUNKS_A_GROUP)):
        if number >= first + CHUNKS_A_SPLIT:
            split.delay(id, number)
            return
        number += len(batch)
        with DatabaseSession.begin() as session:
            if start_job(session, id) is None:
                return
            session.add_all(batch)
        send_chunks(batch)
    with DatabaseSession.begin() as session:
        rows = sql.select(sql.func.coalesce(sql.func.sum(Chunk.rows), 0)).where(Chunk.job_id == id)
        totals = {"chunks": number, "rows": rows.scalar_subquery()}
        session.execute(sql.update(Job).where(Job.id == id).values(totals))
    finish_if_complete(id)

def send_chunks(chunks: Iterable[Chunk]) -> None:
    group(classify.si(chunk.job_id, chunk.number) for chunk in chunks).apply_async()

def find_chunks(job: Job, last: Chunk | None = None) -> Iterator[Chunk]:
    """The chunks after the last one that is known, as far as the file goes."""
    stream = storage().open(f"{job.folder}/upload.csv", block_size=4 * BLOCK)
    with io.BufferedReader(stream, BLOCK) as file:
        line = last.end_line if last else 1 + (file.read(job.body).count(b"\n") or 1)
        number, start = (last.number + 1, last.end) if last else (0, job.body)
        file.seek(start)
        rows, end = 0, start
        for at, size, raw, fault in read_rows(file, line):
            full = rows == settings.chunk_rows or end + size - start > MAX_CHUNK
            if rows and (full or not size):
                place = {"start": start, "end": end, "line": line, "end_line": at}
                yield Chunk(job_id=job.id, number=number, rows=rows, **place)
                number, start, line, rows = number + 1, end, at, 0
            rows += bool(fault or raw.strip())
            end += size

@celery.task(name="jobs.classify", base=JobTask)
def classify(id: int, number: int) -> None:
    """Classify the rows of a chunk. A chunk that is done already is only looked at."""
    with DatabaseSession.begin() as session:
        job, chunk = start_job(session, id), session.get(Chunk, (id, number))
        if job is None or chunk is None:
            return
        part = begin_try(session, chunk) if chunk.part is None else None
    if part is not None:
        data = storage().cat_file(f"{job.folder}/upload.csv", start=chunk.start, end=chunk.end)
        rows, rejects = classify_rows(data, chunk.line, job.columns, job.width)
        storage().pipe_file(f"{job.folder}/parts/{number}-{part}.result", rows)
        storage().pipe_file(f"{job.folder}/parts/{number}-{part}.rejects", rejects)
        with DatabaseSession.begin() as session:
            count_chunk(session, chunk, part, rejects.count(b"\n"))
    finish_if_complete(id)

def finish_if_complete(id: int) -> None:
    with DatabaseSession() as session:
        job = session.get(Job, id)
    if job and job.chunks == job.chunks_done:
        finish.delay(id)

@celery.task(name="jobs.finish", base=JobTask)
def finish(id: int) -> None:
    """Put the parts together in their order; of several that do it at once, one result counts."""
    with DatabaseSession.begin() as session:
        if (job := start_job(session, id)) is None or job.chunks != job.chunks_done:
            return
        order = sql.select(Chunk.number, Chunk.part).where(Chunk.job_id == id)
        parts = session.execute(order.order_by(Chunk.number)).all()
    files, name = storage(), uuid.uuid4().hex
    header = files.cat_file(f"{job.folder}/upload.csv", end=job.body)
    for ending, first in [("result", result_header(header)), ("rejects", b"line,reason\n")]:
        with files.open(f"{job.folder}/{name}.{ending}", "wb", block_size=16 * BLOCK) as whole:
            whole.write(first)
            for number, part in parts:
                whole.write(files.cat_file(f"{job.folder}/parts/{number}-{part}.{ending}"))
    with DatabaseSession.begin() as session:
        counts = end_job(session, id, "done", result=name)
    for unneeded in ["parts", "upload.csv"] if counts else [f"{name}.result", f"{name}.rejects"]:
        remove(f"{job.folder}/{unneeded}")

# ── API v1 ───────────────────────────────────────────────────────────────────────────────────────
def database_session() -> Iterator[Session]:
    with DatabaseSession() as session:
        yield session

# It is closed before the answer is sent: no slow client holds a connection of the database.
RequestSession = Annotated[Session, Depends(database_session, scope="function")]
UserId = Annotated[int, Depends(user_id)]
Id = Annotated[int, Field(ge=1, le=2**53 - 1)]  # as far as JavaScript counts
Limit = Annotated[int, Query(ge=1, le=100)]

def own_job(id: Id, user: UserId, session: RequestSession) -> Job:
    if (job := session.get(Job, id)) is None or job.user_id != user:
        raise HTTPException(404, f"you have no job {id}")
    return job

OwnJob = Annotated[Job, Depends(own_job)]
SignIn = Annotated[OAuth2PasswordRequestForm, Depends()]
v1 = APIRouter(prefix="/api/v1", max_body_size=BLOCK // 16)
file_field = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
upload_form = {"requestBody": {"content": {"multipart/form-data": {"schema": file_field}}}}

@v1.post("/token", summary="Sign in")
def create_token(form: SignIn, session: RequestSession) -> dict[str, str]:
    user = session.scalar(sql.select(User).where(User.name == form.username))
    session.close()  # no connection is held while the password is hashed
    return {"access_token": sign_in(user, form.password), "token_type": "bearer"}

async def sent_file(request: Request, _: UserId) -> AsyncIterator[UploadFile]:
    """The field "file" of the form. FastAPI itself would read it all before it asks who sends."""
    await asyncio.to_thread(ask_broker)  # nor is a large one read for nothing
    async with request.form(max_files=1, max_fields=9) as form:  # spooled to the disk
        if not isinstance(file := form.get("file"), UploadFile):
            raise HTTPException(422, "send the CSV file as multipart/form-data, in the field file")
        yield file

SentFile = Annotated[Any, Depends(sent_file)]

@v1.post("/jobs", status_code=202, max_body_size=settings.max_upload, openapi_extra=upload_form)
def create_job(
    user: UserId, file: SentFile, session: RequestSession, request: Request, response: Response
) -> JobV1:
    """Classify a CSV file, plain or gzip."""
    job = store(file.file)
    job.user_id, job.file, job.created_at = user, file.filename.replace("\0", "")[:200], now()
    session.add(job)
    session.commit()
    try:
        ask_broker(job.id)
    except HTTPException:
        delete_job(session, job)
        raise
    response.headers["Location"] = request.url_for("read_job", id=job.id).path
    session.refresh(job)  # a worker may have been quick
    return JobV1.of(job)

def ask_broker(*ids: int, ping: bool = False) -> int:
    """Send jobs to be split; the number of workers that answer a ping; 503 if the broker fails."""
    seconds = {"read_timeout": BROKER_SECONDS, "write_timeout": BROKER_SECONDS}
    try:
        with celery.connection_for_write(transport_options=seconds) as connection:
            connection.ensure_connection(max_retries=0)
            for id in ids:
                sending: Any = {"connection": connection, "confirm_timeout": BROKER_SECONDS}
                split.apply_async((id,), retry=False, **sending)
            return len(celery.control.ping(connection=connection) or []) if ping else 0
    except (KombuError, AMQPError, OSError) as error:
        raise HTTPException(503, "the broker does not answer") from error

@v1.get("/jobs", summary="Your jobs, newest first; page by before")
def read_jobs(
    user: UserId, session: RequestSession, limit: Limit = 20, before: Id = 2**53 - 1
) -> JobPageV1:
    mine = sql.select(Job).where(Job.user_id == user, Job.id < before)
    found = session.scalars(mine.order_by(Job.id.desc()).limit(limit + 1)).all()
    more = found[limit - 1].id if len(found) > limit else None
    return JobPageV1(items=[JobV1.of(job) for job in found[:limit]], before=more)

@v1.get("/jobs/{id}", summary="How far a job is")
def read_job(job: OwnJob) -> JobV1:
    return JobV1.of(job)

@v1.get("/jobs/{id}/events", response_class=EventSourceResponse)
async def follow_job(job: OwnJob) -> AsyncIterator[ServerSentEvent]:
    """The job every second, as server-sent events named progress; the last one is named end."""
    seen: JobV1 | None = JobV1.of(job)
    while seen and not seen.finished_at:
        yield ServerSentEvent(data=seen, event="progress")
        await asyncio.sleep(1)
        seen = await asyncio.to_thread(look_at, job.id)
    yield ServerSentEvent(data=seen, event="end")

def look_at(id: int) -> JobV1 | None:
    with DatabaseSession() as session:
        return JobV1.of(job) if (job := session.get(Job, id)) else None

@v1.get("/jobs/{id}/{part}", response_class=StreamingResponse)
def read_result(job: OwnJob, part: Literal["result", "rejects"]) -> StreamingResponse:
    """The CSV with species and probabilities, or line and reason of every bad row."""
    if job.state != "done":
        raise HTTPException(409, f"there is no result: the job is {job.state}")
    file = storage().open(f"{job.folder}/{job.result}.{part}", block_size=4 * BLOCK)

    def blocks() -> Iterator[bytes]:
        with file:
            while block := file.read(BLOCK // 4):
                yield block

    headers = {"Content-Disposition": f'attachment; filename="job-{job.id}-{part}.csv"'}
    headers["Content-Length"] = str(file.size)
    return StreamingResponse(blocks(), headers=headers, media_type="text/csv; charset=utf-8")

@v1.delete("/jobs/{id}", status_code=204, summary="Cancel a job; delete one that has ended")
def cancel_job(job: OwnJob, session: RequestSession) -> None:
    if end_job(session, job.id, "cancelled"):
        session.commit()
        remove(job.folder)
    else:
        delete_job(session, job)

# ── The app, its health, its errors ──────────────────────────────────────────────────────────────
@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """First, what is unfinished is sent again: the broker may have lost it, with its disk."""
    with DatabaseSession() as session, contextlib.suppress(HTTPException):
        ask_broker(*session.scalars(sql.select(Job.id).where(UNFINISHED)))
    yield

app = FastAPIOffline(title="Jobs", version="1.0", lifespan=lifespan)
app.include_router(v1)

@app.get("/health", summary="All of it works, or 503")
def health(session: RequestSession) -> dict[str, str | int]:
    session.execute(sql.text("SELECT 1"))
    if workers := ask_broker(ping=True):
        return {"status": "ok", "database": "ok", "broker": "ok", "workers": workers}
    raise HTTPException(503, "no worker answers")

@app.exception_handler(HTTPException)
@app.exception_handler(RequestValidationError)
@app.exception_handler(DBAPIError)
@app.exception_handler(OSError)
async def failed(_: Request, error: Any) -> Response:
    """Names what is wrong, but never repeats what was sent."""
    if isinstance(error, RequestValidationError):
        faults = [{k: fault[k] for k in ("loc", "msg", "type")} for fault in error.errors()[:10]]
        return JSONResponse({"detail": faults}, 422)
    if not isinstance(error, HTTPException):
        error = HTTPException(503, f"the database or the storage fails: {type(error).__name__}")
    retry = {"Retry-After": "5"} if error.status_code == 503 else {}
    return JSONResponse({"detail": error.detail}, error.status_code, retry | (error.headers or {}))

# ── Command line ─────────────────────────────────────────────────────────────────────────────────
def serve() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # after uvicorn's own graceful end
    csp = "Content-Security-Policy", "default-src 'self' 'unsafe-inline' data: blob:"  # no CDN
    address: Any = {"host": settings.host, "port": settings.port}
    if EMBEDDED:
        worker = subprocess.Popen([sys.executable, __file__, "worker"])
        for end in (worker.wait, worker.terminate):  # the last one first
            atexit.register(end)
    uvicorn.run(app, **address, access_log=False, headers=[csp], timeout_graceful_shutdown=5)

def work(options: list[str]) -> None:
    try:
        classifier()  # once, before the processes that will share it are forked
    except Exception as error:  # what is in a file can raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        sys.exit(f"main.py cannot work, model {settings.model_path}: {reason}")
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    celery.worker_main(["--quiet", "worker", "-n", f"{os.getpid()}@%h", *quiet, *options])

def add_user(name: str) -> None:
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not 8 <= len(password) <= 1000:
        sys.exit("no user is made: a password has 8 to 1000 characters")
    try:
        with DatabaseSession.begin() as session:
            session.add(User(name=name, password_hash=passwords.hash(password)))
    except IntegrityError:
        sys.exit("no user is made: there is one of that name")

if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            serve()
        case ["add-user", name]:
            add_user(name)
        case ["worker", *options]:
            work(options)
        case _:
            sys.exit(__doc__)
