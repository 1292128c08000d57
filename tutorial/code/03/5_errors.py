import joblib
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI(title="My classifier")

model = joblib.load("model.pkl")
classes = model.classes_.tolist()


class Features(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    SepalLengthCm: float = Field(gt=0, le=100, examples=[5.1])
    SepalWidthCm: float = Field(gt=0, le=100, examples=[3.5])
    PetalLengthCm: float = Field(gt=0, le=100, examples=[1.4])
    PetalWidthCm: float = Field(gt=0, le=100, examples=[0.2])


class Classification(BaseModel):
    species: str
    probabilities: dict[str, float]


@app.get("/")
def welcome():
    return {"classes": classes}


@app.post("/classify")
def classify(features: Features) -> Classification:
    row = list(features.model_dump().values())
    [found] = model.predict_proba([row]).tolist()
    return {
        "species": classes[found.index(max(found))],
        "probabilities": dict(zip(classes, found, strict=True)),
    }
