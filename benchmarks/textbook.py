"""The textbook: a `def` endpoint, one predict_proba and one commit a request.

The schemas, the columns, their indexes and the durability are main.py's, and so is SQLite.
"""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import pysqlite3.dbapi2 as sqlite
from fastapi import FastAPI
from limit import Classification, Features
from sqlalchemy import JSON, Index, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

MODEL = Path(os.environ["MODEL_PATH"])
estimator = joblib.load(MODEL)
digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()[:12]
# As many threads as FastAPI has may commit, and each waits for its turn.
engine = create_engine(
    os.environ["DATABASE_URL"], module=sqlite, connect_args={"timeout": 60}, pool_size=40
)


@event.listens_for(engine, "connect")
def durable(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, float]: JSON}  # noqa: RUF012 (SQLAlchemy's own spelling)


class Record(Base):
    __tablename__ = "history"
    id: Mapped[int] = mapped_column(primary_key=True)
    features: Mapped[dict[str, float]]
    species: Mapped[str]
    probabilities: Mapped[dict[str, float]]
    model: Mapped[str]
    classified_at: Mapped[str]
    __table_args__ = (
        Index("history_by_species", "species", "id"),
        Index("history_by_model", "model", "id"),
        Index("history_by_model_and_species", "model", "species", "id"),
        {"sqlite_autoincrement": True},
    )


Base.metadata.create_all(engine)
app = FastAPI(title="The textbook")


@app.post("/model/classify")
def classify(features: Features) -> Classification:
    values = features.model_dump()
    [found] = estimator.predict_proba([list(values.values())]).tolist()
    probabilities = dict(zip(estimator.classes_.tolist(), found, strict=True))
    record = Record(
        features=values,
        species=max(probabilities, key=probabilities.__getitem__),
        probabilities=probabilities,
        model=digest,
        classified_at=datetime.now(UTC).isoformat(),
    )
    with Session(engine, expire_on_commit=False) as session:
        session.add(record)
        session.commit()
    return Classification.model_validate(record, from_attributes=True)
