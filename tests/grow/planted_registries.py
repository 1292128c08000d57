"""Traps 9 to 16: what registers by name, by module or by being imported, and in which order."""

from planted import Trap

TRAPS = [
    Trap(
        9,
        "operation ids stay, whatever makes them",
        """
        from fastapi import FastAPI
        def operation_id(route) -> str:
            return f"{route.name}_{sorted(route.methods)[0].lower()}_{route.path_format}"
        app = FastAPI(generate_unique_id_function=operation_id)
        @app.get("/users")
        def users(): return []
        @app.get("/users/{name}")
        def user(name: str): return name
        @app.get("/shops", operation_id="all-shops")
        def shops(): return []
        @app.get("/shops/{name}", name="one shop")
        def shop(name: str): return name
        """,
        "import json, main; print(json.dumps(main.app.openapi(), sort_keys=True))",
        moved=("users", "shop"),
    ),
    Trap(
        10,
        "start-up events and lifespans all run, in order",
        """
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        events = []
        @asynccontextmanager
        async def inner_life(app):
            events.append("inner"); yield; events.append("inner end")
        app = FastAPI()
        inner = FastAPI(lifespan=inner_life)
        @app.on_event("startup")
        async def first(): events.append("first")
        @inner.get("/x")
        def x(): return events
        @app.on_event("startup")
        def second(): events.append("second")
        @app.on_event("shutdown")
        def last(): events.append("last")
        @app.get("/events")
        def read(): return events
        app.mount("/inner", inner)
        """,
        """
    import main
    with TestClient(main.app) as client:
        print(client.get("/events").text, client.get("/inner/x").text)
    print(main.events)
    """,
        moved=("first", "second", "last", "read", "x", "events"),
        files={"check.py": "from main import events\n"},
    ),
    Trap(
        11,
        "importing MAIN still brings every table",
        """
        from fastapi import FastAPI
        from sqlalchemy import Column, ForeignKey, Integer, Table, create_engine
        from sqlalchemy.orm import DeclarativeBase
        class Base(DeclarativeBase):
            pass
        engine = create_engine("sqlite://")
        users = Table("users", Base.metadata, Column("id", Integer, primary_key=True))
        audit = Table("audit", Base.metadata, Column("user", ForeignKey("users.id")))
        app = FastAPI()
        @app.get("/health")
        def health(): return "ok"
        """,
        """
    from main import Base, engine
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    print([(kind, table.name) for kind, table in found])
    """,
        moved=("Base", "users", "audit"),
        files={"env.py": "from main import Base, engine\n"},
    ),
    Trap(
        12,
        "an import that looks unused but registers something stays",
        """
        import json
        import os
        import plugins
        from plugins import extra
        from fastapi import FastAPI
        import registry
        app = FastAPI()
        @app.get("/plugins")
        def read(): return registry.NAMES
        """,
        "import main; print(TestClient(main.app).get('/plugins').text)",
        moved=("read",),
        files={
            "registry.py": "NAMES = []\n",
            "plugins/__init__.py": "import registry\nregistry.NAMES.append('plugins')\n",
            "plugins/extra.py": "import registry\nregistry.NAMES.append('extra')\n",
        },
    ),
    Trap(
        13,
        "a Celery task keeps its name",
        """
        from celery import Celery, shared_task
        from fastapi import FastAPI
        celery = Celery("jobs", broker="memory://")
        app = FastAPI()
        @celery.task
        def add(x, y): return x + y
        @celery.task(bind=True, max_retries=2)
        def fetch(self, url): return url
        @celery.task(name="named")
        def named(): return 1
        @shared_task
        def shared(): return 2
        @app.post("/jobs")
        def start(): return add.name
        """,
        """
    import main
    main.celery.finalize()
    print(sorted(name for name in main.celery.tasks if not name.startswith("celery.")))
    print(TestClient(main.app).post("/jobs").text, main.celery.tasks["main.add"](1, 2))
    """,
        moved=("celery", "add", "fetch", "shared", "start"),
    ),
    Trap(
        14,
        "loggers named by __name__ keep their name",
        """
        import logging
        from fastapi import FastAPI
        log = logging.getLogger(__name__)
        child = logging.getLogger(f"{__name__}.child")
        app = FastAPI()
        def work(): log.warning("working"); return work.__name__
        @app.get("/work")
        def read():
            child.error("reading")
            return work()
        """,
        """
    import logging, main
    logging.basicConfig(format="%(name)s %(message)s", stream=sys.stdout)
    logging.getLogger("main").setLevel("ERROR")
    print(TestClient(main.app).get("/work").text)
    """,
        moved=("log", "work", "read"),
    ),
    Trap(
        15,
        "effects at import run in the same order",
        """
        import os
        import sys
        print("begin")
        sys.path.insert(0, "vendored")
        import greeting
        os.environ["STAGE"] = "test"
        os.makedirs("data", exist_ok=True)
        with open("data/seed.txt", "w") as file:
            file.write(os.environ["STAGE"])
        from fastapi import FastAPI
        STAGE = os.getenv("STAGE")
        def read_seed() -> str:
            with open("data/seed.txt") as file:
                return file.read()
        SEED = read_seed()
        print("seed", SEED)
        os.environ["STAGE"] = "over"
        LATER = os.environ["STAGE"]
        app = FastAPI(title=greeting.TEXT)
        @app.get("/settings")
        def settings(): return [STAGE, SEED, LATER, greeting.TEXT]
        print("end", app.title)
        """,
        "import main; print(TestClient(main.app).get('/settings').text)",
        moved=("settings",),
        files={"vendored/greeting.py": "import os\nTEXT = os.getenv('STAGE', 'none')\n"},
    ),
    Trap(
        15,
        "a setting that depends on a call left behind is left with it",
        """
        from fastapi import FastAPI
        app = FastAPI()
        log = []
        def announce(text: str) -> int:
            log.append(text)
            return len(log)
        app.state.first = announce("first")
        SECOND = announce("second")
        @app.get("/order")
        def order(): return [SECOND, app.state.first, log]
        """,
        "import main; print(TestClient(main.app).get('/order').text)",
        moved=("log",),
        refused="the order of effects",
    ),
    Trap(
        16,
        "a spawned process runs the effects once, as before",
        """
        import multiprocessing
        from fastapi import FastAPI
        print("imported as", __name__)
        FACTOR = 3
        app = FastAPI()
        def work(x: int) -> int:
            return x * FACTOR
        @app.get("/work")
        def read(x: int) -> int:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.apply(work, (x,))
        if __name__ == "__main__":
            from fastapi.testclient import TestClient
            print(TestClient(app).get("/work?x=2").text)
        """,
        """
    import subprocess
    command = ["warm-python", "-W", "ignore", "main.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    print(sorted(line for line in done.stdout.splitlines() if "imported" not in line), done.stderr)
    print(done.stdout.count("imported"))
    """,
        moved=("work", "read"),
    ),
]
