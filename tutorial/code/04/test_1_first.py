from fastapi.testclient import TestClient

from main import app

client = TestClient(app)


def classify(row):
    names = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
    return client.post("/classify", json=dict(zip(names, row, strict=True)))


def test_a_flower_is_classified():
    response = classify([5.1, 3.5, 1.4, 0.2])
    assert response.status_code == 200
    assert response.json()["species"] == "Iris-setosa"
