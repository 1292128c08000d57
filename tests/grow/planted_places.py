"""Traps 17 to 22: when routes are added, where files are, what is imported twice."""

from planted import Trap

TRAPS = [
    Trap(
        17,
        "a route added after include_router is served as before",
        """
        from fastapi import APIRouter, FastAPI
        app = FastAPI()
        router = APIRouter(prefix="/users")
        @router.get("")
        def users(): return []
        app.include_router(router)
        @router.get("/late")
        def late(): return "late"
        @app.get("/users/{name}")
        def user(name: str): return "user " + name
        """,
        """
    import main
    client = TestClient(main.app)
    for path in ("/users", "/users/late", "/users/ann"): print(path, client.get(path).text)
    """,
        moved=("user",),
    ),
    Trap(
        18,
        "code that walks app.routes sees the same",
        """
        from fastapi import FastAPI
        from fastapi.routing import APIRoute
        app = FastAPI()
        @app.get("/users")
        def users(): return []
        @app.get("/users/{name}")
        def user(name: str): return name
        for route in app.routes:
            if isinstance(route, APIRoute):
                route.operation_id = f"op_{route.name}"
        """,
        "import json, main; print(json.dumps(main.app.openapi(), sort_keys=True))",
        refused="openapi: /paths//users",
    ),
    Trap(
        19,
        "paths made from __file__ point where they did",
        """
        import os
        from os.path import dirname
        from pathlib import Path
        from fastapi import FastAPI
        HERE = Path(__file__).parent
        ROOT = Path(__file__).resolve().parent
        ABOVE = Path(__file__).resolve().parents[0]
        OLD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
        SHORT = dirname(__file__)
        WORKING = Path("data") / "file"
        SELF = Path(__file__).name
        app = FastAPI()
        @app.get("/paths")
        def paths():
            here = Path(__file__).with_suffix(".txt").name
            return [str(HERE), str(ROOT), str(ABOVE), OLD, SHORT, str(WORKING), SELF, here]
        """,
        """
    import main, os
    print(TestClient(main.app).get("/paths").text.replace(os.getcwd(), "<here>"))
    """,
        moved=("HERE", "OLD", "paths"),
    ),
    Trap(
        20,
        "a pickle that names main.Scaler still loads",
        """
        import pickle
        from fastapi import FastAPI
        class Scaler:
            def __init__(self, by: float):
                self.by = by
            def __call__(self, x: float) -> float:
                return x * self.by
        def double(x: float) -> float:
            return 2 * x
        app = FastAPI()
        @app.get("/scale")
        def scale(x: float) -> list[float]:
            with open("model.pkl", "rb") as file:
                scaler, function = pickle.load(file)
            return [scaler(x), function(x)]
        """,
        r"""
    import main
    with open("model.pkl", "wb") as file:  # what a pickle of before the move holds
        file.write(b"(cmain\nScaler\n(F3.0\ntRcmain\ndouble\nt.")
    print(TestClient(main.app).get("/scale?x=2").text)
    """,
        moved=("Scaler", "double", "scale"),
    ),
    Trap(
        20,
        "a pickle that another program reads still finds its class in MAIN",
        """
        from fastapi import FastAPI
        class Scaler:
            def __init__(self, by: float):
                self.by = by
            def __call__(self, x: float) -> float:
                return x * self.by
        app = FastAPI()
        @app.get("/scale")
        def scale(x: float) -> float:
            return Scaler(3)(x)
        """,
        r"""
    import pickle
    print(pickle.loads(b"cmain\nScaler\n(F3.0\ntR.")(2))
    """,
        moved=("Scaler", "scale"),
    ),
    Trap(
        21,
        "python main.py serves one state, with tables defined once",
        """
        import uvicorn
        from fastapi import FastAPI
        from sqlmodel import Field, SQLModel
        class Hero(SQLModel, table=True):
            id: int | None = Field(default=None, primary_key=True)
            name: str
        heroes: list[Hero] = []
        app = FastAPI()
        @app.post("/heroes")
        def create(hero: Hero):
            heroes.append(hero)
            return len(heroes)
        @app.get("/heroes")
        def read(): return heroes
        if __name__ == "__main__":
            uvicorn.run(app, host="127.0.0.1", port=PORT)
        """,
        """
    import socket, subprocess, time, urllib.request, pathlib
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0)); port = free.getsockname()[1]
    text = pathlib.Path("main.py").read_text()
    pathlib.Path("main.py").write_text(text.replace("PORT", str(port)))
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(["warm-python", "main.py"], **quiet)
    url = f"http://127.0.0.1:{port}/heroes"
    try:
        until = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(url).read(); break
            except OSError:
                if server.poll() is not None or time.monotonic() > until: raise
        body = urllib.request.Request(url, b'{"name": "x"}', {"content-type": "application/json"})
        print(urllib.request.urlopen(body).read(), urllib.request.urlopen(url).read())
    finally:
        server.terminate(); server.wait()
    """,
        moved=("Hero", "heroes", "create"),
    ),
    Trap(
        22,
        "relationships named in strings find their models",
        """
        from typing import List, Optional
        from fastapi import Depends, FastAPI
        from sqlalchemy.pool import StaticPool
        from sqlmodel import Field, Relationship, Session, SQLModel, create_engine, select
        class Team(SQLModel, table=True):
            id: Optional[int] = Field(default=None, primary_key=True)
            name: str
            heroes: List["Hero"] = Relationship(back_populates="team")
        class Hero(SQLModel, table=True):
            id: Optional[int] = Field(default=None, primary_key=True)
            name: str
            team_id: Optional[int] = Field(default=None, foreign_key="team.id")
            team: Optional["Team"] = Relationship(back_populates="heroes")
        engine = create_engine("sqlite://", poolclass=StaticPool,
                               connect_args={"check_same_thread": False})
        SQLModel.metadata.create_all(engine)
        def session():
            with Session(engine) as found:
                yield found
        app = FastAPI()
        @app.post("/teams")
        def team(name: str, db: Session = Depends(session)) -> int:
            made = Team(name=name, heroes=[Hero(name="x")])
            db.add(made); db.commit()
            return made.id
        @app.get("/heroes")
        def heroes(db: Session = Depends(session)) -> list[str]:
            return [f"{hero.name} of {hero.team.name}" for hero in db.exec(select(Hero))]
        """,
        """
    import main
    client = TestClient(main.app)
    print(client.post("/teams?name=a").text, client.get("/heroes").text)
    """,
        moved=("Team", "Hero", "engine", "session", "team", "heroes"),
    ),
]
