import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from main import Base, app, get_session


@pytest.fixture
def client():
    memory = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    Base.metadata.create_all(memory)
    with Session(memory) as session:
        app.dependency_overrides[get_session] = lambda: session
        yield TestClient(app)
        app.dependency_overrides.clear()
    memory.dispose()


def test_an_order_costs_what_its_lines_cost_and_takes_them_from_the_stock(client):
    client.post("/products", json={"name": "tulip", "cents": 250, "stock": 10})
    order = {"customer": "ann", "lines": [{"product_id": 1, "count": 3}]}
    assert client.post("/orders", json=order).json()["cents"] == 3 * 250
    assert client.get("/products/1").json()["stock"] == 10 - 3


def test_more_than_there_is_cannot_be_ordered(client):
    client.post("/products", json={"name": "tulip", "cents": 250, "stock": 2})
    order = {"customer": "ann", "lines": [{"product_id": 1, "count": 3}]}
    assert client.post("/orders", json=order).status_code == 409
    assert client.get("/products/1").json()["stock"] == 2


def test_two_products_cannot_have_one_name(client):
    tulip = {"name": "tulip", "cents": 250}
    assert client.post("/products", json=tulip).status_code == 201
    assert client.post("/products", json=tulip).status_code == 409
