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


def test_a_batch_gives_what_its_flowers_give_one_by_one():
    names = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
    rows = load_iris().data.tolist()[::10]
    answers = client.post(
        "/classify/batch", json=[dict(zip(names, row, strict=True)) for row in rows]
    ).json()
    assert len(answers) == len(rows)
    for row, answer in zip(rows, answers, strict=True):
        alone = classify(row).json()
        assert answer["probabilities"] == pytest.approx(alone["probabilities"])
        record = client.get(f"/history/{answer['id']}").json()
        assert list(record.pop("features").values()) == row
        assert record == answer


def test_with_one_bad_flower_nothing_of_a_batch_is_recorded():
    good = {"SepalLengthCm": 5, "SepalWidthCm": 3, "PetalLengthCm": 1, "PetalWidthCm": 1}
    [before] = client.get("/history?limit=1").json()
    assert client.post("/classify/batch", json=[good, {}]).status_code == 422
    assert client.get("/history?limit=1").json() == [before]
