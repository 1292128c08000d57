from datetime import UTC, datetime

import joblib
import sqlalchemy as sql
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI(title="My classifier")

model = joblib.load("model.pkl")
classes = model.classes_.tolist()

engine = sql.create_engine("sqlite:///history.db")
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


@app.get("/")
def welcome():
    return {"classes": classes}


@app.post("/classify")
def classify(features: Features) -> Classification:
    row = list(features.model_dump().values())
    [found] = model.predict_proba([row]).tolist()
    record = {
        "features": features.model_dump(),
        "species": classes[found.index(max(found))],
        "probabilities": dict(zip(classes, found, strict=True)),
        "classified_at": datetime.now(UTC).isoformat(),
    }
    with engine.begin() as connection:
        result = connection.execute(history.insert().values(record))
    return {"id": result.inserted_primary_key.id, **record}


@app.get("/history")
def read_history(limit: int = 100) -> list[Record]:
    newest = sql.select(history).order_by(history.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        return connection.execute(newest).all()


@app.get("/history/{id}")
def read_record(id: int) -> Record:
    with engine.connect() as connection:
        found = connection.execute(sql.select(history).where(history.c.id == id)).first()
    if found is None:
        raise HTTPException(404, f"there is no record {id}")
    return found
