"""Traps 23 to 28: circles, what exists on the application only, odd shapes of code, comments."""

from planted import Trap

TRAPS = [
    Trap(
        23,
        "functions that need the application cause no circle",
        """
        from contextlib import asynccontextmanager
        from fastapi import Depends, FastAPI, Request
        @asynccontextmanager
        async def lifespan(app: FastAPI):
            app.state.greeting = "hello"
            yield
        app = FastAPI(lifespan=lifespan)
        app.state.visits = 0
        def get_db(): return "db"
        def visit() -> int:
            app.state.visits += 1
            return app.state.visits
        @app.get("/visits")
        def visits(db: str = Depends(get_db)): return [visit(), db]
        @app.get("/greeting")
        def greeting(request: Request): return request.app.state.greeting
        @app.get("/urls")
        def urls(): return app.url_path_for("greeting")
        """,
        """
    import main
    with TestClient(main.app) as client:
        print([client.get(path).text for path in ("/visits", "/visits", "/greeting", "/urls")])
    """,
        moved=("lifespan", "get_db", "greeting"),
    ),
    Trap(
        24,
        "exception handlers and middleware stay on the application, in order",
        """
        from fastapi import FastAPI, HTTPException, Request
        from fastapi.responses import JSONResponse
        app = FastAPI()
        class Teapot(Exception):
            pass
        @app.middleware("http")
        async def outer(request: Request, call_next):
            answer = await call_next(request)
            answer.headers["x-order"] = answer.headers.get("x-order", "") + "outer"
            return answer
        @app.exception_handler(Teapot)
        @app.exception_handler(404)
        async def handle(request: Request, error: Exception):
            return JSONResponse({"error": type(error).__name__}, 418)
        @app.middleware("http")
        async def inner(request: Request, call_next):
            answer = await call_next(request)
            answer.headers["x-order"] = answer.headers.get("x-order", "") + "inner"
            return answer
        @app.get("/tea")
        def tea(): raise Teapot
        @app.get("/coffee")
        def coffee(): raise HTTPException(404)
        """,
        """
    import main
    client = TestClient(main.app)
    for path in ("/tea", "/coffee", "/nothing"):
        answer = client.get(path); print(answer.status_code, answer.text, answer.headers["x-order"])
    """,
        moved=("Teapot", "outer", "handle", "inner", "tea", "coffee"),
    ),
    Trap(
        25,
        "main:app is still what a server is told to run",
        """
        from fastapi import FastAPI
        server = FastAPI(title="one")
        app = FastAPI(title="two")
        @server.get("/one")
        def one(): return 1
        @app.get("/two")
        def two(): return 2
        """,
        """
    import importlib
    for name in ("app", "server"):
        found = importlib.import_module("main").__dict__[name]
        print(found.title, [TestClient(found).get(path).status_code for path in ("/one", "/two")])
    """,
        moved=("one", "two"),
        files={
            "Dockerfile": 'CMD ["uvicorn", "main:server"]\n',
            "use.py": "from main import server\n",
        },
    ),
    Trap(
        26,
        "stacked decorators, blocks, star imports and names bound twice",
        """
        from math import *
        import functools
        from fastapi import FastAPI
        try:
            import no_such_module_anywhere as fast
            FAST = True
        except ImportError:
            FAST = False
        try:
            import another_missing_one
        except ImportError:
            pass
        if FAST:
            ENGINE = "fast"
        else:
            ENGINE = "slow"
        with open(__file__) as file:
            LINES = len(file.read()) > 0
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return {"logged": function(*args, **kwargs)}
            return wrapper
        def make_app() -> FastAPI:
            made = FastAPI()
            @made.get("/made")
            def inside(): return ENGINE
            return made
        app = FastAPI()
        app.mount("/factory", make_app())
        scratch = [1, 2, 3]
        total = sum(scratch)
        del scratch
        @app.get("/a")
        @app.get("/b")
        @logged
        def both(): return [FAST, ENGINE, LINES, total, floor(pi)]
        def pick(): return "first"
        FIRST = pick()
        def pick(): return "second"
        @app.get("/pick")
        def read(): return [FIRST, pick()]
        @app.get("/twice")
        def same(): return 1
        @app.get("/twice/again")
        def same(): return 2
        report = {"a": 1}
        COPY = dict(report)
        @app.get("/report")
        def report(): return COPY
        @app.get("/missing")
        def missing(): return another_missing_one.x if FAST else "none"
        """,
        """
    import json, main
    client = TestClient(main.app)
    for path in ("/a", "/b", "/pick", "/twice", "/twice/again", "/missing", "/report"):
        print(client.get(path).text)
    print(client.get("/factory/made").text, json.dumps(main.app.openapi(), sort_keys=True))
    """,
        moved=("both", "read", "make_app", "ENGINE"),
    ),
    Trap(
        27,
        "class dependencies, generic models, Annotated aliases and names in strings",
        """
        from typing import Annotated, Generic, List, Optional, TypeVar
        from fastapi import Depends, FastAPI, Query
        from pydantic import BaseModel
        T = TypeVar("T")
        class Item(BaseModel):
            name: str
        class Page(BaseModel, Generic[T]):
            items: list[T]
            size: int
        class Paging:
            def __init__(self, size: int = 2, skip: int = 0):
                self.size, self.skip = size, skip
        Number = Annotated[int, Query(ge=1)]
        Paged = Annotated[Paging, Depends()]
        class Only(BaseModel):
            text: str
        app = FastAPI()
        @app.get("/items")
        def items(paging: Paged) -> Page[Item]:
            return Page[Item](items=[Item(name="x")] * paging.size, size=paging.size)
        @app.get("/only", response_model=List["Only"])
        def only(number: Number = 1): return [{"text": str(number)}]
        @app.get("/maybe", response_model=Optional["Only"])
        def maybe(): return None
        """,
        """
    import json, main
    client = TestClient(main.app, raise_server_exceptions=False)
    for path in ("/items", "/items?size=1", "/only?number=0", "/only?number=3", "/maybe"):
        print(client.get(path).text)
    try:
        print(json.dumps(main.app.openapi(), sort_keys=True))
    except Exception as error:
        print(type(error))
    """,
        moved=("Item", "Page", "Paging", "Only", "items", "only"),
    ),
    Trap(
        26,
        "two statements on one line both stay what they were",
        """
        import os; os.environ["SHOP"] = "tea"
        from fastapi import FastAPI
        NAME = os.environ["SHOP"]; app = FastAPI(); SIZE = 3
        @app.get("/shop")
        def shop(): return [NAME, SIZE]
        """,
        "import main; print(TestClient(main.app).get('/shop').text)",
        moved=("NAME", "SIZE", "shop"),
    ),
    Trap(
        28,
        "comments and banners travel with what they describe",
        '''
        """The app."""
        # Copyright Ann.

        # on the web
        import json  # for the labels
        from fastapi import (
            FastAPI,  # serves
            # says no
            HTTPException,
        )
        from pydantic import BaseModel

        # ==== Schemas ====

        # What is sold.
        class Item(BaseModel):
            name: str  # as on the label

        app = FastAPI()  # the app

        # ==== Items ====


        @app.get("/items")  # all of them
        def items():
            # none yet
            if json.dumps([]) == "": raise HTTPException(404)
            return []
        ''',
        """
    import pathlib
    texts = [path.read_text() for path in sorted(pathlib.Path(".").rglob("*.py"))]
    owners = {"# Copyright Ann.": "The app.", "# on the web": "import json",
              "# for the labels": "import json", "# serves": "import FastAPI",
              "# says no": "import APIRouter, HTTPException",
              "# ==== Schemas ====": "class Item", "# What is sold.": "class Item",
              "# as on the label": "class Item", "# ==== Items ====": "def items",
              "# all of them": "def items", "# none yet": "def items", "# the app": "FastAPI("}
    for comment, owner in owners.items():
        print(comment, [owner in text or len(texts) == 1 for text in texts if comment in text])
    """,
        moved=("Item", "items"),
    ),
]
