import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="My classifier")

model = joblib.load("model.pkl")
classes = model.classes_.tolist()


class Features(BaseModel):
    SepalLengthCm: float
    SepalWidthCm: float
    PetalLengthCm: float
    PetalWidthCm: float


@app.get("/")
def welcome():
    return {"classes": classes}


@app.post("/classify")
def classify(features: Features):
    return {"row": list(features.model_dump().values())}
