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


def test_every_answer_has_its_record():
    answer = classify([6.3, 2.9, 5.6, 1.8]).json()
    record = client.get(f"/history/{answer['id']}").json()
    assert record.pop("features") == {
        "SepalLengthCm": 6.3,
        "SepalWidthCm": 2.9,
        "PetalLengthCm": 5.6,
        "PetalWidthCm": 1.8,
    }
    assert record == answer


@pytest.mark.parametrize("limit", [-1, 0, 1001])
def test_a_page_has_between_1_and_1000_records(limit):
    assert client.get("/history", params={"limit": limit}).status_code == 422


def test_a_page_has_as_many_records_as_asked_for():
    for _ in range(3):
        classify([5.1, 3.5, 1.4, 0.2])
    assert len(client.get("/history", params={"limit": 2}).json()) == 2
