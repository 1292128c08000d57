"""Traps 1 to 8: names, order of routes, patches, annotations, OpenAPI keys."""

from planted import Trap

GET = """
    import main
    client = TestClient(main.app)
    def get(path):
        answer = client.get(path)
        print(path, answer.status_code, answer.text)
"""

TRAPS = [
    Trap(
        1,
        "a name rebound by global is read live everywhere",
        """
        from fastapi import FastAPI
        app = FastAPI()
        model = None
        visits = 0
        def load():
            global model
            model = {"name": "first"}
        def count(model: str = "local") -> str:
            global visits
            visits += 1
            return f"{model} {visits}"
        @app.get("/model")
        def read_model():
            return {"model": model, "seen": [model for model in (1, 2)]}
        @app.post("/model/load")
        def load_model():
            load()
            return {"model": model}
        @app.get("/visits")
        def read_visits():
            return {"visits": visits, "text": count()}
        @app.get("/visits/named")
        def read_named(model: str = "x"):
            return {"visits": f"{visits}", "text": count(model=model)}
        """,
        GET
        + """
    get("/model"); client.post("/model/load"); get("/model"); get("/visits"); get("/visits")
    get("/visits/named?model=y"); print(main.visits)
    """,
        moved=("model", "visits", "load", "read_visits"),
        files={"other.py": "import main\n\n\ndef visits():\n    return main.visits\n"},
    ),
    Trap(
        2,
        "a path with a parameter does not come to capture a fixed one",
        """
        from fastapi import FastAPI
        app = FastAPI()
        @app.get("/")
        def root(): return "root"
        @app.get("/models")
        def models(): return "models"
        @app.get("/history")
        def history(): return "history"
        @app.get("/{kind}")
        def by_kind(kind: str): return f"kind {kind}"
        @app.get("/models/{name}")
        def model(name: str): return f"model {name}"
        @app.get("/models/history")
        def unreachable(): return "never"
        @app.get("/health")
        def health(): return "never"
        """,
        GET
        + """
    for path in ("/", "/models", "/history", "/other", "/models/history", "/models/x", "/health"):
        get(path)
    print(client.put("/models").headers["allow"])
    """,
        moved=("root", "history", "by_kind", "model", "health"),
    ),
    Trap(
        3,
        "mounts and catch-all routes keep their places",
        """
        from fastapi import FastAPI
        from starlette.responses import PlainTextResponse
        app = FastAPI()
        async def files(scope, receive, send):
            await PlainTextResponse("mounted " + scope["path"])(scope, receive, send)
        @app.get("/static/own")
        def own(): return "own"
        app.mount("/static", files)
        @app.get("/static/late")
        def late(): return "never"
        @app.get("/items")
        def items(): return "items"
        @app.get("/items/{number}")
        def item(number: int): return number
        @app.get("/{rest:path}")
        def anything(rest: str): return f"rest {rest}"
        @app.get("/after")
        def after(): return "never"
        """,
        GET
        + """
    for path in ("/static/own", "/static/late", "/static/x", "/items", "/items/3", "/after"):
        get(path)
    get("/x/y")
    """,
        moved=("items", "item"),
    ),
    Trap(
        4,
        "dependency_overrides finds the function it was given",
        """
        from fastapi import Depends, FastAPI
        app = FastAPI()
        def get_db():
            return "real"
        def get_user(db: str = Depends(get_db)):
            return f"user of {db}"
        @app.get("/users/me")
        def me(user: str = Depends(get_user), db: str = Depends(get_db)):
            return [user, db]
        """,
        GET
        + """
    from main import app, get_db
    get("/users/me"); app.dependency_overrides[get_db] = lambda: "fake"; get("/users/me")
    """,
        moved=("get_db", "get_user", "me"),
        files={"test_main.py": "from main import app, get_db\n"},
    ),
    Trap(
        5,
        "a patched function is patched for every caller",
        """
        import time
        from fastapi import FastAPI
        app = FastAPI()
        LIMIT = 3
        def predict(x: int) -> str:
            return f"real {x}"
        def now() -> float:
            return time.time()
        @app.get("/now")
        def read_now(): return now()
        def twice(x: int) -> list[str]:
            return [predict(x), predict(x)]
        @app.get("/predict")
        def read(x: int = 1): return predict(x)
        @app.get("/twice")
        def read_twice(x: int = 1): return {"limit": LIMIT, "twice": twice(x)}
        """,
        """
    import subprocess
    done = subprocess.run(["warm-python", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "--tb=short", "test_main.py"], capture_output=True, text=True)
    print(done.stdout.split(" in ")[0])
    """,
        moved=("predict", "twice", "read", "LIMIT"),
        files={
            "test_main.py": """\
from unittest import mock

import main
from fastapi.testclient import TestClient
from main import app

client = TestClient(app)


def test_by_string(monkeypatch):
    monkeypatch.setattr("main.predict", lambda x: "fake")
    assert client.get("/predict").json() == "fake"
    assert client.get("/twice").json()["twice"] == ["fake", "fake"]


def test_by_object(monkeypatch):
    monkeypatch.setattr(main, "LIMIT", 9)
    assert client.get("/twice").json()["limit"] == 9


@mock.patch("main.predict", return_value="mock")
def test_by_decorator(predict):
    assert client.get("/predict").json() == "mock"


def test_by_patch_object():
    with mock.patch.object(main, "predict", return_value="mock"):
        assert client.get("/predict").json() == "mock"


def test_a_name_that_main_imports():
    with mock.patch("main.time") as clock:
        clock.time.return_value = 7
        assert client.get("/now").json() == 7


def test_by_assignment():
    before, main.LIMIT = main.LIMIT, 7
    assert client.get("/twice").json()["limit"] == 7
    main.LIMIT = before
"""
        },
    ),
    Trap(
        6,
        "a body model named in a string stays a body",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING, List
        from fastapi import FastAPI
        from pydantic import BaseModel
        if TYPE_CHECKING:
            from decimal import Decimal
        app = FastAPI()
        def total(items: List[Item]) -> Decimal:
            return sum(item.price for item in items)
        class Order(BaseModel):
            items: List["Item"]
            buyer: Buyer | None = None
        class Item(BaseModel):
            name: str
            price: float
        class Buyer(BaseModel):
            name: str
        @app.post("/orders")
        def order(body: Order) -> float:
            return total(body.items)
        @app.post("/items")
        def items(item: "Item") -> List[Item]:
            return [item]
        @app.post("/labels")
        def label(item: "Item"):
            return item.name
        """,
        """
    import json, main
    client = TestClient(main.app)
    print(json.dumps(main.app.openapi(), sort_keys=True))
    item = {"name": "a", "price": 2}
    print(client.post("/orders", json={"items": [item]}).text)
    print(client.post("/items", json=item).text, client.post("/labels", json=item).text)
    """,
        moved=("Order", "Item", "order", "items", "total"),
    ),
    Trap(
        7,
        "models that share a name keep their keys in the OpenAPI document",
        """
        from fastapi import FastAPI
        from pydantic import BaseModel
        app = FastAPI()
        class User(BaseModel):
            class Settings(BaseModel):
                dark: bool
            settings: Settings
        class Shop(BaseModel):
            class Settings(BaseModel):
                currency: str
            settings: Settings
        @app.post("/users")
        def user(body: User) -> User: return body
        @app.post("/shops")
        def shop(body: Shop) -> Shop: return body
        """,
        "import json, main; print(json.dumps(main.app.openapi(), sort_keys=True))",
        moved=("User", "Shop", "user", "shop"),
    ),
    Trap(
        8,
        "tags and prefix are given once",
        """
        from fastapi import APIRouter, FastAPI
        app = FastAPI()
        own = APIRouter(prefix="/own", tags=["own"])
        @own.get("/{number}", tags=["extra"])
        def own_item(number: int): return number
        @own.get("")
        def own_list(): return []
        app.include_router(own, prefix="/v1", tags=["v1"])
        @app.get("/api/v1/users", tags=["users"])
        def users(): return []
        @app.get("/api/v1/users/{number}", tags=["users"])
        def user(number: int): return number
        """,
        """
    import json, main
    print(json.dumps(main.app.openapi(), sort_keys=True))
    client = TestClient(main.app)
    print(client.get("/v1/own/3").text, client.get("/api/v1/users").text)
    """,
        moved=("own", "own_item", "users", "user"),
    ),
]
