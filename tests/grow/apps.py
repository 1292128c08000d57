"""Whole small apps that several tests grow."""

SHOP = '''\
"""A shop in one file."""

import logging
import os

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

log = logging.getLogger(__name__)
LIMIT = int(os.getenv("SHOP_LIMIT", "3"))
CURRENCY = "EUR"
COUNTRIES = {
    "de": "Germany",
    "fr": "France",
    "it": "Italy",
    "es": "Spain",
    "nl": "Netherlands",
    "pl": "Poland",
}


class Item(BaseModel):
    """What is sold."""

    name: str
    price: float  # without tax
    country: str = "de"


class Order(BaseModel):
    """What is bought."""

    item: str
    amount: int = 1


items: dict[str, Item] = {}
orders: list[Order] = []
total = 0.0


def find(name: str) -> Item:
    """The item of that name, or 404."""
    if name not in items:
        raise HTTPException(404, f"no item {name}")
    return items[name]


def book(order: Order) -> float:
    """Count an order in."""
    global total
    price = find(order.item).price * order.amount
    total += price
    orders.append(order)
    log.info("booked %s", order.item)
    return price


def only_some(size: int = LIMIT) -> int:
    """How many to show."""
    return min(size, LIMIT)


app = FastAPI(title="Shop")


# ---- Items ----


@app.get("/items")
def read_items(size: int = Depends(only_some)) -> list[Item]:
    return list(items.values())[:size]


@app.post("/items")
def create_item(item: Item) -> Item:
    if item.country not in COUNTRIES:
        raise HTTPException(422, f"{item.country} is not one of {sorted(COUNTRIES)}")
    items[item.name] = item
    return item


@app.get("/items/{name}")
def read_item(name: str) -> Item:
    return find(name)


@app.delete("/items/{name}")
def delete_item(name: str) -> Item:
    item = find(name)
    del items[name]
    return item


# ---- Orders ----


@app.post("/orders")
def create_order(order: Order) -> dict[str, float]:
    return {"price": book(order), "total": total}


@app.get("/orders")
def read_orders(size: int = Depends(only_some)) -> list[Order]:
    """The first orders."""
    return orders[:size]


@app.get("/orders/last")
def read_last() -> Order:
    """The last order."""
    if not orders:
        raise HTTPException(404, "no order yet")
    return orders[-1]


@app.get("/orders/total")
def read_total() -> dict[str, str | float]:
    return {"total": total, "currency": CURRENCY}


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=8000)
'''

TESTS = """\
from fastapi.testclient import TestClient
from main import Item, app, items

client = TestClient(app)


def test_items_are_kept():
    client.post("/items", json=Item(name="tea", price=2).model_dump())
    assert items["tea"].price == 2
    assert client.get("/items/tea").json()["name"] == "tea"


def test_orders_are_counted(monkeypatch):
    monkeypatch.setattr("main.total", 10.0)
    items["tea"] = Item(name="tea", price=2)
    assert client.post("/orders", json={"item": "tea"}).json() == {"price": 2.0, "total": 12.0}


def test_one_that_fails_before_fails_after():
    assert client.get("/items/none").status_code == 200
"""

WALKER = '''\
"""Code that reads app.routes, which a router would change: these routes must stay."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel


class User(BaseModel):
    """Somebody."""

    name: str
    age: int
    email: str
    city: str
    street: str
    number: int
    country: str
    phone: str
    height: float
    weight: float


app = FastAPI()


@app.get("/users")
def users() -> list[User]:
    return []


@app.get("/users/{name}")
def user(name: str) -> str:
    return name


for route in app.routes:
    if isinstance(route, APIRoute):
        route.operation_id = f"op_{route.name}"
'''
