import joblib
import pytest
from fastapi.testclient import TestClient
from sklearn.datasets import load_iris

from main import app

client = TestClient(app)
oracle = joblib.load("model.pkl")


def classify(row):
    names = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
    return client.post("/classify", json=dict(zip(names, row, strict=True)))


def test_a_flower_is_classified():
    response = classify([5.1, 3.5, 1.4, 0.2])
    assert response.status_code == 200
    assert response.json()["species"] == "Iris-setosa"


def test_every_answer_is_the_one_of_scikit_learn():
    for row in load_iris().data.tolist():
        answer = classify(row).json()
        [species], [expected] = oracle.predict([row]), oracle.predict_proba([row])
        assert answer["species"] == species
        assert list(answer["probabilities"]) == oracle.classes_.tolist()
        assert list(answer["probabilities"].values()) == pytest.approx(expected)
