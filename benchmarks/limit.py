"""The limit: the same FastAPI app and schemas answering a constant. No model, no database.

What FastAPI and uvicorn themselves cost. It validates its input as main.py does and sends bytes
that were made once, so no app on this framework that looks at its input can be much faster.
"""

from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field

Centimetres = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class Features(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    SepalLengthCm: Centimetres
    SepalWidthCm: Centimetres
    PetalLengthCm: Centimetres
    PetalWidthCm: Centimetres


class Classification(BaseModel):
    id: int
    species: str
    probabilities: dict[str, float]
    model: str
    classified_at: datetime


ANSWER = Classification(
    id=1,
    species="Iris-setosa",
    probabilities={"Iris-setosa": 1.0, "Iris-versicolor": 2.1e-20, "Iris-virginica": 1.7e-42},
    model="3f2a90c1d7e4",
    classified_at="2026-11-22T12:00:00.123456Z",
).model_dump_json()

app = FastAPI(title="The limit")


@app.post("/model/classify", response_model=Classification)
async def classify(features: Features) -> Response:
    return Response(ANSWER, media_type="application/json")
