import pytest
from fastapi.testclient import TestClient

from main import app, engine, history, tables

client = TestClient(app, raise_server_exceptions=False)
FLOWER = '{"SepalLengthCm":%s,"SepalWidthCm":3.5,"PetalLengthCm":1.4,"PetalWidthCm":0.2}'
BODIES = {
    "nothing": "",
    "no JSON": "flower",
    "half of it": FLOWER[:30],
    "a list": "[]",
    "too large for a float": FLOWER % "1e999",
    "not a number": FLOWER % "NaN",
    "too many digits": FLOWER % ("9" * 5000),
    "half of a character": FLOWER % r'"\ud800"',
    "a name of half a character": FLOWER.replace("SepalWidthCm", r"\ud800") % 5,
    "very deep": "[" * 100_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_bad_body_is_the_fault_of_the_client(body):
    response = client.post("/classify", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.json()["detail"]


@pytest.mark.parametrize("id", [-1, 0, 2**63, 10**30, "abc", "1.5"])
def test_a_bad_id_is_the_fault_of_the_client(id):
    assert client.get(f"/history/{id}").status_code == 422


def test_without_its_table_everything_that_needs_it_answers_503():
    history.drop(engine)
    flower = {"content": FLOWER % 5, "headers": {"Content-Type": "application/json"}}
    responses = [
        client.post("/classify", **flower),
        client.get("/history"),
        client.get("/history/1"),
        client.get("/health"),
    ]
    tables.create_all(engine)
    assert [response.status_code for response in responses] == [503] * 4
    assert {response.headers["Retry-After"] for response in responses} == {"1"}


def test_a_body_that_is_too_large_is_refused():
    assert client.post("/classify", content=b" " * 100_001).status_code == 413


def test_a_body_in_pieces_that_is_too_large_is_refused():
    assert client.post("/classify", content=iter([b" " * 60_000] * 2)).status_code == 413
