import itertools
import os
import threading
import time
from datetime import UTC, datetime
from typing import Annotated

import joblib
import sqlalchemy as sql
from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

app = FastAPI(title="My classifier", max_body_size=100_000)

model = joblib.load("model.pkl")
classes = model.classes_.tolist()

engine = sql.create_engine(os.environ.get("DATABASE_URL", "sqlite:///history.db"))
tables = sql.MetaData()
history = sql.Table(
    "history",
    tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("features", sql.JSON, nullable=False),
    sql.Column("species", sql.String, nullable=False),
    sql.Column("probabilities", sql.JSON, nullable=False),
    sql.Column("classified_at", sql.String, nullable=False),
)
tables.create_all(engine)

with engine.connect() as connection:
    last = connection.scalar(sql.select(sql.func.max(history.c.id))) or 0
numbers = itertools.count(last + 1)
waiting = []


def write_behind():
    while True:
        time.sleep(10)
        if records := [waiting.pop(0) for _ in range(len(waiting))]:
            with engine.begin() as connection:
                connection.execute(history.insert(), records)


threading.Thread(target=write_behind, daemon=True).start()


class Features(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    SepalLengthCm: float = Field(gt=0, le=100, examples=[5.1])
    SepalWidthCm: float = Field(gt=0, le=100, examples=[3.5])
    PetalLengthCm: float = Field(gt=0, le=100, examples=[1.4])
    PetalWidthCm: float = Field(gt=0, le=100, examples=[0.2])


class Classification(BaseModel):
    id: int
    species: str
    probabilities: dict[str, float]
    classified_at: datetime


class Record(Classification):
    features: Features


@app.exception_handler(RequestValidationError)
def refuse(request: Request, error: RequestValidationError):
    faults = [
        {
            "loc": [ascii(part).strip("'") for part in fault["loc"]],
            "msg": fault["msg"],
            "type": fault["type"],
        }
        for fault in error.errors()[:10]
    ]
    return JSONResponse({"detail": faults}, 422)


@app.exception_handler(SQLAlchemyError)
def unavailable(request: Request, error: SQLAlchemyError):
    return JSONResponse({"detail": "the history cannot be used"}, 503, {"Retry-After": "1"})


@app.get("/")
def welcome():
    return {"classes": classes}


def record(flowers: list[Features]) -> list[dict]:
    rows = [list(flower.model_dump().values()) for flower in flowers]
    records = [
        {
            "features": flower.model_dump(),
            "species": classes[found.index(max(found))],
            "probabilities": dict(zip(classes, found, strict=True)),
            "classified_at": datetime.now(UTC).isoformat(),
        }
        for flower, found in zip(flowers, model.predict_proba(rows).tolist(), strict=True)
    ]
    numbered = [{"id": next(numbers), **one} for one in records]
    waiting.extend(numbered)
    return numbered


@app.post("/classify")
def classify(features: Features) -> Classification:
    return record([features])[0]


@app.post("/classify/batch")
def classify_batch(
    flowers: Annotated[list[Features], Field(min_length=1, max_length=1000)],
) -> list[Classification]:
    return record(flowers)


@app.get("/history")
def read_history(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[Record]:
    newest = sql.select(history).order_by(history.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        return connection.execute(newest).all()


@app.get("/history/{id}")
def read_record(id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Record:
    with engine.connect() as connection:
        found = connection.execute(sql.select(history).where(history.c.id == id)).first()
    if found is None:
        raise HTTPException(404, f"there is no record {id}")
    return found


@app.get("/health")
def health():
    with engine.connect() as connection:
        connection.execute(sql.select(history).limit(1))
    return {"status": "ok"}
