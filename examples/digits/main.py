"""Handwritten digits in images, classified over HTTP; no answer leaves before it is on record.

    python main.py    serves http://127.0.0.1:8000; try it out at /docs

One layer after the other: settings, schemas, storage (the history, the model file), image (from a
file to 28 × 28 pixels), model, service, endpoints. Each gets those below it through Depends, so
that a test can put something else in their place.
"""

import contextlib, hashlib, io, os, sys, warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, BinaryIO

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy reads them
import fsspec, joblib, numpy as np, sqlalchemy as sql, uvicorn
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import BaseModel, Field
from scipy import ndimage
from sklearn.exceptions import InconsistentVersionWarning
from sqlalchemy.exc import SQLAlchemyError

try:
    import pysqlite3.dbapi2 as sqlite  # newer than Python's own, where there is a wheel
except ImportError:
    import sqlite3 as sqlite

HERE = Path(__file__).parent
MAX_BYTES, MAX_PIXELS, MAX_ID = 10 * 1024**2, 20_000_000, 2**53 - 1  # of a file, an image
MAX_BODY = MAX_BYTES + 64 * 1024  # an image file and its multipart frame
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Limit = Annotated[int, Field(ge=1, le=1000)]
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
Pixels = NDArray[np.float32]
BLANK: Pixels = np.zeros((28, 28), np.float32)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def needed(what: str) -> Iterator[None]:
    """Ends the start with one line for the operator where the block fails."""
    try:
        yield
    except Exception as error:  # S3, SQLite and pickles each have errors of their own
        wrong = [f"{f['loc'][0].upper()}: {f['msg']}" for f in getattr(error, "errors", list)()]
        told = wrong[0] if wrong else f"{type(error).__name__}: {getattr(error, 'orig', error)}"
        sys.exit(f"main.py cannot start: {what} fails: {' '.join(told.split())[:300]}")


# ── Settings: environment variables of the same names in capitals ─────────────────────────────────
class Settings(BaseModel, frozen=True):
    image_folder: Path = Path("test_images")  # in the app's folder; what /predict/ may open
    database_url: str = Field(f"sqlite:///{HERE}/history.db", pattern=r"^sqlite:///[^:]")
    model_url: str | None = Field(None, pattern=r"^(s3://[^/:]+/[^:]+|file:///[^:]+)$")
    model_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    model_cache: Path = HERE / ".cache"  # where the model of MODEL_URL is kept
    max_waiting: int = Field(64, ge=0)  # images that wait for a thread; the next ones get 503
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)


@lru_cache
def get_settings() -> Settings:
    with needed("a setting"):
        return Settings.model_validate({k.lower(): v for k, v in os.environ.items() if v})


SettingsNow = Annotated[Settings, Depends(get_settings)]


# ── Schemas ───────────────────────────────────────────────────────────────────────────────────────
class ImagePath(BaseModel):
    path_to_img: str = Field(max_length=1000, examples=["test_images/0.png"])


class Prediction(BaseModel):
    prediction: int = Field(ge=0, le=9, description="the digit")
    confidence: int = Field(ge=0, le=100, description="how sure the model is, in per cent")


class Record(Prediction):
    id: int
    probabilities: list[float] = Field(description="of the digits 0 to 9, in this order")
    image: str = Field(description="the SHA-256 of the image file")
    model: str = Field(description="the first 12 digits of the SHA-256 of the model file")
    predicted_at: datetime


# ── Storage: the history ──────────────────────────────────────────────────────────────────────────
predictions = sql.Table(
    "predictions", sql.MetaData(), sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("prediction", sql.Integer, nullable=False),
    sql.Column("confidence", sql.Integer, nullable=False),
    sql.Column("probabilities", sql.JSON, nullable=False),
    sql.Column("image", sql.String, nullable=False),
    sql.Column("model", sql.String, nullable=False),
    sql.Column("predicted_at", sql.String, nullable=False),  # ISO 8601 in UTC: sorts as time does
    sqlite_autoincrement=True,  # an id is never given again, not even after a deletion
)  # fmt: skip

# Versions before 3.51.3 can corrupt a WAL file: sqlite.org/wal.html
WAL = "WAL" if sqlite.sqlite_version_info >= (3, 51, 3) else "TRUNCATE"
DURABLE = f"PRAGMA journal_mode = {WAL}; PRAGMA synchronous = FULL"  # an fsync with every commit


class History:
    """Every prediction, in an SQLite file. SQLAlchemyError or OSError where that fails."""

    def __init__(self, url: str) -> None:
        # AUTOCOMMIT: each statement is a transaction, on disk when execute() returns.
        options: Any = {"isolation_level": "AUTOCOMMIT", "connect_args": {"timeout": 5}}
        self.engine = sql.create_engine(url, module=sqlite, **options)
        sql.event.listen(self.engine, "connect", lambda new, _: new.executescript(DURABLE))
        with self.engine.connect() as connection:
            connection.execute(sql.schema.CreateTable(predictions, if_not_exists=True))

    def add(self, record: dict[str, Any]) -> Record:
        with self.engine.connect() as connection:
            os.stat(str(self.engine.url.database))  # a deleted file would take the row all the same
            added = connection.execute(predictions.insert().values(record))
        return Record(id=added.lastrowid, **record)

    def page(self, limit: int, before: int) -> list[Record]:
        """The newest records with an id under before, at most limit."""
        newest = sql.select(predictions).order_by(predictions.c.id.desc()).limit(limit)
        with self.engine.connect() as connection:
            rows = connection.execute(newest.where(predictions.c.id < before)).mappings()
            return [Record.model_validate(dict(row)) for row in rows]

    def check(self) -> None:
        with self.engine.connect() as connection:
            os.stat(str(self.engine.url.database))
            connection.exec_driver_sql("PRAGMA user_version = 1")  # the least that can be written


@lru_cache
def get_history(settings: SettingsNow) -> History:
    with needed(f"DATABASE_URL={settings.database_url}"):
        return History(settings.database_url)


# ── Storage: the model file ───────────────────────────────────────────────────────────────────────
S3 = {"config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 2}}}


def find_model(settings: Settings) -> Path:
    """The local file that holds the model: model.pkl, or the copy of what MODEL_URL names."""
    if not settings.model_url:
        return HERE / "model.pkl"
    path = settings.model_cache / f"{settings.model_sha256}.pkl"
    with needed(f"MODEL_URL={settings.model_url}"):
        if not settings.model_sha256:  # a pickle is code: only the expected bytes may run
            raise ValueError("it needs MODEL_SHA256, the SHA-256 of the model file")
        if path.exists() and digest(path.read_bytes()) == settings.model_sha256:
            return path
        scheme, _, name = settings.model_url.partition("://")
        data = fsspec.filesystem(scheme, **(S3 if scheme == "s3" else {})).cat_file(name)
        if digest(data) != settings.model_sha256:
            raise ValueError(f"its SHA-256 is {digest(data)}, not MODEL_SHA256")
        path.parent.mkdir(parents=True, exist_ok=True)
        (new := path.with_suffix(f".{os.getpid()}")).write_bytes(data)
        new.replace(path)  # the whole file or none
    return path


# ── Image: from the bytes of a file to 28 × 28 pixels as in MNIST ─────────────────────────────────
def read_grey(data: bytes) -> Pixels:
    """The picture in data, grey, 0 to 255, at most 128 pixels high and wide; 413 or 415."""
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:  # known before anything is decoded
            raise Image.DecompressionBombError
        image.draft("L", (256, 256))  # a JPEG decodes faster at a part of its size
        image = image.convert("RGBA" if image.has_transparency_data else "L")
        image.thumbnail((128, 128))
        image = ImageOps.exif_transpose(image)  # as the camera was held
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise HTTPException(413, f"the image has over {MAX_PIXELS} pixels") from None
    except Exception as error:  # damaged files raise almost anything in Pillow's decoders
        raise HTTPException(415, f"this is no whole image in {', '.join(FORMATS)}") from error
    layers: Pixels = np.asarray(image.convert("LA"), np.float32)
    grey, alpha = layers[..., 0], layers[..., 1] / 255
    ink = (grey * alpha).sum() / max(1, alpha.sum())  # what has no ground gets one in contrast
    return np.asarray(grey * alpha + (255 if ink < 128 else 0) * (1 - alpha), np.float32)


def fit_ground(grey: Pixels) -> Pixels:
    """The paper's brightness at every pixel: a quadratic surface through all that is not ink."""
    y, x = np.indices(grey.shape, np.float32) / max(grey.shape)
    terms = np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1)
    step = max(1, max(grey.shape) // 32)  # a thousand pixels are enough
    a, b = terms[::step, ::step].reshape(-1, 6), grey[::step, ::step].ravel()
    ground = np.full(b.shape, np.median(b))
    for _ in range(5):  # each time without what lies far from the last surface
        near = (off := abs(b - ground)) <= max(4, 2.5 * np.median(off))
        ground = a @ (surface := np.linalg.lstsq(a[near], b[near])[0])
    return np.asarray(terms @ surface, np.float32)


def find_ink(grey: Pixels) -> Pixels:
    """Grey without the paper: from 0 for none to about 1 for ink; 422 where there is none."""
    ink: Pixels = ndimage.gaussian_filter(grey - fit_ground(grey), max(grey.shape) / 100)
    ink *= np.sign((ink**3).sum()) or 1  # ink is rarer than paper, be it darker or lighter
    mask = ink > 0.4 * ink.max()
    contrast = ink[mask].mean() - ink[~mask].mean() if mask.any() else 0
    if contrast < 16 or contrast < 5 * ink[~mask].std():
        raise HTTPException(422, "the picture is empty: there is no ink on it")
    return ink / np.float32(np.percentile(ink[mask], 75))


def normalise(ink: Pixels) -> Pixels:
    """Ink as in MNIST: cut out, scaled to 20 × 20 keeping its shape, upright, centred by mass."""
    mask = ink > 0.4 * ink.max()
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(parts.ravel())[1:]
    mask = np.isin(parts, 1 + np.flatnonzero(areas >= areas.max() / 10))  # no specks
    mask = ndimage.binary_dilation(mask, np.ones((3, 3)), max(1, max(ink.shape) // 40))
    ink = np.clip(ink * mask, 0, 1)[ndimage.find_objects(mask.astype(int))[0]]
    scale = 20 / max(ink.shape)
    width, height = (max(1, round(n * scale)) for n in ink.shape[::-1])
    image = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    ink = np.clip(np.asarray(image), 0, 1)
    rows, columns = np.indices(ink.shape, np.float32)
    row, column = np.average(rows, weights=ink), np.average(columns, weights=ink)
    covariance = np.average((rows - row) * (columns - column), weights=ink)
    lean = np.clip(covariance / np.average((rows - row) ** 2, weights=ink), -1, 1)  # by moments
    shear = np.array([[1, 0], [lean, 1]])
    offset = np.array([row, column]) - shear @ [13.5, 13.5]
    found = ndimage.affine_transform(ink, shear, offset, output_shape=(28, 28), order=1)
    return np.asarray(found, np.float32)


# ── Model ─────────────────────────────────────────────────────────────────────────────────────────
class Classifier:
    """A scikit-learn classifier of 784 pixels, 0 to 1, read from a file."""

    def __init__(self, path: Path, sha256: str | None) -> None:
        data = path.read_bytes()  # hashed and loaded from the same read
        self.sha256 = digest(data)
        if sha256 not in (None, self.sha256):
            raise ValueError(f"its SHA-256 is {self.sha256}, not MODEL_SHA256")
        with warnings.catch_warnings(action="error", category=InconsistentVersionWarning):
            self.estimator = joblib.load(io.BytesIO(data))  # a pickle is code, and it runs here
        self.probabilities(BLANK)

    def probabilities(self, digit: Pixels) -> list[float]:
        """How likely each of the digits 0 to 9 is, for 28 × 28 pixels."""
        found = self.estimator.predict_proba(digit.reshape(1, 784))[0]
        if found.shape != (10,) or not abs(found.sum() - 1) < 1e-4:  # or NaN
            raise ValueError(f"predict_proba gave {found}")
        return [round(float(p), 6) for p in found]


@lru_cache
def get_classifier(settings: SettingsNow) -> Classifier:
    path = find_model(settings)
    with needed(f"the model file {path}"):
        return Classifier(path, settings.model_sha256)


# ── Service ───────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Service:
    """Decodes, classifies and records one image at a time, in the thread that calls it."""

    settings: SettingsNow
    classifier: Annotated[Classifier, Depends(get_classifier)]
    history: Annotated[History, Depends(get_history)]

    def predict(self, file: BinaryIO) -> Record:
        """The record of what the image in file shows; it is on disk when this returns."""
        data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise HTTPException(413, f"the image has over {MAX_BYTES} bytes")
        probabilities = self.classifier.probabilities(normalise(find_ink(read_grey(data))))
        record = {
            "prediction": int(np.argmax(probabilities)),
            "confidence": round(100 * max(probabilities)),
            "probabilities": probabilities,
            "image": digest(data),
            "model": self.classifier.sha256[:12],
            "predicted_at": f"{datetime.now(UTC):%FT%T.%fZ}",
        }
        return self.history.add(record)

    def predict_path(self, path_to_img: str) -> Record:
        """The same for a file in IMAGE_FOLDER, by its path from the app's folder; 404 elsewhere."""
        folder, relative = self.settings.image_folder, Path(path_to_img)
        try:
            path = (HERE / relative).resolve()  # where links lead
            path.relative_to((HERE / folder).resolve())  # ValueError where that lies outside
            if relative.is_absolute() or ".." in relative.parts or not path.is_file():
                raise FileNotFoundError
            file = path.open("rb")
        except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
            raise HTTPException(404, f"there is no such image in {folder}") from None
        with file:
            return self.predict(file)


ServiceNow = Annotated[Service, Depends()]
decoders = CapacityLimiter(os.cpu_count() or 1)  # threads, and so images in memory, at once


async def in_thread(service: Service, work: Callable[[Any], Record], image: Any) -> Record:
    if decoders.statistics().tasks_waiting >= service.settings.max_waiting:
        raise HTTPException(503, "too many images are waiting", {"Retry-After": "1"})
    async with decoders:  # taken or waited for at once, unlike run_sync(limiter=decoders)
        return await to_thread.run_sync(work, image)


# ── Endpoints ─────────────────────────────────────────────────────────────────────────────────────
@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await to_thread.run_sync(get_classifier, get_settings())
    get_history(get_settings())
    yield


app = FastAPIOffline(title="Digits", version="1.0", lifespan=lifespan)
plain = APIRouter(max_body_size=MAX_BODY)
api = APIRouter(prefix="/api/v1/predictions", tags=["version 1"], max_body_size=MAX_BODY)


@app.middleware("http")
async def limit_body(request: Request, call_next: Any) -> Any:
    if int(request.headers.get("content-length", 0)) > MAX_BODY:  # chunked ones: max_body_size
        return JSONResponse({"detail": f"the request has over {MAX_BODY} bytes"}, 413)
    return await call_next(request)


@app.exception_handler(RequestValidationError)
@app.exception_handler(SQLAlchemyError)
@app.exception_handler(OSError)
async def refuse(_: Request, error: Any) -> JSONResponse:
    """Says what is wrong, but never repeats what was sent."""
    if isinstance(error, RequestValidationError):
        detail = [{k: fault[k] for k in ("loc", "msg", "type")} for fault in error.errors()[:10]]
        return JSONResponse({"detail": detail}, 422)
    reason = f"the history fails: {getattr(error, 'orig', error)}"
    return JSONResponse({"detail": reason}, 503, {"Retry-After": "1"})


@app.get("/", summary="A greeting, and where to go")
async def greet() -> dict[str, Any]:
    return {"message": "Send me a digit.", "endpoints": ["/docs", *app.openapi()["paths"]]}


@app.get("/hello/{name}", summary="A greeting by name")
async def hello(name: Annotated[str, Field(max_length=100)]) -> dict[str, str]:
    return {"Hello": name}


@plain.post("/predict_file", include_in_schema=False, response_model=Prediction)
@plain.post("/predict_file/", response_model=Prediction, summary="The digit in an uploaded image")
@api.post("/file", response_model=Record, summary="The digit in an uploaded image, as recorded")
async def predict_file(image_file: UploadFile, service: ServiceNow) -> Record:
    return await in_thread(service, service.predict, image_file.file)


@plain.post("/predict", include_in_schema=False, response_model=Prediction)
@plain.post("/predict/", response_model=Prediction, summary="The digit in an image on the server")
@api.post("/path", response_model=Record, summary="The digit in an image here, as recorded")
async def predict_path(image: ImagePath, service: ServiceNow) -> Record:
    return await in_thread(service, service.predict_path, image.path_to_img)


@app.get("/predictions", summary="The records, newest first; page by before")
def read_predictions(service: ServiceNow, limit: Limit = 100, before: Id = MAX_ID) -> list[Record]:
    return service.history.page(limit, before)


@app.get("/health", summary="Classify and write, or 503")
def health(service: ServiceNow) -> dict[str, str]:
    service.classifier.probabilities(BLANK)
    service.history.check()
    return {"status": "ok", "model": service.classifier.sha256[:12]}


app.include_router(plain)
app.include_router(api)

if __name__ == "__main__":
    get_classifier(settings := get_settings())
    get_history(settings)
    csp = ("Content-Security-Policy", "default-src 'self' 'unsafe-inline' data: blob:")  # no CDN
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, headers=[csp])
