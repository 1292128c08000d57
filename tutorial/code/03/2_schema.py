from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="My classifier")


class Features(BaseModel):
    SepalLengthCm: float
    SepalWidthCm: float
    PetalLengthCm: float
    PetalWidthCm: float


@app.get("/")
def welcome():
    return {"message": "Hello"}


@app.post("/classify")
def classify(features: Features):
    return {"row": list(features.model_dump().values())}
