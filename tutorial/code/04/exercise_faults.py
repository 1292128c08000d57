import pytest
from fastapi.testclient import TestClient

from main import app

client = TestClient(app)
FLOWER = {
    "SepalLengthCm": 5.1,
    "SepalWidthCm": 3.5,
    "PetalLengthCm": 1.4,
    "PetalWidthCm": 0.2,
}


@pytest.mark.parametrize("value", [0, -1, 100.1, "5.1", None, True, []])
@pytest.mark.parametrize("name", FLOWER)
def test_a_wrong_length_is_refused(name, value):
    response = client.post("/classify", json=FLOWER | {name: value})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", name]


@pytest.mark.parametrize("name", FLOWER)
def test_the_longest_length_is_allowed(name):
    assert client.post("/classify", json=FLOWER | {name: 100}).status_code == 200
