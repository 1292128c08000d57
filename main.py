"""A classifier as an HTTP API in one file; no answer leaves before its record is on disk.

    python main.py                  serves http://127.0.0.1:8000; try it out at /docs
    uvicorn main:app --workers 4    the same, four server processes on one history

To serve a model of your own, put it at model.pkl and describe its input in the class Features.
"""
import asyncio, contextlib, functools, gc, hashlib, hmac, importlib, io, json, logging
import marshal, multiprocessing as mp, os, re, signal, socket, sqlite3 as sqlite, sys, warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, AsyncIterator, Iterator, NamedTuple, Sequence
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy reads them
gc.set_threshold(100_000)  # Python's 700 are soon reached, and each search is a long one
import anyio, joblib, numpy as np, sklearn, sqlalchemy as sql, uvicorn
from fastapi import APIRouter, FastAPI, Request, Response, Security, security
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sklearn.exceptions import InconsistentVersionWarning
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
with contextlib.suppress(ImportError):
    import fcntl, pysqlite3.dbapi2 as sqlite  # type: ignore[no-redef]  # Windows has neither
HERE, log = Path(__file__).parent, logging.getLogger("uvicorn.error")
DATABASES = r"^(sqlite:///[^:]|postgresql\+psycopg://(.*@)?(\[.+\]|[^/:]*)(:\d+)?/)."
FILE = r"^\w[\w .-]*\.(pkl|skops)$"  # of a model, in the folder of MODEL_PATH
MAX_BODY, MAX_ROWS, MAX_ID = 2 * 1024**2, 10_000, 2**53 - 1  # as far as JavaScript counts
MAX_WAIT, MAX_MODEL, GROUP = 15, 2**30, 32  # seconds to send or read on; bytes; requests at once
# ── Settings: environment variables of the same names in capitals ────────────────────────────────
class Settings(BaseModel):
    model_path: Path = HERE / "model.pkl"  # its folder holds what POST /model/load may load
    model_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    database_url: str = Field(f"sqlite:///{HERE}/history.db", pattern=DATABASES)
    api_key: SecretStr | None = None
    max_pending: int = Field(512, ge=1)  # requests in progress
    worker_timeout: float = Field(10, gt=0, allow_inf_nan=False)  # seconds
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
try:
    settings = Settings.model_validate({k.lower(): v for k, v in os.environ.items() if v})
except ValidationError as error:
    name, fault = str(error.errors()[0]["loc"][0]), error.errors()[0]
    value = "***" if name == "database_url" else fault["input"]  # that one may hold a password
    sys.exit(f"main.py cannot start: the setting {name.upper()}={value} is wrong: {fault['msg']}")
# ── Schemas ──────────────────────────────────────────────────────────────────────────────────────
Centimetres = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
class Features(BaseModel):
    """One flower. To serve a model of your own, change this class: its input, in its order."""
    model_config = ConfigDict(strict=True, extra="forbid")  # "5.1" is no number
    SepalLengthCm: Centimetres = Field(examples=[5.1])
    SepalWidthCm: Centimetres = Field(examples=[3.5])
    PetalLengthCm: Centimetres = Field(examples=[1.4])
    PetalWidthCm: Centimetres = Field(examples=[0.2])
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
    model_config = ConfigDict(strict=True, extra="forbid")
    file: str = Field(settings.model_path.name, max_length=255, pattern=FILE)
class ModelInUse(BaseModel):
    file: str
    model: str = Field(description="the first 12 digits of its SHA-256")
    scikit_learn: str
    loaded_at: datetime
    features: list[str]
    classes: list[str]
    files: list[str] = Field(description="what POST /model/load can be given")
    activations: list[dict[str, str]] = Field(description="the last ten, newest first")
class Problem(BaseModel):
    detail: str | list[dict[str, Any]] = Field(description="what is wrong, or the first ten faults")
FLOWER = {name: (field.examples or [0])[0] for name, field in Features.model_fields.items()}
FEATURES, EXAMPLE = list(FLOWER), [tuple(FLOWER.values())]
Flowers = Annotated[list[Features], Field(min_length=1, max_length=MAX_ROWS)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Name = Annotated[str | None, Field(max_length=100, pattern=r"^[^\x00]*$")]
# ── History ──────────────────────────────────────────────────────────────────────────────────────
FOLDER, SQLITE = settings.model_path.parent.resolve(), settings.database_url.startswith("sqlite")
tables, column = sql.MetaData(), functools.partial(sql.Column, nullable=False)
row_id = sql.BigInteger().with_variant(sql.Integer, "sqlite")  # SQLite numbers only INTEGER rows
history = sql.Table(
    "history", tables, column("id", row_id, primary_key=True), column("features", sql.JSON),
    column("species", sql.String), column("probabilities", sql.JSON), column("model", sql.String),
    column("classified_at", sql.String),  # ISO 8601 in UTC: sorts as time does
    sql.Index("history_by_species", "species", "id"), sql.Index("history_by_model", "model", "id"),
    sql.Index("history_by_model_and_species", "model", "species", "id"),
    sqlite_autoincrement=True)  # an id is never given again, not even after a deletion
activations = sql.Table(  # deployed: by a start, not by POST /model/load
    "activations", tables, column("id", row_id, primary_key=True), column("file", sql.String),
    column("sha256", sql.String), column("scikit_learn", sql.String), column("classes", sql.JSON),
    column("loaded_at", sql.String), column("deployed", sql.Boolean), sqlite_autoincrement=True)
newest_first = sql.select(activations).order_by(activations.c.id.desc())
ANSWER = '"species":%s,"probabilities":%s,"model":"%s","classified_at":"%s"}'
RECORD = f"""printf('{{"id":%s,"features":%s,{ANSWER}', id, features, json_quote(species),
    probabilities, model, classified_at)"""  # no JSON that is stored is ever decoded
options: Any = {"module": sqlite, "connect_args": {"timeout": settings.worker_timeout / 2}}
NEW_IDS = """WITH RECURSIVE new(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM new LIMIT ?)
    SELECT n + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'history'), 0) FROM new"""
if not SQLITE:  # where others can write before the transaction ends
    options = dict(paramstyle="format", pool_pre_ping=True, connect_args={"connect_timeout": 5})
    NEW_IDS = "SELECT nextval('history_id_seq') FROM generate_series(1, %s)"
    RECORD = RECORD.replace("printf", "format").replace("json_quote", "to_json")
records = sql.select(history.c.id, sql.literal_column(RECORD))
engine = sql.create_engine(settings.database_url, isolation_level="AUTOCOMMIT", **options)
DATABASE, INSERT = str(engine.url.database), str(history.insert().compile(dialect=engine.dialect))
@sql.event.listens_for(engine, "connect")
def make_durable(connection: Any, record: Any) -> None:
    if SQLITE:  # versions before 3.51.3 can corrupt a WAL file: sqlite.org/wal.html
        mode = "WAL" if sqlite.sqlite_version_info >= (3, 51, 3) else "TRUNCATE"
        connection.executescript(f"PRAGMA journal_mode = {mode}; PRAGMA synchronous = FULL")
        record.info["inode"] = os.stat(DATABASE).st_ino
@contextlib.contextmanager
def connect() -> Iterator[tuple[sql.Connection, Any]]:
    """A connection, and its driver's cursor: without SQLAlchemy a batch costs 0.2 ms less."""
    try:
        with engine.connect() as opened, contextlib.closing(opened.connection.cursor()) as cursor:
            yield opened, cursor  # its end undoes what is not committed
            if SQLITE and os.stat(DATABASE).st_ino != opened.connection.info["inode"]:
                raise OSError("the file was replaced")  # the old one takes writes, and is lost
    except (OSError, sql.exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as e:
        engine.dispose()  # to begin anew: what was opened read-only would stay so
        raise HTTPException(503, " ".join(f"database: {getattr(e, 'orig', e)}".split())) from e
@contextlib.contextmanager
def transaction(cursor: Any) -> Iterator[None]:
    """What its connection writes is all on disk when the block ends, or all undone."""
    locks = f"{DATABASE}.lock" if SQLITE and os.name == "posix" else ""
    with open(locks or os.devnull, "a") as lock:
        if locks:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a fair queue: SQLite's own starves some writers
        cursor.execute("BEGIN IMMEDIATE" if SQLITE else "BEGIN")
        yield
        cursor.execute("COMMIT")
# ── Classifier ───────────────────────────────────────────────────────────────────────────────────
class Classifier(NamedTuple):
    file: str
    sha256: str
    estimator: Any
    classes: list[str]
    def probabilities(self, rows: list[tuple[Any, ...]]) -> Any:
        """For each row, finite says Pydantic, a probability for each class; or an exception."""
        try:
            with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
                found = np.asarray(self.estimator.predict_proba(np.array(rows)), dtype=float)
        except OSError as error:  # which connect() would take for the database's
            raise RuntimeError(repr(error)) from error
        wrong = found.shape != (len(rows), len(self.classes)) or found.min() < 0
        if wrong or not abs(found.sum(1) - 1).max() < 1e-6:
            raise ValueError(f"predict_proba gave {found[:1]}, of shape {found.shape}")  # or NaN
        return found.tolist()
def read_classifier(file: str) -> Classifier:
    """The classifier in a file of the model folder; 404 for no such file, 409 for one unfit."""
    path = Path(os.path.realpath(FOLDER / file))  # resolve() and is_file() fail on what is odd
    if not path.is_relative_to(FOLDER) or not os.path.isfile(path):
        raise HTTPException(404, f"there is no file {file} in the model folder")
    alarm = getattr(signal, "alarm", int)
    try:
        if path.stat().st_size > MAX_MODEL:
            raise ValueError(f"it is over {MAX_MODEL} bytes")
        sha256 = hashlib.sha256(data := path.read_bytes()).hexdigest()  # loaded from the same read
        if settings.model_sha256 not in (None, sha256):
            raise ValueError(f"its SHA-256 is {sha256}, not MODEL_SHA256")
        with warnings.catch_warnings(action="error", category=InconsistentVersionWarning):
            # A pickle is code, and it runs here; skops refuses what it does not know to be none.
            skops = file.endswith(".skops") and importlib.import_module("skops.io")  # a slow import
            estimator = skops.loads(data) if skops else joblib.load(io.BytesIO(data))
        names = list(getattr(estimator, "feature_names_in_", FEATURES))
        if estimator.n_features_in_ != len(FEATURES) or names != FEATURES:
            raise ValueError(f"it was not trained on {FEATURES}")
        classes = [str(name) for name in estimator.classes_.tolist()]  # slow in a Pipeline: once
        if len(set(filter(str.isprintable, classes))) < len(classes):
            raise ValueError(f"its classes are not all different and printable: {classes}")
        found = Classifier(file, sha256, estimator, classes)
        alarm(2 if mp.parent_process() else 0)  # seconds; ends a worker whose model hangs
        found.probabilities(EXAMPLE)
        return found
    except Exception as error:  # what is in a file can raise anything
        reason = f"{type(error).__name__}: {str(error)[:300]}".encode(errors="replace").decode()
        raise HTTPException(409, f"{file} is no classifier for this API: {reason}") from error
    finally:
        alarm(0)
def activate(chosen: Classifier, connection: sql.Connection, deployed: bool = False) -> None:
    """Make chosen the model of every process on this database: the newest row wins."""
    connection.execute(activations.insert().values(
        file=chosen.file, sha256=chosen.sha256, classes=chosen.classes, deployed=deployed,
        scikit_learn=sklearn.__version__, loaded_at=f"{datetime.now(UTC):%FT%T.%fZ}"))
    log.warning("the model is now %s, SHA-256 %s", chosen.file, chosen.sha256[:12])
try:
    with connect() as (connection, cursor), transaction(cursor):
        if not SQLITE:  # where two create a table at once, one fails: take turns
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7267)")
        tables.create_all(connection)
        classifier = read_classifier(settings.model_path.name)
        newest = connection.execute(newest_first).first()
        deployed = connection.execute(newest_first.where(activations.c.deployed)).first()
        if newest and deployed and deployed[1:3] == classifier[:2]:  # the same file and SHA-256
            classifier = read_classifier(newest.file)  # POST /model/load outlives a restart
        if not newest or newest[1:3] != classifier[:2]:  # another file or other bytes: a deploy
            activate(classifier, connection, deployed=classifier.file == settings.model_path.name)
    engine.dispose()  # what a spawned worker opened here must not outlive its descriptors
except (HTTPException, OSError) as error:
    sys.exit(f"main.py cannot start, database {engine.url!r}: {getattr(error, 'detail', error)}")
def model_in_use(cursor: Any) -> Classifier:  # the newest activation's, whoever made it
    global classifier
    row = cursor.execute("SELECT file, sha256 FROM activations ORDER BY id DESC LIMIT 1").fetchone()
    if row != classifier[:2]:
        found = read_classifier(row[0])
        if found.sha256 != row[1]:
            raise HTTPException(409, f"{found.file} is not the file that was activated")
        classifier = found
    return classifier
# ── Worker: a process of its own; for all that waits there, one predict_proba and one commit ─────
def answer(jobs: list[Any]) -> list[tuple[int, str]] | None:
    """For each job (rows; no rows: a health check; a file to load) a status and a text."""
    try:
        if not (load := isinstance(jobs[0], str)):
            return [(200, text) for text in classify(jobs)]
        chosen = read_classifier(*jobs)
        with connect() as (connection, cursor), transaction(cursor):
            activate(chosen, connection)
        return [(200, "")]
    except HTTPException as error:
        return [(error.status_code if load else 503, error.detail)] * len(jobs)
    except Exception as error:  # a model can raise anything
        reason = f"{type(error).__name__}: {str(error)[:300]}".encode(errors="replace").decode()
        return [(503, reason)] if len(jobs) == 1 else None  # each is then tried alone
def classify(jobs: list[Any]) -> list[str]:
    """Classify and record the rows of all jobs: one predict_proba, one transaction, one fsync."""
    rows, answers, values = [row for job in jobs for row in job], [], []
    with connect() as (_, cursor):
        model = model_in_use(cursor)
        found = model.probabilities(rows or EXAMPLE)
        digest, at = model.sha256[:12], f"{datetime.now(UTC):%FT%T.%fZ}"
        form = ", ".join(json.dumps(name).replace("%", "%%") + ": %r" for name in model.classes)
        with transaction(cursor):
            if [] in jobs:  # a check of the health writes a record, too, which nobody ever sees
                cursor.execute(INSERT, (0, "{}", "", "{}", digest, at))
                cursor.execute("DELETE FROM history WHERE id = 0")
            for (n,), row, p in zip(cursor.execute(NEW_IDS, (len(rows),)).fetchall(), rows, found):
                name, text = model.classes[p.index(max(p))], "{" + form % tuple(p) + "}"
                values.append((n, json.dumps(dict(zip(FEATURES, row))), name, text, digest, at))
                answers.append(f'{{"id":{n},' + ANSWER % (json.dumps(name), text, digest, at))
            cursor.executemany(INSERT, values)
    left = iter(answers)  # they may leave only now, after the commit
    return [",".join(next(left) for _ in job) or digest for job in jobs]
def work(channel: socket.socket) -> None:  # in the worker process, until the server goes away
    for number in (signal.SIGINT, signal.SIGTERM):  # the server ends first, when all is recorded
        signal.signal(number, signal.SIG_IGN)
    os.closerange(3, channel.fileno())  # what a fork inherits: the server's ends of the channels
    with contextlib.suppress(EOFError, OSError), channel, channel.makefile("rb") as stream:
        channel.sendall(bytes(4))  # ready
        while True:
            data = marshal.dumps(answer(marshal.load(stream)))  # both ends are this file
            channel.sendall(len(data).to_bytes(4) + data)
class Worker:
    """The worker seen from the event loop, which never waits for the model or the disk itself."""
    def __init__(self) -> None:
        self.loop, self.lock, self.process = asyncio.get_running_loop(), asyncio.Lock(), None
        self.waiting: list[tuple[Any, asyncio.Future[tuple[int, str]]]] = []
        forks = sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1  # no thread
        self.spares = [self.spawn(mp.get_context("fork")) for _ in range(3 * forks)]  # or never
    def spawn(self, context: Any = mp.get_context("spawn")) -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        process: Any = context.Process(target=work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        mp.util.Finalize(self, ours.close, exitpriority=0)  # or an exit would wait for ever
        return process, ours
    async def ask(self, jobs: list[Any]) -> Any:
        """The worker's answers; None too where it died or hung, and another one takes its place."""
        try:
            if self.process is None:
                self.process, channel = self.spares.pop() if self.spares else self.spawn()
                self.reader, self.writer = await asyncio.open_connection(sock=channel)
                await self.reader.readexactly(4)
            async with asyncio.timeout(settings.worker_timeout):
                self.writer.write(marshal.dumps(jobs))
                size = int.from_bytes(await self.reader.readexactly(4))
                return marshal.loads(await self.reader.readexactly(size))
        except Exception as error:  # most of all EOFError and TimeoutError
            log.error("the worker died or hung and is replaced: %r", error)
            self.process = self.process and self.process.kill()  # None, as kill() gives
            self.writer.close()
    async def do(self, job: Any) -> Any:  # a status and a text
        self.waiting.append((job, future := self.loop.create_future()))
        if len(self.waiting) % GROUP == 1:  # the first of a group sends for all of it
            await asyncio.sleep(0)  # until all that has arrived is read
            async with self.lock:
                batch, self.waiting = self.waiting[:GROUP], self.waiting[GROUP:]
                answers = await self.ask([job for job, _ in batch])
                if answers is None and len(batch) > 1:  # try each alone: only the culprit fails
                    end = self.loop.time() + 1.5 * settings.worker_timeout  # or all wait too long
                    answers = [((self.loop.time() < end and await self.ask([job])) or [None])[0]
                               for job, _ in batch]
                for (job, waiter), answer in zip(batch, answers or [None], strict=True):
                    if not waiter.done():  # as it is when its request was given up
                        waiter.set_result(answer or (409 if type(job) is str else 503, DIED))
        return await future
worker: Any = None  # the Worker of the last server that ran here
pending, DIED = 0, "the worker died of this, or hung"  # pending: requests in progress
async def do(job: Any) -> str:
    """The answer to a job, by the worker; in place without a server, as under TestClient(app)."""
    ours = worker and worker.loop is asyncio.get_running_loop()
    [(status, text)] = [await worker.do(job)] if ours else answer([job]) or []
    if status != 200:
        raise HTTPException(status, text)
    return text
@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global worker
    engine.dispose()  # no connection may cross a fork
    worker = Worker()
    await worker.ask([[]])
    yield  # until the last request is answered
    worker.writer.close()
# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────
def refuse(status: int, detail: Any, headers: Any = None) -> Response:
    headers = {401: {"WWW-Authenticate": "ApiKey"}, 503: {"Retry-After": "1"}}.get(status, headers)
    return Response(json.dumps({"detail": detail}), status, headers, "application/json")
FULL, LARGE = refuse(503, "too much is in progress"), refuse(413, f"over {MAX_BODY} bytes")
def gate(inner: Any) -> Any:  # path, key, place and size, before FastAPI looks at a request
    key = settings.api_key.get_secret_value().encode() if settings.api_key else b""
    turn = anyio.Semaphore(2 * GROUP, fast_acquire=True)  # more in FastAPI at once slow it down
    async def decide(scope: Any, receive: Any, send: Any) -> Any:
        global pending
        Web.due = 0  # what was read with this one comes here before more is read
        path = scope.get("path", "").removeprefix(scope.get("root_path", "")).rstrip("/") or "/"
        scope["path"] = scope.get("root_path", "") + path  # with or without a slash at its end
        if scope["type"] != "http" or not path.startswith("/model"):
            return await inner(scope, receive, send)
        if key and not hmac.compare_digest(dict(scope["headers"]).get(b"x-api-key", b""), key):
            return await refuse(401, "send the API key as X-API-Key")(scope, receive, send)
        body, places, message = bytearray(), 0, {"more_body": True}
        async def whole() -> Any: return messages.pop() if messages else await receive()
        try:  # a request takes a place for each 16 KiB that have arrived, and one when all have
            while pending - places < settings.max_pending and len(body) <= MAX_BODY:
                if not message.get("more_body"):
                    messages = [message | {"body": bytes(body)}]
                    async with turn if scope["method"] == "POST" else contextlib.nullcontext():
                        return await inner(scope, whole, send)
                body += (message := await receive()).get("body", b"")
                before, places = places, len(body) // 2**14 + (not message.get("more_body"))
                pending += places - before
            return await (FULL if len(body) <= MAX_BODY else LARGE)(scope, receive, send)
        finally:
            pending -= places
    return decide
async def failed(_: Request, error: Any) -> Response:  # never repeats what was sent
    if isinstance(error, RequestValidationError):
        faults = [{"loc": [p if type(p) is int else ascii(p)[1:-1][:100] for p in fault["loc"]],
                   "msg": fault["msg"], "type": fault["type"]} for fault in error.errors()[:10]]
        return refuse(422, faults)  # a name in loc was anything, of any length
    if error.status_code == 400:  # FastAPI's word for a body that it cannot even parse
        return refuse(422, "the body is not JSON in UTF-8, or nested too deeply")
    return refuse(error.status_code, error.detail, error.headers)
app = FastAPIOffline(title="Classifier", version="1.0", lifespan=lifespan, redirect_slashes=False,
                     exception_handlers={HTTPException: failed, RequestValidationError: failed})
app.add_middleware(gate)
key = [Security(security.APIKeyHeader(name="X-API-Key", auto_error=False))]
problems: dict[int | str, Any] = {n: {"model": Problem} for n in (401, 404, 409, 413, 422, 503)}
api = APIRouter(prefix="/model", dependencies=key if settings.api_key else [], responses=problems)
as_json = functools.partial(Response, media_type="application/json")
@api.post("/classify", response_model=Classification, summary="Classify one flower, and record it")
async def classify_one(features: Features) -> Response:
    return as_json(await do([tuple(features.__dict__.values())]))
@api.post("/classify/batch", response_model=list[Classification], summary="All recorded or none")
async def classify_batch(flowers: Flowers) -> Response:
    return as_json(f"[{await do([tuple(flower.__dict__.values()) for flower in flowers])}]")
def find(limit: int, *conditions: Any, order: Any = ()) -> Sequence[Any]:  # (id, JSON) each
    newest = [c.desc() for c in (*order, history.c.id)]
    with connect() as (connection, _):
        return connection.execute(records.where(*conditions).order_by(*newest).limit(limit)).all()
@api.get("/history", response_model=Page, summary="Records, newest first; page by before")
def read_history(limit: Annotated[int, Field(ge=1, le=1000)] = 100, before: Id = MAX_ID,
                 species: Name = None, model: Name = None) -> Response:
    equal = {history.c[k]: v for k, v in [("model", model), ("species", species)] if v}
    where = [history.c.id < before, *(c == v for c, v in equal.items())]
    first = sql.tuple_(*equal, history.c.id) < (*equal.values(), before)  # == may scan by id
    last = [sql.tuple_(*equal) >= tuple(equal.values())] if equal else []
    found = find(limit + 1, *(where if SQLITE else [first, *last]), order=equal)
    more = found[limit - 1][0] if len(found) > limit else "null"
    return as_json(f'{{"items":[{",".join(text for _, text in found[:limit])}],"before":{more}}}')
@api.get("/history/{id}", response_model=Record, summary="One record")
def read_record(id: Id) -> Response:
    if found := find(1, history.c.id == id):
        return as_json(found[0][1])
    raise HTTPException(404, f"there is no record {id}")
@api.get("", response_model=ModelInUse, summary="The model in use, and what could be")
def read_model() -> dict[str, Any]:
    with connect() as (connection, _):
        rows = connection.execute(newest_first.limit(10)).all()
    keys = ("file", "scikit_learn", "loaded_at")
    past = [{k: getattr(row, k) for k in keys} | {"model": row.sha256[:12]} for row in rows]
    files = (f for f in FOLDER.iterdir() if re.fullmatch(FILE, f.name) and f.is_file())
    names = sorted(f.name for f in files if f.resolve().is_relative_to(FOLDER))
    return past[0] | dict(features=FEATURES, classes=rows[0].classes, files=names, activations=past)
@api.post("/load", response_model=ModelInUse, summary="Try a file, then use it everywhere")
async def load_model(body: ModelFile = ModelFile()) -> dict[str, Any]:
    await do(body.file)
    return await asyncio.to_thread(read_model)
@app.get("/", responses={503: {"model": Problem}}, summary="What this is, and where to go")
def welcome() -> dict[str, Any]:
    model, links = read_model()["model"], ["/docs", "/redoc", *app.openapi()["paths"]]
    return {"name": app.title, "version": app.version, "model": model, "links": links}
@app.get("/health", responses={503: {"model": Problem}}, summary="Classify and record, or 503")
async def health() -> dict[str, str | int]:
    return dict(status="ok", model=await do([]), database="ok", worker="ok", queue=pending)
@app.get("/health/live", summary="That the process lives, and no more")
async def live() -> dict[str, str]: return {"status": "ok"}
app.include_router(api)
gc.freeze()  # or a full collection walks all of scikit-learn's objects: 100 ms now and then
class Web(HttpToolsProtocol):  # uvicorn's; refuses at once where all is full, ends who is slow
    due = refused = 0  # due: requests read, and not yet at the gate; refused: of this connection
    full = b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n%b" % (
        b"".join(b"%b: %b\r\n" % header for header in FULL.raw_headers), bytes(FULL.body))
    def on_headers_complete(self) -> None:
        idle = self.cycle and self.cycle.response_complete and self.parser.should_keep_alive()
        idle = idle and not self.flow.write_paused and self.parser.get_method() == b"POST"
        if idle and pending + Web.due >= settings.max_pending:
            self.refused += 1
            return self.transport.write(self.full)  # far less work than when the gate refuses
        super().on_headers_complete()
        Web.due += bool(idle and not self.cycle.response_complete)
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.watch(None, 0)
    def watch(self, before: Any, seconds: int) -> None:
        request, unread = self.cycle, self.transport.get_write_buffer_size()
        more, done = (request.more_body, request.response_complete) if request else (True, False)
        state = (request, more, done, unread, self.timeout_keep_alive_task, self.refused)
        seconds = 0 if state != before or not (more or done or unread) else seconds + 1
        if seconds > MAX_WAIT:
            self.transport.abort()
        elif self in self.connections:
            self.loop.call_later(1, self.watch, state, seconds)
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # after uvicorn's own graceful end
    config = uvicorn.Config(app, settings.host, settings.port, http=Web, access_log=False, headers=[
        ("Content-Security-Policy", "default-src 'self' 'unsafe-inline' data: blob:")])  # no CDN
    with contextlib.suppress(KeyboardInterrupt), config.bind_socket() as one:  # it accepts 1 a turn
        one.listen(config.backlog)  # as it has just said that it is running: who comes early waits
        uvicorn.Server(config).run([one, *(one.dup() for _ in range(63))])
