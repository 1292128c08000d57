"""The tests of main.py: what every endpoint answers, refuses and records.

Answers are compared with scikit-learn called directly, records with the database read by another
client. Most tests talk to the app in this process, once without its worker (in place) and once with
it; what only a server can show is asked of servers that start while the first tests run. They use a
temporary SQLite file, or new schemas in the PostgreSQL database of TEST_DATABASE_URL.
"""
# ruff: noqa: S608  the SQL put together here holds nothing that came from outside

import ast
import asyncio
import contextlib
import ctypes
import functools
import hashlib
import http.client
import itertools
import json
import math
import multiprocessing
import os
import re
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import cloudpickle
import httpx
import joblib
import numpy as np
import pytest
import sklearn
from anyio.from_thread import start_blocking_portal
from fastapi.testclient import TestClient
from sklearn.datasets import load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, RidgeClassifier

HERE = Path(__file__).parent
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  needs no disk
FOLDER = Path(tempfile.mkdtemp(prefix="test_main-", dir=MEMORY)).resolve()
POSTGRESQL = os.environ.get("TEST_DATABASE_URL")
DEADLINE = 20  # seconds; long enough for a slow machine: whoever waits stops as soon as it can


# ── The database, by another client than main.py's ───────────────────────────────────────────────
def connect(url):
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        # By main.py's own library: two in one process undo each other's locks (howtocorrupt.html).
        return main.sqlite.connect(path, isolation_level=None, check_same_thread=False)
    import psycopg

    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


connected = functools.cache(connect)


def query(url, statement):
    found = connected(url).execute(statement)
    return found.fetchall() if found.description else []


schemas = []


def new_database(name):
    """The address of an empty database that nobody else uses."""
    if not POSTGRESQL:
        return f"sqlite:///{FOLDER / name}.db"
    schemas.append(f"test_main_{os.getpid()}_{name}")
    query(POSTGRESQL, f"CREATE SCHEMA {schemas[-1]}")
    return f"{POSTGRESQL}?options=-csearch_path%3D{schemas[-1]}"


def recorded(url, since=1):
    """The records from an id on, in the order of their ids, in the form of main.py's answers."""
    columns = "id, CAST(features AS text), species, CAST(probabilities AS text), model"
    rows = query(
        url, f"SELECT {columns}, classified_at FROM history WHERE id >= {since} ORDER BY id"
    )
    names = ["id", "features", "species", "probabilities", "model", "classified_at"]
    return [
        dict(zip(names, [i, json.loads(features), species, json.loads(p), *rest], strict=True))
        for i, features, species, p, *rest in rows
    ]


@contextlib.contextmanager
def locked(url):
    """While this lasts, nobody else can write to the database."""
    with contextlib.closing(connect(url)) as connection:
        connection.execute("BEGIN" if POSTGRESQL else "BEGIN IMMEDIATE")
        if POSTGRESQL:
            connection.execute("LOCK TABLE history IN EXCLUSIVE MODE")  # reading is allowed
        yield
        connection.execute("ROLLBACK")


# ── The app, in this process ─────────────────────────────────────────────────────────────────────
DATABASE = new_database("tests")
MODELS = FOLDER / "models"
MODELS.mkdir()
shutil.copy(HERE / "model.pkl", MODELS)
SETTINGS = ["MODEL_SHA256", "API_KEY", "MAX_PENDING", "HOST", "PORT"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in SETTINGS}
ENVIRONMENT |= {"DATABASE_URL": DATABASE, "MODEL_PATH": f"{MODELS / 'model.pkl'}"}
ENVIRONMENT |= {"WORKER_TIMEOUT": "1"}  # half of it is how long SQLite waits for a lock
ENVIRONMENT |= {"TZ": "AHEAD-13"}  # the times of records are in UTC wherever the server is
os.environ.clear()
os.environ.update(ENVIRONMENT)
getattr(time, "tzset", int)()  # Windows has none
import main  # noqa: E402  its settings are in the environment by now

main.settings.worker_timeout = DEADLINE  # a new worker first has to import scikit-learn
CLASSIFY, BATCH = "/model/classify", "/model/classify/batch"
HISTORY, LOAD = "/model/history", "/model/load"
MAX_ROWS, MAX_BODY = 10_000, 2 * 1024**2  # of a batch, in bytes
FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
FIELDS = list(FLOWER)
MODEL = (HERE / "model.pkl").read_bytes()
oracle = joblib.load(MODELS / "model.pkl")
FLOWERS = [dict(zip(FIELDS, row, strict=True)) for row in load_iris().data.tolist()]
JSON = {"Content-Type": "application/json"}


def check(response):
    """What holds for every answer: errors have one form, and each status is documented."""
    response.read()
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/json"
        assert list(response.json()) == ["detail"]
        assert response.json()["detail"]
        assert len(response.content) < 4000
        assert ("Retry-After" in response.headers) == (response.status_code == 503)
    assert not response.has_redirect_location
    path = re.sub("(?<=.)/$", "", response.request.url.path)
    for template, operations in main.app.openapi()["paths"].items():
        operation = operations.get(response.request.method.lower())
        if operation and re.fullmatch(re.sub("{.*?}", "[^/]+", template), path):
            assert f"{response.status_code}" in operation["responses"]


def checked(client):
    client.event_hooks = {"response": [check]}
    return client


@pytest.fixture(scope="session")
def with_worker(servers):
    return servers["with_worker"].result()


@pytest.fixture(scope="session")
def in_place():
    client = checked(TestClient(main.app, follow_redirects=False))
    with start_blocking_portal() as client.portal:  # else each request starts a thread of its own
        yield client


@pytest.fixture(scope="session", params=["in_place", "with_worker"])
def client(request):
    """In place first: meanwhile the worker imports scikit-learn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def unrecorded():
    """The test may record nothing."""
    count = "SELECT count(*), min(id), max(id) FROM history"
    before = query(DATABASE, count)
    yield
    assert query(DATABASE, count) == before


def parts():
    """The modules that the app consists of: main, and its package where it has grown one."""
    own = {"main", *(path.parent.name for path in HERE.glob("*/__init__.py"))}
    return [name for name in sys.modules if name.split(".")[0] in own]


@pytest.fixture(scope="session")
def another():
    """Starts the app again in this process, with settings of its own."""
    with contextlib.ExitStack() as stack:

        def start(folder=HERE, **settings):
            with pytest.MonkeyPatch.context() as patch:
                for name, value in settings.items():
                    patch.setenv(name, f"{value}")
                patch.syspath_prepend(folder)
                for name in parts():
                    patch.delitem(sys.modules, name)
                import main as module

            stack.callback(module.engine.dispose)
            return module

        yield start


@pytest.fixture(scope="session", autouse=True)
def clean():
    yield
    main.engine.dispose()
    for schema in schemas:
        query(POSTGRESQL, f"DROP SCHEMA {schema} CASCADE")
    shutil.rmtree(FOLDER)


# ── Servers of their own: all start together, and are waited for when they are needed ────────────
def end_with_the_tests():
    """Called in a new process: it is to end even if the tests are killed (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Server:
    """A server process with a model folder and a database of its own."""

    def __init__(self, name, *command, **settings):
        self.folder, self.url = FOLDER / name, new_database(name)
        self.folder.mkdir()
        put("model.pkl", MODEL, self.folder)
        self.log = self.folder / "log"
        files = {"DATABASE_URL": self.url, "MODEL_PATH": f"{self.folder / 'model.pkl'}"}
        self.environment = ENVIRONMENT | files | {"PORT": "0"} | settings
        if command or not FORKS:
            command = [sys.executable, *(command or ["main.py"])]
            with self.log.open("w") as log:
                self.process = subprocess.Popen(
                    command,
                    cwd=HERE,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    preexec_fn=end_with_the_tests,
                )
        else:
            self.process = multiprocessing.get_context("fork").Process(target=self.run)
            self.process.start()

    def run(self):
        """What `python main.py` does, but without its second of importing scikit-learn again."""
        end_with_the_tests()
        os.environ.update(self.environment)
        sys.stdout = sys.stderr = self.log.open("w", buffering=1)
        sys.argv = ["main.py"]
        for name in parts():
            del sys.modules[name]
        runpy.run_path(f"{HERE / 'main.py'}", run_name="__main__")

    def status(self, seconds=DEADLINE):
        """The status with which the process ended; None while it runs."""
        if isinstance(self.process, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            return self.process.returncode
        self.process.join(seconds)
        return self.process.exitcode

    def client(self, workers=1):
        """An HTTP client, as soon as the server answers."""

        def started():
            log = self.log.read_text() if self.log.exists() else ""
            assert self.status(0) is None, log
            return log.count("startup complete") == workers and re.search(r"(http://\S+:\d+)", log)

        found = wait_until(started)
        limits = httpx.Limits(max_keepalive_connections=0)
        return checked(httpx.Client(base_url=found[1], timeout=DEADLINE, limits=limits))

    def stop(self):
        if self.status(0) is None:
            self.process.terminate()
        try:
            return self.status()
        finally:
            if self.status(0) is None:
                self.process.kill()
                self.status()


def wait_until(condition):
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)  # between two looks
    return found


FORKS = sys.platform == "linux"
SERVERS = {
    "plain": lambda: Server("plain", "main.py", WORKER_TIMEOUT="10", MAX_PENDING="12"),
    "faulty": lambda: Server("faulty", WORKER_TIMEOUT="10", MAX_PENDING="12"),
    "hanging": lambda: Server("hanging", WORKER_TIMEOUT="4"),
    "bad_setting": lambda: Server("bad_setting", WORKER_TIMEOUT="soon"),
    "no_model": lambda: Server("no_model", MODEL_PATH="/there/is/none.pkl"),
}


@pytest.fixture(scope="session", autouse=True)
def servers(request, clean):
    """The servers that the chosen tests ask for."""
    main.engine.dispose()  # no connection may cross a fork
    wanted = {name for item in request.session.items for name in item.fixturenames}
    found = {name: start() for name, start in SERVERS.items() if name in wanted}
    with ThreadPoolExecutor() as threads, contextlib.ExitStack() as stack:
        for server in found.values():
            stack.callback(server.stop)
        if "hanging" in found:  # this one mostly waits: meanwhile the others run
            found["hanging"].answers = threads.submit(ask_what_hangs, found["hanging"])
        if {"client", "with_worker"} & wanted:
            client = checked(TestClient(main.app, follow_redirects=False))
            started = threads.submit(stack.enter_context, client)
            wait_until(lambda: started.done() or (main.worker and main.worker.process))
            found["with_worker"] = started
        yield found
        if "with_worker" in found:
            found["with_worker"].result()


@pytest.fixture(scope="session")
def plain(servers):
    with servers["plain"].client() as client:
        yield servers["plain"], client


@pytest.fixture(scope="session")
def faulty(servers):
    with servers["faulty"].client() as client:
        yield servers["faulty"], client


@pytest.fixture(scope="session")
def hanging(servers):
    return servers["hanging"]


@pytest.fixture(scope="session")
def bad_setting(servers):
    return servers["bad_setting"]


@pytest.fixture(scope="session")
def no_model(servers):
    return servers["no_model"]


# ── Models ───────────────────────────────────────────────────────────────────────────────────────
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # no model file needs this module
SPECIES = [f"Iris-{name}" for name in load_iris().target_names]


class Estimator:
    """What main.py asks of a classifier, and no more; it answers with the function it is given."""

    n_features_in_ = 4

    def __init__(self, predict_proba, classes=SPECIES):
        self.predict_proba, self.classes_ = predict_proba, np.array(classes)


def uniform(rows):
    return np.full((len(rows), 3), 1 / 3)


RAISES, KILLS, HANGS, BABBLES = 11, 12, 13, 14


def poisonous(rows):
    """Fails over any row that begins with one of the numbers above."""
    if RAISES in rows[:, 0]:
        raise FileNotFoundError("this flower is too much for me")  # as if the disk had failed
    if KILLS in rows[:, 0]:
        os._exit(1)
    if HANGS in rows[:, 0]:
        time.sleep(2 * DEADLINE)
    return babbles(rows) if BABBLES in rows[:, 0] else uniform(rows)


def babbles(rows):
    raise ValueError("\udcff" * 1000)


def not_a_number(rows):
    return uniform(rows) * math.nan


def too_few_columns(rows):
    return uniform(rows)[:, :2]


def too_few_rows(rows):
    return uniform(rows)[1:]


def not_summing_to_one(rows):
    return uniform(rows) * 1.1


def unchecked(rows):
    """Fails where scikit-learn would check what Pydantic has checked."""
    config = sklearn.get_config()
    assert config["assume_finite"] is config["skip_parameter_validation"] is True
    return uniform(rows)


def decimals(rows):
    return np.array([[Decimal("0.5"), Decimal("0.25"), Decimal("0.25")]] * len(rows))


def raises_no_text(rows):
    raise ValueError("a \ud800 it cannot say")


def never_answers(rows):
    time.sleep(2 * DEADLINE)


def exits(rows):
    os._exit(0)


def trained(count=4, names=None, classes=SPECIES):
    X, y = load_iris(return_X_y=True)
    model = LinearDiscriminantAnalysis().fit(X[:, :count], np.array(classes)[y])
    if names:
        model.feature_names_in_ = np.array(names, dtype=object)
    return model


def put(name, model, folder=MODELS):
    """Write a model, or the bytes of a file, to the model folder."""
    data = model if isinstance(model, bytes) else cloudpickle.dumps(model)
    (folder / name).write_bytes(data)
    return {"file": name}


@pytest.fixture
def restored(in_place):
    """The test may load other models: afterwards model.pkl is in use again."""
    yield
    shutil.copy(HERE / "model.pkl", MODELS)
    assert in_place.post(LOAD).status_code == 200


def flower(first):
    return FLOWER | {FIELDS[0]: first}


# ── Refused: nothing is recorded, and nothing that was sent comes back ───────────────────────────
def sent(value, field=FIELDS[0]):
    """A flower as JSON, one of whose values is the given text."""
    return json.dumps(FLOWER | {field: "?"}).replace('"?"', value).encode()


BAD_FLOWERS = {
    "a number in quotes": sent('"5.1"'),
    "true": sent("true"),
    "null": sent("null"),
    "a list of one number": sent("[5.1]"),
    "an object": sent('{"echo": 5.1}'),
    "the word echo": sent('"echo"'),
    "NaN": sent("NaN"),
    "Infinity": sent("Infinity"),
    "-Infinity": sent("-Infinity"),
    "1e999": sent("1e999"),
    "0": sent("0"),
    "0 in the last field": sent("0.0", FIELDS[3]),
    "a negative number": sent("-5.1"),
    "just above 100": sent("100.00000000000001"),
    "an integer of 400 digits": sent("7" * 400),
    "an integer of 5,000 digits": sent("7" * 5000),
    "a fraction of 100,000 digits above 100": sent("777." + "7" * 100_000),
    "a lone surrogate": sent(r'"\ud800echo"'),
    "a text of a million characters": sent('"' + "echo" * 250_000 + '"'),
    "a missing field": json.dumps({name: FLOWER[name] for name in FIELDS[1:]}).encode(),
    "an unknown field": json.dumps(FLOWER | {"Colour": "echo"}).encode(),
    "an unknown field with a lone surrogate for a name": json.dumps(
        FLOWER | {"\ud800": "echo"}
    ).encode(),
    "an unknown field with a name of a million characters": json.dumps(
        FLOWER | {"x" * 1_000_000: "echo"}
    ).encode(),
    "a thousand unknown fields": json.dumps(
        FLOWER | {f"Colour{n}": "echo" for n in range(1000)}
    ).encode(),
    "no field at all": b"{}",
    "a field named in small letters": sent("5.1").replace(b"Sepal", b"sepal"),
}
BAD_BODIES = BAD_FLOWERS | {
    "nothing": b"",
    "a word": b"echo",
    "half an object": json.dumps(FLOWER).encode()[:-1],
    "two objects": json.dumps(FLOWER).encode() * 2,
    "a comma too many": sent("5.1,"),
    "a string": b'"echo"',
    "a number": b"5.1",
    "JSON's null": b"null",
    "a list": b"[5.1, 3.5, 1.4, 0.2]",
    "a byte that is no UTF-8": sent('"echo\\xff"').replace(b"\\xff", b"\xff"),
    "a field name that is no UTF-8": sent("5.1").replace(b"Sepal", b"S\xff"),
    "a surrogate encoded as if it were UTF-8": sent('"?"').replace(b"?", b"\xed\xa0\x80"),
    "Latin-1": json.dumps({"é": "echo"}, ensure_ascii=False).encode("latin-1"),
    "lists nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "lists nested 100,000 deep in a field": sent("[" * 100_000 + "]" * 100_000),
    "objects nested 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "brackets that are opened and never closed": b"[" * 100_000,
}
BAD_BATCHES = {
    f"a batch with {name}": b"[%s,%s]" % (sent("5.1"), b) for name, b in BAD_FLOWERS.items()
}
BAD_BATCHES |= {
    "no list": sent("5.1"),
    "an empty list": b"[]",
    "a list of lists": b"[[5.1, 3.5, 1.4, 0.2]]",
    "10,001 flowers": b"[%s]" % b",".join([sent("5.1")] * (MAX_ROWS + 1)),
    "10,000 bad flowers": b"[%s]" % b",".join([sent('"echo"')] * MAX_ROWS),
    "lists nested 100,000 deep": BAD_BODIES["lists nested 100,000 deep"],
}


def refused(response):
    assert response.status_code == 422
    assert len(response.content) < 2000
    assert "echo" not in response.text
    assert "777" not in response.text
    detail = response.json()["detail"]
    assert isinstance(detail, str) or 1 <= len(detail) <= 10
    return detail


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_flower_is_refused(client, unrecorded, body):
    refused(client.post(CLASSIFY, content=body, headers=JSON))


@pytest.mark.parametrize("body", BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_a_bad_batch_is_refused(client, unrecorded, body):
    refused(client.post(BATCH, content=body, headers=JSON))


@pytest.mark.parametrize("value", ['"5.1"', "true", "NaN", "1e999", "0", "101", "9" * 400])
@pytest.mark.parametrize("field", FIELDS)
def test_the_fault_names_its_field(in_place, unrecorded, field, value):
    [fault] = refused(in_place.post(CLASSIFY, content=sent(value, field), headers=JSON))
    assert set(fault) == {"loc", "msg", "type"}
    assert fault["loc"] == ["body", field]


def test_the_fault_names_its_row_the_missing_and_the_unknown_field(in_place, unrecorded):
    bad = {name: FLOWER[name] for name in FIELDS[1:]} | {"Colour": "echo"}
    faults = refused(in_place.post(BATCH, json=[FLOWER, bad]))
    assert [[f"{part}" for part in fault["loc"]] for fault in faults] == [
        ["body", "1", FIELDS[0]],
        ["body", "1", "Colour"],
    ]


def test_what_cannot_be_parsed_is_told_so(in_place, unrecorded):
    detail = refused(in_place.post(CLASSIFY, content=b"[" * 100_000, headers=JSON))
    assert detail == "the body is not JSON in UTF-8, or nested too deeply"


def test_a_form_in_place_of_json_is_refused(client, unrecorded):
    refused(client.post(CLASSIFY, data={"SepalLengthCm": "echo"}))


def chunks(size):
    """A body sent in chunks: its size is not announced."""
    yield sent("5.1")
    for _ in range(size // 65536):
        yield b" " * 65536


@pytest.mark.parametrize("path", [CLASSIFY, BATCH, LOAD])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda: b" " * (MAX_BODY + 1), id="announced by Content-Length"),
        pytest.param(lambda: chunks(MAX_BODY), id="in chunks"),
    ],
)
def test_a_body_over_2_mib_is_refused(client, unrecorded, path, body):
    assert client.post(path, content=body(), headers=JSON).status_code == 413


def test_a_body_of_2_mib_is_accepted(client):
    body = sent("5.1").ljust(MAX_BODY)
    assert client.post(CLASSIFY, content=body, headers=JSON).status_code == 200


NO_QUERIES = {
    "a limit of 0": "limit=0",
    "a limit above 1,000": "limit=1001",
    "a limit that is no integer": "limit=1.5",
    "a limit of 5,000 digits": "limit=" + "7" * 5000,
    "a start before the first id": "before=0",
    "a negative start": "before=-1",
    "a start that is no number": "before=echo",
    "a start beyond 64 bits": "before=9223372036854775808",
    "a species with a NUL": "species=%00",
    "a species of a thousand characters": "species=" + "echo" * 250,
}


@pytest.mark.parametrize("text", NO_QUERIES.values(), ids=NO_QUERIES)
def test_a_bad_query_is_refused(in_place, text):
    [fault] = refused(in_place.get(f"{HISTORY}?{text}"))
    assert fault["loc"] == ["query", text.split("=")[0]]


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "echo", "1e3", "7" * 5000, str(2**63)])
def test_what_is_no_id_is_refused(in_place, number):
    refused(in_place.get(f"{HISTORY}/{number}"))


def test_an_unknown_id_is_404(client):
    for number in (2**31, 2**53 - 1):
        assert client.get(f"{HISTORY}/{number}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/echo", 404, None),
        ("GET", "/model/echo", 404, None),
        ("POST", "/model//classify", 404, None),
        ("GET", CLASSIFY, 405, "POST"),
        ("DELETE", HISTORY, 405, "GET"),
        ("PUT", "/model", 405, "GET"),
        ("POST", "/", 405, "GET"),
    ],
)
def test_what_is_not_there_is_refused_in_json_too(
    client, unrecorded, method, path, status, allowed
):
    response = client.request(method, path)
    assert response.status_code == status
    assert response.headers.get("Allow") == allowed
    assert "echo" not in response.text


# ── Classified, and recorded ─────────────────────────────────────────────────────────────────────
def agree(answers, flowers, model=oracle):
    """Whether the answers are scikit-learn's own."""
    rows = [[flower[name] for name in FIELDS] for flower in flowers]
    assert [a["species"] for a in answers] == [str(name) for name in model.predict(rows)]
    assert {tuple(a["probabilities"]) for a in answers} == {tuple(map(str, model.classes_))}
    found = [list(a["probabilities"].values()) for a in answers]
    assert np.allclose(found, model.predict_proba(rows), rtol=1e-6, atol=1e-12)
    return True


def test_a_flower_is_classified_as_scikit_learn_does_and_recorded(client):
    before = datetime.now(UTC)
    answer = client.post(CLASSIFY, json=FLOWER).json()
    assert list(answer) == ["id", "species", "probabilities", "model", "classified_at"]
    assert answer["species"] == "Iris-setosa"
    assert agree([answer], [FLOWER])
    assert answer["model"] == digest(MODELS / "model.pkl")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer["classified_at"])
    assert before <= datetime.fromisoformat(answer["classified_at"]) <= datetime.now(UTC)
    assert recorded(DATABASE, answer["id"]) == [answer | {"features": FLOWER}]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


GOOD_BODIES = {
    "whole numbers": (sent("5"), {FIELDS[0]: 5}),
    "exactly 100": (sent("100"), {FIELDS[0]: 100}),
    "the smallest number above 0": (sent("5e-324"), {FIELDS[0]: 5e-324}),
    "other order of fields": (json.dumps(dict(reversed(FLOWER.items()))).encode(), {}),
    "an escaped field name": (sent("5.1").replace(b"Sepal", rb"\u0053epal"), {}),
    "white space around it": (b" \n\t" + sent("5.1") + b"\r\n", {}),
}


@pytest.mark.parametrize(("body", "changed"), GOOD_BODIES.values(), ids=GOOD_BODIES)
def test_what_may_look_odd_is_accepted(in_place, body, changed):
    answer = in_place.post(CLASSIFY, content=body, headers=JSON).json()
    assert agree([answer], [FLOWER | changed])
    [record] = recorded(DATABASE, answer["id"])
    assert record["features"] == FLOWER | changed
    assert list(record["features"]) == FIELDS


def test_a_batch_is_answered_in_order_and_recorded(client):
    answers = client.post(BATCH, json=FLOWERS).json()
    assert agree(answers, FLOWERS)
    records = [a | {"features": f} for a, f in zip(answers, FLOWERS, strict=True)]
    assert recorded(DATABASE, answers[0]["id"]) == records
    assert len({answer["id"] for answer in answers}) == len(FLOWERS)


def test_a_batch_of_10000_is_accepted(with_worker):
    body = b"[%s]" % b",".join([sent("5.1")] * MAX_ROWS)
    answers = with_worker.post(BATCH, content=body, headers=JSON).json()
    [[count]] = query(DATABASE, f"SELECT count(*) FROM history WHERE id >= {answers[0]['id']}")
    assert len(answers) == count == MAX_ROWS
    query(DATABASE, f"DELETE FROM history WHERE id >= {answers[0]['id']}")


def test_flowers_that_arrive_together_each_get_their_own_answer(with_worker):
    def post(one):
        return with_worker.post(CLASSIFY, json=one).json()

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(post, FLOWERS[::3]))
    assert agree(answers, FLOWERS[::3])
    wanted = [a | {"features": f} for a, f in zip(answers, FLOWERS[::3], strict=True)]
    wanted.sort(key=lambda record: record["id"])
    assert recorded(DATABASE, wanted[0]["id"]) == wanted


def test_an_id_is_never_given_again(client):
    last = client.post(CLASSIFY, json=FLOWER).json()["id"]
    query(DATABASE, f"DELETE FROM history WHERE id >= {last}")
    assert client.get(f"{HISTORY}/{last}").status_code == 404
    assert client.post(CLASSIFY, json=FLOWER).json()["id"] > last
    ids = [answer["id"] for answer in client.post(BATCH, json=[FLOWER] * 3).json()]
    assert ids == sorted(set(ids))
    assert ids[0] > last + 1


def test_a_batch_that_cannot_be_recorded_whole_is_not_recorded_at_all(client, unrecorded):
    last = client.post(CLASSIFY, json=FLOWER).json()["id"]
    query(DATABASE, f"CREATE UNIQUE INDEX once ON history (model) WHERE id > {last}")
    try:
        assert client.post(BATCH, json=[FLOWER] * 3).status_code == 503
        assert len(recorded(DATABASE, last)) == 1
    finally:
        query(DATABASE, "DROP INDEX once")
        query(DATABASE, f"DELETE FROM history WHERE id >= {last}")


# ── History ──────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def two_models(in_place):
    in_place.post(BATCH, json=FLOWERS[::2])
    in_place.post(LOAD, json=put("reversed.pkl", trained(classes=SPECIES[::-1])))
    in_place.post(BATCH, json=FLOWERS[::3])
    in_place.post(LOAD)


@pytest.fixture
def records(two_models):
    """What the database holds, of two models and three species, newest first."""
    return recorded(DATABASE)[::-1]


def pages(client, **wanted):
    before = {}
    while before != {"before": None}:
        page = client.get(HISTORY, params=wanted | before).json()
        assert list(page) == ["items", "before"]
        yield page["items"]
        before = {"before": page["before"]}


@pytest.mark.parametrize("limit", [7, 100, 1000])
def test_pages_hold_every_record_once_newest_first(in_place, records, limit):
    found = list(pages(in_place, limit=limit))
    assert list(itertools.chain(*found)) == records
    assert {len(page) for page in found[:-1]} <= {limit}
    assert 0 < len(found[-1]) <= limit


def test_a_page_holds_100_records_unless_told(client, records):
    assert client.get(HISTORY).json() == {"items": records[:100], "before": records[99]["id"]}


def test_a_last_page_that_is_full_is_still_the_last(in_place, records):
    found = in_place.get(HISTORY, params={"limit": 5, "before": records[-6]["id"]}).json()
    assert found == {"items": records[-5:], "before": None}


def test_records_that_come_meanwhile_move_no_page(in_place, records):
    first, *rest = pages(in_place, limit=50, before=records[0]["id"])
    in_place.post(CLASSIFY, json=FLOWER)
    again = list(pages(in_place, limit=50, before=records[0]["id"]))
    assert again == [first, *rest]


def test_filters_choose_by_species_and_by_model(client, records):
    start = {"before": records[0]["id"] + 1, "limit": 1000}
    for species, model in itertools.product(
        [*SPECIES, None], {r["model"] for r in records} | {None}
    ):
        wanted = {k: v for k, v in {"species": species, "model": model}.items() if v}
        found = client.get(HISTORY, params=wanted | start).json()["items"]
        assert found == [r for r in records if r | wanted == r]
        assert found or len(wanted) == 2


@pytest.mark.parametrize(
    "wanted",
    [
        {"species": "Iris"},
        {"species": "iris-setosa"},
        {"species": "' OR 1=1 --"},
        {"model": "0" * 12},
        {"model": "' OR 1=1 --"},
        {"before": 1},
    ],
    ids=str,
)
def test_a_filter_that_fits_nothing_gives_an_empty_last_page(in_place, records, wanted):
    assert in_place.get(HISTORY, params=wanted).json() == {"items": [], "before": None}


def test_one_record_is_as_in_the_list(client, records):
    for record in (records[0], records[-1]):
        assert client.get(f"{HISTORY}/{record['id']}").json() == record


# ── What the app says of itself ──────────────────────────────────────────────────────────────────
def test_the_start_page_leads_everywhere(client):
    found = client.get("/").json()
    assert (found["name"], found["version"]) == (main.app.title, main.app.version)
    assert found["model"] == digest(MODELS / "model.pkl")
    assert {"/docs", "/redoc", *main.app.openapi()["paths"]} - {"/"} <= set(found["links"])


def test_the_health_says_how_many_requests_are_in_progress(in_place, monkeypatch):
    monkeypatch.setattr(main, "pending", 3)
    assert in_place.get("/health").json()["queue"] == 3


def test_the_health_is_asked_of_the_model_the_worker_and_the_database(client, unrecorded):
    model = digest(MODELS / "model.pkl")
    assert client.get("/health").json() == {
        "status": "ok",
        "model": model,
        "database": "ok",
        "worker": "ok",
        "queue": 0,
    }
    assert client.get("/health/live").status_code == 200


def test_the_health_is_bad_where_no_record_can_be_written(client, unrecorded):
    query(DATABASE, "ALTER TABLE history RENAME TO aside")  # all else can be written
    try:
        bad = client.get("/health")
    finally:
        query(DATABASE, "ALTER TABLE aside RENAME TO history")
    assert (bad.status_code, "history" in bad.json()["detail"]) == (503, True)
    assert client.get("/health").status_code == 200


def test_the_model_in_use_is_described(client):
    found = client.get("/model").json()
    assert list(found)[:4] == ["file", "model", "scikit_learn", "loaded_at"]
    assert (found["file"], found["model"]) == ("model.pkl", digest(MODELS / "model.pkl"))
    assert (found["features"], found["classes"]) == (FIELDS, SPECIES)
    assert found["scikit_learn"] == oracle.__getstate__()["_sklearn_version"]
    assert "model.pkl" in found["files"]
    rows = query(
        DATABASE, "SELECT file, sha256, loaded_at FROM activations ORDER BY id DESC LIMIT 10"
    )
    past = [
        (a["file"], a["model"], datetime.fromisoformat(a["loaded_at"]))
        for a in found["activations"]
    ]
    assert past == [(file, sha[:12], datetime.fromisoformat(at)) for file, sha, at in rows]


def test_every_file_that_is_offered_can_be_asked_for(in_place, tmp_path, restored):
    long = "long" * 62 + ".pkl"  # of 252 characters: a file system takes no more than 255
    written = [".hidden.pkl", "a (1).pkl", "lines\n.pkl", "line.pkl\n", "two words.pkl", long]
    for file in written:
        put(file, trained())
    put("model.pkl", trained(), tmp_path)
    (MODELS / "outside.pkl").symlink_to(tmp_path / "model.pkl")
    (MODELS / "a folder.pkl").mkdir()
    offered = in_place.get("/model").json()["files"]
    assert {"two words.pkl", long} <= {*offered}
    for file in [*written, "outside.pkl", "a folder.pkl"]:
        status = in_place.post(LOAD, json={"file": file}).status_code
        assert status in ((200, 409) if file in offered else (404, 422)), file


@pytest.mark.parametrize(
    "path", ["/", "/model", HISTORY, f"{HISTORY}/1", "/health", "/health/live"]
)
def test_a_trailing_slash_changes_nothing(client, path):
    client.post(CLASSIFY, json=FLOWER)
    plain = client.get(path)
    slash = client.get(path.rstrip("/") + "/")
    assert (plain.status_code, plain.json()) == (slash.status_code, slash.json())


@pytest.mark.parametrize(
    ("path", "body"), [(CLASSIFY, FLOWER), (BATCH, [FLOWER]), (LOAD, {"file": "model.pkl"})]
)
def test_a_trailing_slash_is_no_redirect_for_a_body_either(client, path, body):
    assert client.post(path + "/", json=body).status_code == 200


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
@pytest.mark.parametrize("root", ["", "/behind/a/proxy"])
def test_the_documentation_needs_no_internet(page, root):
    client = TestClient(main.app, root_path=root)
    html = client.get(root + page).text
    links = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)""", html)
    assert len(links) >= 3
    for link in links:
        assert link.startswith(f"{root}/")
        assert client.get(link).status_code == 200


def test_the_app_works_under_a_root_path():
    root = "/behind/a/proxy"
    client = TestClient(main.app, root_path=root, follow_redirects=False)
    assert client.get(f"{root}/openapi.json").json()["servers"] == [{"url": root}]
    for path in (CLASSIFY, root + CLASSIFY, f"{root}{CLASSIFY}/"):
        assert client.post(path, json=FLOWER).status_code == 200
    for path in (f"{root}/", root, f"{root}/model/", f"{root}{HISTORY}"):
        assert client.get(path).status_code == 200
    big = sent("5.1").ljust(MAX_BODY + 1)
    assert client.post(root + CLASSIFY, content=big, headers=JSON).status_code == 413


def example(schema):
    """The body that the documentation proposes for a schema."""
    if "$ref" in schema:
        return example(main.app.openapi()["components"]["schemas"][schema["$ref"].split("/")[-1]])
    if "examples" in schema:
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if schema["type"] == "array":
        return [example(schema["items"])]
    return {name: example(part) for name, part in schema["properties"].items()}


BODIES = {
    (method, path): operation["requestBody"]["content"]["application/json"]["schema"]
    for path, operations in main.app.openapi()["paths"].items()
    for method, operation in operations.items()
    if "requestBody" in operation
}


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_the_example_of_each_body_runs_as_it_stands(client, method, path):
    body = example(BODIES[method, path])
    assert client.request(method, path, json=body).status_code == 200


def test_three_endpoints_take_a_body():
    assert set(BODIES) == {("post", CLASSIFY), ("post", BATCH), ("post", LOAD)}


# ── API_KEY ──────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def locked_app(another):
    return another(API_KEY="open sésame")


KEY = {"X-API-Key": "open sésame".encode()}
WRONG_KEYS = {
    "no key": {},
    "an empty key": {"X-API-Key": ""},
    "a wrong key": {"X-API-Key": "open"},
    "a longer key": {"X-API-Key": KEY["X-API-Key"] + b"!"},
    "the key in another header": {"Authorization": KEY["X-API-Key"]},
}


@pytest.mark.parametrize("headers", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_nothing_of_the_model_is_open_without_the_key(locked_app, unrecorded, headers):
    client = checked(TestClient(locked_app.app))
    for path in ("/model", HISTORY, f"{HISTORY}/1", "/model/", "/model/echo"):
        assert client.get(path, headers=headers).status_code == 401
    for path, body in itertools.product(
        [CLASSIFY, BATCH, LOAD], [sent("5.1"), b"", b" " * 3_000_000]
    ):
        refused = client.post(path, content=body, headers=JSON | headers)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "ApiKey"
        assert refused.json() == {"detail": "send the API key as X-API-Key"}


def test_the_body_is_not_even_read_without_the_key(locked_app):
    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        messages.append(message)

    messages, scope = [], {"type": "http", "method": "POST", "path": CLASSIFY, "headers": []}
    asyncio.run(locked_app.app(scope, receive, send))
    assert messages[0]["status"] == 401


def test_the_key_opens_and_the_rest_is_open(locked_app):
    client = checked(TestClient(locked_app.app))
    for path in ("/", "/health", "/health/live", "/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 200
    assert client.post(CLASSIFY, json=FLOWER, headers=KEY).status_code == 200
    assert client.get("/model", headers=KEY).status_code == 200


def test_the_key_can_be_entered_in_the_documentation(locked_app):
    described = locked_app.app.openapi()
    [(name, scheme)] = described["components"]["securitySchemes"].items()
    assert scheme == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation.get("security") == (
                [{name: []}] if path.startswith("/model") else None
            )


# ── Loading a model: refused, and the one in use stays ───────────────────────────────────────────
BAD_NAMES = [
    "",
    ".pkl",
    ".skops",
    "model",
    "model.pickle",
    "model.pkl.zip",
    "../model.pkl",
    "/model.pkl",
    "./model.pkl",
    "models/model.pkl",
    "..\\model.pkl",
    "C:model.pkl",
    "model.pkl\n",
    "\nmodel.pkl",
    "model\x00.pkl",
    "\ud800.pkl",
    "m" * 300 + ".pkl",
    "~/model.pkl",
    "http://x/model.pkl",
    None,
    5,
    ["model.pkl"],
    {"file": "model.pkl"},
]


@pytest.fixture
def unloaded():
    """The test may load nothing."""
    before = query(DATABASE, "SELECT * FROM activations ORDER BY id")
    yield
    assert query(DATABASE, "SELECT * FROM activations ORDER BY id") == before


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_what_is_no_plain_name_of_a_model_file_is_refused(in_place, unloaded, name):
    body = json.dumps({"file": name}).encode()
    [fault] = refused(in_place.post(LOAD, content=body, headers=JSON))
    assert fault["loc"] == ["body", "file"]


@pytest.mark.parametrize("body", [b"echo", b"[]", b'"model.pkl"', b'{"path": "model.pkl"}', b"{"])
def test_what_asks_for_no_file_is_refused(client, unloaded, body):
    refused(client.post(LOAD, content=body, headers=JSON))


def test_a_file_that_is_not_in_the_folder_is_404(client, unloaded, tmp_path):
    put("model.pkl", trained(), tmp_path)
    (MODELS / "link.pkl").unlink(missing_ok=True)
    (MODELS / "link.pkl").symlink_to(tmp_path / "model.pkl")
    (MODELS / "folder.pkl").mkdir(exist_ok=True)
    (MODELS / "loop.pkl").unlink(missing_ok=True)
    (MODELS / "loop.pkl").symlink_to(MODELS / "loop.pkl")
    long = "\U00020000" * 95 + ".pkl"  # of more bytes than a file name can have
    for name in ("none.pkl", "none.skops", "link.pkl", "folder.pkl", "loop.pkl", long):
        assert client.post(LOAD, json={"file": name}).status_code == 404
    (MODELS / "loop.pkl").unlink()
    (MODELS / "link.pkl").unlink()
    (MODELS / "folder.pkl").rmdir()


VERSION = oracle.__getstate__()["_sklearn_version"]
OLDER = "0" + VERSION[1:]
X, Y = load_iris(return_X_y=True)
UNFIT = {
    "empty": (b"", ""),
    "damaged": (MODEL[: len(MODEL) // 2], ""),
    "no pickle": (b"echo" * 100, ""),
    "no estimator": ({"model": 1}, ""),
    "an estimator that is not trained": (LinearDiscriminantAnalysis(), ""),
    "a regression": (LinearRegression().fit(X, Y), ""),
    "without predict_proba": (RidgeClassifier().fit(X, Y), "predict_proba"),
    "trained on three features": (trained(3), FIELDS[0]),
    "trained on features of other names": (trained(names=list("abcd")), FIELDS[0]),
    "trained on the features in another order": (trained(names=FIELDS[::-1]), FIELDS[0]),
    "pickled by another scikit-learn": (MODEL.replace(VERSION.encode(), OLDER.encode()), OLDER),
    "of code that is not there": (b"cno_such_module\nModel\n.", "no_such_module"),
    "raising an exception": (Estimator(lambda rows: 1 / 0), "ZeroDivisionError"),
    "giving NaN": (Estimator(not_a_number), ""),
    "giving too few columns": (Estimator(too_few_columns), "(1, 2)"),
    "giving too few rows": (Estimator(too_few_rows), "(0, 3)"),
    "giving what does not sum to 1": (Estimator(not_summing_to_one), ""),
    "giving a negative probability": (Estimator(lambda rows: [[2, -1, 0]] * len(rows)), "-1"),
    "of two classes of one name": (Estimator(uniform, ["a", "b", "a"]), "'a', 'b', 'a'"),
    "of a class that is no text": (Estimator(uniform, ["a", "b", "c\ud800"]), "printable"),
    "raising what is no text": (Estimator(raises_no_text), "ValueError: a ? it cannot say"),
    "giving no numbers": (Estimator(lambda rows: [["echo"] * 3] * len(rows)), ""),
}


@pytest.mark.parametrize(("model", "reason"), UNFIT.values(), ids=UNFIT)
def test_a_model_that_does_not_fit_is_409(client, unloaded, model, reason):
    response = client.post(LOAD, json=put("unfit.pkl", model))
    assert response.status_code == 409
    assert "unfit.pkl" in response.json()["detail"]
    assert reason in response.json()["detail"]
    assert client.post(CLASSIFY, json=FLOWER).json()["model"] == digest(MODELS / "model.pkl")


def test_another_version_of_scikit_learn_is_named_with_ours(in_place, unloaded):
    model = MODEL.replace(VERSION.encode(), OLDER.encode())
    detail = in_place.post(LOAD, json=put("unfit.pkl", model)).json()["detail"]
    assert OLDER in detail
    assert VERSION in detail


def test_a_damaged_skops_file_is_409(in_place, unloaded):
    assert in_place.post(LOAD, json=put("unfit.skops", MODEL)).status_code == 409


def test_a_file_that_would_fill_the_memory_is_409(in_place, unloaded):
    with (MODELS / "huge.pkl").open("wb") as file:
        file.truncate(2**40)  # of zeros, which take no place on the disk
    assert "bytes" in in_place.post(LOAD, json={"file": "huge.pkl"}).json()["detail"]
    (MODELS / "huge.pkl").unlink()


def test_another_sha256_than_the_pinned_one_is_409(another):
    put("other.pkl", trained(classes=SPECIES[::-1]))
    pin = hashlib.sha256(MODEL).hexdigest()
    client = checked(TestClient(another(MODEL_SHA256=pin, DATABASE_URL=new_database("pinned")).app))
    response = client.post(LOAD, json={"file": "other.pkl"})
    assert response.status_code == 409
    assert pin in response.json()["detail"] or "MODEL_SHA256" in response.json()["detail"]
    assert client.get("/model").json()["file"] == "model.pkl"
    assert client.post(LOAD).status_code == 200


# ── Loading a model ──────────────────────────────────────────────────────────────────────────────
def test_a_loaded_model_answers_and_an_older_file_is_the_rollback(client, restored):
    model = trained(classes=SPECIES[::-1])
    loaded = client.post(LOAD, json=put("other.pkl", model)).json()
    assert loaded == client.get("/model").json()
    assert (loaded["file"], loaded["model"]) == ("other.pkl", digest(MODELS / "other.pkl"))
    assert abs(datetime.now(UTC) - datetime.fromisoformat(loaded["loaded_at"])).total_seconds() < 60
    answer = client.post(CLASSIFY, json=FLOWER).json()
    assert answer["model"] == loaded["model"]
    assert agree([answer], [FLOWER], model)
    assert client.get("/health").json()["model"] == loaded["model"]
    assert client.get("/").json()["model"] == loaded["model"]
    back = client.post(LOAD, json={"file": "model.pkl"}).json()
    assert [a["file"] for a in back["activations"][:2]] == ["model.pkl", "other.pkl"]
    assert agree([client.post(CLASSIFY, json=FLOWER).json()], [FLOWER])


@pytest.mark.parametrize("body", [{}, {"content": b"{}", "headers": JSON}], ids=["no", "an empty"])
def test_a_load_with_no_or_an_empty_body_takes_the_file_of_model_path(client, restored, body):
    client.post(LOAD, json=put("other.pkl", trained(classes=SPECIES[::-1])))
    assert client.post(LOAD, **body).json()["file"] == "model.pkl"


@pytest.mark.parametrize(
    "classes",
    [
        pytest.param(["one", 'two "%s"', "drei 🌸"], id="in letters of all kinds"),
        pytest.param([0, 1, 2], id="as integers"),
        pytest.param([False, True], id="as truth values"),
    ],
)
def test_other_classes_are_allowed(client, restored, classes):
    y = Y if len(classes) == 3 else Y == 0
    model = LinearDiscriminantAnalysis().fit(X, np.array(classes)[y.astype(int)])
    names = [str(name) for name in model.classes_]
    assert client.post(LOAD, json=put("classes.pkl", model)).json()["classes"] == names
    answer = client.post(CLASSIFY, json=FLOWER).json()
    assert agree([answer], [FLOWER], model)
    assert client.get(f"{HISTORY}/{answer['id']}").json() == answer | {"features": FLOWER}
    found = client.get(HISTORY, params={"species": answer["species"], "limit": 1}).json()["items"]
    assert found == [answer | {"features": FLOWER}] == recorded(DATABASE, answer["id"])


def test_a_model_may_count_in_decimals(client, restored):
    assert client.post(LOAD, json=put("decimals.pkl", Estimator(decimals))).is_success
    answer = client.post(CLASSIFY, json=FLOWER).json()
    assert answer["probabilities"] == dict(zip(SPECIES, [0.5, 0.25, 0.25], strict=True))
    assert answer["species"] == SPECIES[0]


def test_what_was_checked_is_not_checked_again_by_scikit_learn(in_place, restored):
    assert in_place.post(LOAD, json=put("unchecked.pkl", Estimator(unchecked))).is_success
    assert in_place.post(CLASSIFY, json=FLOWER).is_success


def test_of_what_a_model_raises_300_characters_are_told(client, restored, unrecorded):
    told = "ValueError: " + 300 * "?"
    refused = client.post(LOAD, json=put("babbles.pkl", Estimator(babbles)))
    assert refused.json()["detail"] == f"babbles.pkl is no classifier for this API: {told}"
    assert client.post(LOAD, json=put("poisonous.pkl", Estimator(poisonous))).is_success
    assert client.post(CLASSIFY, json=flower(BABBLES)).json()["detail"] == told


def test_a_skops_file_can_be_loaded(in_place, restored):
    import skops.io

    skops.io.dump(trained(classes=SPECIES[::-1]), MODELS / "model.skops")
    assert in_place.post(LOAD, json={"file": "model.skops"}).status_code == 200
    answer = in_place.post(CLASSIFY, json=FLOWER).json()
    assert agree([answer], [FLOWER], trained(classes=SPECIES[::-1]))


def test_a_file_whose_bytes_were_exchanged_classifies_nothing(
    in_place, with_worker, restored, unrecorded
):
    in_place.post(LOAD, json=put("other.pkl", trained(classes=SPECIES[::-1])))
    put("other.pkl", trained())  # the worker has not read the first one yet
    for response in (with_worker.post(CLASSIFY, json=FLOWER), with_worker.get("/health")):
        assert response.status_code == 503
        assert "other.pkl" in response.json()["detail"]


def test_what_another_machine_activates_is_used_at_once(client, restored):
    put("other.pkl", trained(classes=SPECIES[::-1]))
    client.post(LOAD, json={"file": "other.pkl"})
    client.post(LOAD)
    columns = "file, sha256, scikit_learn, classes, loaded_at, deployed"
    query(
        DATABASE,
        f"INSERT INTO activations ({columns}) SELECT {columns} FROM activations "
        "WHERE id = (SELECT max(id) FROM activations WHERE file = 'other.pkl')",
    )
    assert client.post(CLASSIFY, json=FLOWER).json()["model"] == digest(MODELS / "other.pkl")


def test_a_start_with_other_bytes_is_a_deploy_and_a_restart_is_none(another, tmp_path, caplog):
    url = new_database("deploys")
    put("model.pkl", MODEL, tmp_path)
    put("older.pkl", trained(classes=SPECIES[::-1]), tmp_path)

    def restart():
        caplog.clear()
        module = another(DATABASE_URL=url, MODEL_PATH=tmp_path / "model.pkl")
        client = checked(TestClient(module.app))
        client.get("/health")
        said = "the model is now (model|older).pkl, SHA-256 [0-9a-f]{12}"
        deploys.append(sum(bool(re.fullmatch(said, text)) for text in caplog.messages))
        return client

    deploys = []
    restart()
    client = restart()
    client.post(LOAD, json={"file": "older.pkl"})
    assert restart().get("/model").json()["file"] == "older.pkl"
    put("model.pkl", trained(), tmp_path)
    client = restart()
    assert client.get("/model").json()["model"] == digest(tmp_path / "model.pkl")
    assert client.get("/health").json()["model"] == digest(tmp_path / "model.pkl")
    assert deploys == [1, 0, 0, 1]
    files = [file for [file] in query(url, "SELECT file FROM activations ORDER BY id")]
    assert files == ["model.pkl", "older.pkl", "model.pkl"]


# ── Starting ─────────────────────────────────────────────────────────────────────────────────────
NO_START = {
    "a model path where no file is": ({"MODEL_PATH": "/there/is/none.pkl"}, "none.pkl"),
    "a file that is no model": ({"MODEL_PATH": f"{HERE / 'main.py'}"}, "main.py"),
    "a SHA-256 that is not the model's": ({"MODEL_SHA256": "a" * 64}, "MODEL_SHA256"),
    "a SHA-256 that is none": ({"MODEL_SHA256": "abc"}, "MODEL_SHA256"),
    "a database nobody listens for": (
        {"DATABASE_URL": "postgresql+psycopg://me:secret@127.0.0.1:1/x"},
        "database",
    ),
    "a database in no folder": ({"DATABASE_URL": "sqlite:////there/is/none.db"}, "none.db"),
    "a file that is no database": (
        {"DATABASE_URL": f"sqlite:///{MODELS / 'model.pkl'}"},
        "database",
    ),
    "a database of another kind": ({"DATABASE_URL": "mysql://me:secret@x/y"}, "DATABASE_URL"),
    "a database in memory": ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL"),
    "no room for a request": ({"MAX_PENDING": "0"}, "MAX_PENDING"),
    "a number of requests in words": ({"MAX_PENDING": "many"}, "MAX_PENDING"),
    "no time for the worker": ({"WORKER_TIMEOUT": "0"}, "WORKER_TIMEOUT"),
    "endless time for the worker": ({"WORKER_TIMEOUT": "inf"}, "WORKER_TIMEOUT"),
    "a port that is none": ({"PORT": "65536"}, "PORT"),
}


@pytest.mark.parametrize(("settings", "named"), NO_START.values(), ids=NO_START)
def test_a_start_that_cannot_succeed_ends_with_one_line(another, unloaded, settings, named):
    with pytest.raises(SystemExit) as ending:
        another(**settings)
    assert named in ending.value.code
    assert len(ending.value.code.splitlines()) == 1
    assert "secret" not in ending.value.code


def test_a_setting_that_is_empty_is_as_if_unset(another):
    assert another(API_KEY="", MAX_PENDING="", PORT="").settings.api_key is None


def test_a_model_of_your_own_needs_one_class_changed(another, tmp_path):
    wine = load_wine()
    model = LinearDiscriminantAnalysis().fit(wine.data, wine.target_names[wine.target])
    joblib.dump(model, tmp_path / "model.pkl")
    fields = [name.replace("/", "_") for name in wine.feature_names]
    rows = [dict(zip(fields, row, strict=True)) for row in wine.data.tolist()]
    for path in {HERE / "main.py", *(Path(sys.modules[name].__file__) for name in parts())}:
        copy = tmp_path / path.relative_to(HERE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    file = next(path for path in tmp_path.rglob("*.py") if "class Features(" in path.read_text())
    source = file.read_text().splitlines()
    features = next(
        part
        for part in ast.parse("\n".join(source)).body
        if isinstance(part, ast.ClassDef) and part.name == "Features"
    )
    own = [part for part in features.body if isinstance(part, ast.AnnAssign)]
    source[own[0].lineno - 1 : own[-1].end_lineno] = [
        f"    {name}: float = Field(examples=[{value}])" for name, value in rows[0].items()
    ]
    file.write_text("\n".join(source))
    url, path = new_database("wine"), tmp_path / "model.pkl"
    module = another(tmp_path, DATABASE_URL=url, MODEL_PATH=path)
    client = TestClient(module.app)
    answers = client.post(BATCH, json=rows).json()
    assert [a["species"] for a in answers] == model.predict(wine.data).tolist()
    assert [list(a["probabilities"].values()) for a in answers] == [
        pytest.approx(p, rel=1e-6, abs=1e-12) for p in model.predict_proba(wine.data).tolist()
    ]
    assert [record["features"] for record in recorded(url)] == rows
    assert client.post(CLASSIFY, json=FLOWER).status_code == 422


# ── The queue is bounded ─────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def three_places(another):
    return another(MAX_PENDING="3", DATABASE_URL=new_database("places")).app


@contextlib.asynccontextmanager
async def sending(client, count, size, rest=b""):
    """While this lasts, requests of which `size` bytes have arrived; their answers, afterwards."""
    arrived, on = asyncio.Barrier(count + 1), asyncio.Event()

    async def body():
        yield sent("5.1").ljust(size)
        await arrived.wait()
        await on.wait()
        yield rest

    requests = [client.post(CLASSIFY, content=body(), headers=JSON) for _ in range(count)]
    answers = asyncio.gather(*requests)
    await arrived.wait()
    yield answers
    on.set()
    await answers


def statuses(app, count, size, rest=b""):
    """What a whole request is answered while others are on their way, then what they are."""

    async def scenario():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            async with sending(client, count, size, rest) as answers:
                meanwhile = await client.post(CLASSIFY, json=FLOWER)
            return meanwhile.status_code, {r.status_code for r in await answers}

    return asyncio.run(scenario())


def test_bodies_that_have_hardly_begun_take_no_place(three_places):
    assert statuses(three_places, count=4, size=1000) == (200, {200})


def test_a_body_takes_a_place_for_each_16_kib_that_have_arrived(three_places):
    assert statuses(three_places, count=1, size=3 * 2**14 - 1) == (200, {200})
    assert statuses(three_places, count=1, size=3 * 2**14) == (503, {200})
    assert statuses(three_places, count=3, size=2**14, rest=b"?") == (503, {422})


# ── When the database fails ──────────────────────────────────────────────────────────────────────
@pytest.fixture
def no_history(with_worker):  # which has started: a start creates the tables that are not there
    query(DATABASE, "ALTER TABLE history RENAME TO away")
    yield
    query(DATABASE, "ALTER TABLE away RENAME TO history")


def test_without_its_table_nothing_is_acknowledged(client, unrecorded, no_history):
    for method, path, body in [
        ("POST", CLASSIFY, FLOWER),
        ("POST", BATCH, [FLOWER]),
        ("GET", HISTORY, None),
        ("GET", f"{HISTORY}/1", None),
    ]:
        response = client.request(method, path, json=body)
        assert response.status_code == 503
        assert "database" in response.json()["detail"]
    assert client.get("/health/live").status_code == 200


@pytest.fixture
def no_activations(with_worker):
    query(DATABASE, "ALTER TABLE activations RENAME TO away")
    yield
    query(DATABASE, "ALTER TABLE away RENAME TO activations")


def test_without_its_activations_nothing_is_answered(client, unrecorded, no_activations):
    for method, path in [
        ("GET", "/health"),
        ("GET", "/model"),
        ("POST", LOAD),
        ("GET", "/"),
    ]:
        response = client.request(method, path)
        assert response.status_code == 503
        assert "database" in response.json()["detail"]
    assert client.post(CLASSIFY, json=FLOWER).status_code == 503
    assert client.get("/health/live").status_code == 200


def test_a_database_that_another_client_locks_is_503(with_worker, unrecorded, monkeypatch):
    if POSTGRESQL:  # which lets wait for as long as it takes; SQLite gives up by itself
        monkeypatch.setattr(main.settings, "worker_timeout", 0.5)
    with locked(DATABASE):
        assert with_worker.post(CLASSIFY, json=FLOWER).status_code == 503
        assert with_worker.get(HISTORY).status_code == 200


if not POSTGRESQL:  # which has no file that somebody could delete

    def move(name, new):
        for path in FOLDER.glob(f"{name}.db*"):
            path.rename(path.with_name(path.name.replace(name, new)))

    def test_a_database_file_that_is_gone_is_503_until_it_is_back(another):
        client = checked(TestClient(another(DATABASE_URL=new_database("lent")).app))
        first = client.post(CLASSIFY, json=FLOWER).json()["id"]
        move("lent", "away")
        for _ in range(2):
            assert client.post(CLASSIFY, json=FLOWER).status_code == 503
            assert client.get(HISTORY).status_code == 503
            assert client.get("/health").status_code == 503
        for path in FOLDER.glob("lent.db*"):
            path.unlink()
        move("away", "lent")
        answer = wait_until(lambda: client.post(CLASSIFY, json=FLOWER).json().get("id"))
        assert answer > first
        assert client.get(f"{HISTORY}/{first}").status_code == 200

    def test_a_database_file_that_is_replaced_takes_what_is_acknowledged_from_then_on(another):
        url = new_database("replaced")
        client = checked(TestClient(another(DATABASE_URL=url).app))
        assert client.post(CLASSIFY, json=FLOWER).status_code == 200
        with contextlib.closing(connect(url)) as connection:
            connection.execute(f"VACUUM INTO '{FOLDER}/copy.db'")
        (FOLDER / "copy.db").replace(FOLDER / "replaced.db")
        for path in FOLDER.glob("replaced.db-*"):
            path.unlink()
        assert client.post(CLASSIFY, json=FLOWER).status_code == 503
        answer = wait_until(lambda: client.post(CLASSIFY, json=FLOWER).json().get("id"))
        assert [record["id"] for record in recorded(url)] == [1, answer]


# ── Servers ──────────────────────────────────────────────────────────────────────────────────────
def test_a_bad_setting_ends_the_server_at_once(bad_setting):
    assert bad_setting.status() == 1
    assert re.fullmatch(r".*WORKER_TIMEOUT=soon.*\n", bad_setting.log.read_text())


def test_a_missing_model_ends_the_server_at_once(no_model):
    assert no_model.status() == 1
    assert re.fullmatch(r".*none\.pkl.*\n", no_model.log.read_text())


def ask_what_hangs(server):
    """The answers of a server whose model hangs, and the seconds that each of them took."""
    put("hangs.pkl", Estimator(never_answers), server.folder)
    put("poisonous.pkl", Estimator(poisonous), server.folder)
    answers = []
    with server.client() as client:
        for path, body in [
            (LOAD, {"file": "hangs.pkl"}),
            (CLASSIFY, FLOWER),
            (LOAD, {"file": "poisonous.pkl"}),
            (CLASSIFY, flower(HANGS)),
            (CLASSIFY, FLOWER),
        ]:
            start = time.monotonic()
            answers.append((client.post(path, json=body), time.monotonic() - start))
    return answers


def test_a_model_that_hangs_fails_its_trial_after_two_seconds(hanging):
    (refused, seconds), (after, _), *_ = hanging.answers.result(DEADLINE)
    assert refused.status_code == 409
    assert seconds > 1.9
    assert "replaced: IncompleteReadError" in hanging.log.read_text()  # not WORKER_TIMEOUT's error
    assert (after.status_code, after.json()["species"]) == (200, "Iris-setosa")


def test_a_flower_over_which_the_model_hangs_is_503_after_worker_timeout(hanging):
    *_, (refused, seconds), (after, _) = hanging.answers.result(DEADLINE)
    assert refused.status_code == 503
    assert 3.9 < seconds < 15
    assert after.status_code == 200
    last = recorded(hanging.url)[-1]
    assert last == after.json() | {"features": FLOWER}
    assert flower(HANGS) not in [record["features"] for record in recorded(hanging.url)]


def test_where_threads_run_the_worker_is_spawned(with_worker):
    assert with_worker.post(CLASSIFY, json=FLOWER).is_success
    assert type(main.worker.process).__name__ == "SpawnProcess"


if FORKS:

    def test_a_worker_that_hung_is_gone_and_a_fork_takes_its_place(hanging):
        hanging.answers.result(DEADLINE)
        server, left = Path(f"/proc/{hanging.process.pid}"), []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # a process that has just ended
                status = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                if status[0] != b"Z" and status[1] == server.name.encode():
                    left.append((folder / "cmdline").read_bytes())
        assert left == [(server / "cmdline").read_bytes()]  # the last of three


def test_only_the_culprits_of_a_batch_fail_and_the_queue_is_bounded(faulty):
    server, client = faulty
    full = threading.Event()

    def send(features):
        while True:
            response = client.post(CLASSIFY, json=features)
            if response.status_code != 503 or "in progress" not in response.text:
                return response
            assert response.headers["Retry-After"] == "1"
            full.set()

    assert client.post(
        LOAD, json=put("poisonous.pkl", Estimator(poisonous), server.folder)
    ).is_success
    flowers = [flower(RAISES), *FLOWERS[:6], flower(KILLS), *FLOWERS[6:11], flower(RAISES)]
    with ThreadPoolExecutor(len(flowers)) as threads:
        with locked(server.url):  # two more than MAX_PENDING: as long as this lasts, it is full
            futures = [threads.submit(send, one) for one in flowers]
            assert full.wait(DEADLINE)
        answers = [future.result(DEADLINE) for future in futures]
    good = [one[FIELDS[0]] not in (RAISES, KILLS) for one in flowers]
    assert [answer.status_code for answer in answers] == [200 if well else 503 for well in good]
    wanted = [
        a.json() | {"features": f} for a, f in zip(answers, flowers, strict=True) if f in FLOWERS
    ]
    assert recorded(server.url) == sorted(wanted, key=lambda record: record["id"])
    assert "FileNotFoundError" in answers[0].json()["detail"]
    assert "database" not in answers[0].json()["detail"]


def test_a_batch_with_a_culprit_is_recorded_not_at_all(faulty):
    server, client = faulty
    before = recorded(server.url)
    assert client.post(BATCH, json=[FLOWER, flower(RAISES), FLOWER]).status_code == 503
    assert recorded(server.url) == before


def test_a_server_whose_worker_has_just_died_ends_well(faulty):
    server, client = faulty
    assert client.post(CLASSIFY, json=flower(KILLS)).status_code == 503
    assert server.stop() == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    assert re.search(
        r" the worker died or hung and is replaced: IncompleteReadError\(.*\)$", log, re.M
    )


def test_a_model_that_ends_its_process_is_409_and_a_new_worker_answers(plain):
    server, client = plain
    assert (
        client.post(LOAD, json=put("exits.pkl", Estimator(exits), server.folder)).status_code == 409
    )
    assert client.get("/model").json()["file"] == "model.pkl"
    assert client.post(CLASSIFY, json=FLOWER).status_code == 200


def test_a_body_over_2_mib_is_refused_by_a_server_too(plain):
    server, client = plain
    before = recorded(server.url)
    for body in (b" " * (MAX_BODY + 1), chunks(MAX_BODY)):
        assert client.post(CLASSIFY, content=body, headers=JSON).status_code == 413
    assert client.post(CLASSIFY, content=chunks(65536), headers=JSON).status_code == 200
    assert len(recorded(server.url)) == len(before) + 1


HEAD = b"POST /model/classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
HEAD += b"Content-Length: %d\r\n\r\n"


def test_a_connection_stays_open_and_in_order_when_some_of_it_is_refused(plain):
    server, client = plain
    body, live = sent("5.1"), b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
    head = HEAD % len(body)
    refused, alive = (503, "too much is in progress"), (200, "ok")
    before, address = len(recorded(server.url)), (client.base_url.host, client.base_url.port)

    def ask(stream, *requests):
        stream.write(b"".join(requests))
        stream.flush()

    def answer(stream):
        status = int(stream.readline().split()[1])
        headers = http.client.parse_headers(stream)
        found = json.loads(stream.read(int(headers["Content-Length"])))
        assert headers["Retry-After"] == ("1" if status == 503 else None)
        return status, found.get("detail", found.get("status", found.get("species")))

    with (
        socket.create_connection(address, DEADLINE) as one,
        socket.create_connection(address, DEADLINE) as two,
        one.makefile("rwb") as first,
        two.makefile("rwb") as second,
        ThreadPoolExecutor(13) as threads,
    ):
        for stream in (first, second):  # only a later request is refused without FastAPI
            ask(stream, live)
            assert answer(stream) == alive
        with locked(server.url):
            others = [threads.submit(client.post, CLASSIFY, json=FLOWER) for _ in range(13)]
            assert next(as_completed(others)).result().status_code == 503  # MAX_PENDING is 12
            ask(first, head, body, live, head, body, head, body, live)
            assert [answer(first) for _ in range(5)] == [refused, alive, refused, refused, alive]
            ask(first, head)
            assert answer(first) == refused  # before its body has come
            ask(first, body, live)
            assert answer(first) == alive
            ask(first, live.replace(b"GET /health/live", b"HEAD /model"), live)
            assert b" 503 " in first.readline()
            assert "Retry-After" in http.client.parse_headers(first)  # and it has no body
            assert answer(first) == alive
            ask(second, head.replace(b"Host: a", b"Connection: close"), body)
            assert answer(second) == refused
            assert not second.read()
        assert sorted(other.result().status_code for other in others) == 12 * [200] + [503]
        ask(first, head, body)
        assert answer(first) == (200, "Iris-setosa")
    assert len(recorded(server.url)) == before + 13


if hasattr(signal, "SIGSTOP"):  # as on all but Windows

    @contextlib.contextmanager
    def used_connections(client, count):
        """As many sockets, and the streams of what they answer, each after two requests."""
        address, body = (client.base_url.host, client.base_url.port), sent("5.1")
        opened = (socket.create_connection(address, DEADLINE) for _ in range(count))
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(one) for one in opened]
            streams = [stack.enter_context(one.makefile("rb")) for one in sockets]
            for one, stream in zip(sockets * 2, streams * 2, strict=True):
                one.sendall(HEAD % len(body) + body)
                assert answer(stream) == (200, True)
            yield sockets, streams

    def send_at_once(server, sockets, bodies):
        """One by each socket; the server, which stands still meanwhile, finds all in one turn."""
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            for one, body in zip(sockets, bodies, strict=True):
                one.sendall(HEAD % len(body) + body)
        finally:  # or nothing could end it in peace
            os.kill(server.process.pid, signal.SIGCONT)

    def answer(stream):
        status, headers = int(stream.readline().split()[1]), http.client.parse_headers(stream)
        stream.read(int(headers["Content-Length"]))
        return status, "Date" in headers  # which uvicorn adds to all that comes from the app

    def test_of_two_that_arrive_at_once_only_the_culprit_fails(plain):
        server, client = plain
        poison = put("poisonous.pkl", Estimator(poisonous), server.folder)
        assert client.post(LOAD, json=poison).is_success
        with used_connections(client, 2) as (sockets, streams):
            bodies = [json.dumps(one).encode() for one in (flower(RAISES), FLOWER)]
            send_at_once(server, sockets, bodies)
            assert [answer(stream) for stream in streams] == [(503, True), (200, True)]
        assert client.post(LOAD).is_success

    def test_of_what_arrives_at_once_what_has_no_place_is_refused_unparsed(plain):
        server, client = plain
        with used_connections(client, 30) as (sockets, streams):
            with locked(server.url):
                send_at_once(server, sockets, 30 * [sent("5.1")])
                # 12 have places; the others are answered while those wait for the database.
                wait_until(lambda: len(select.select(sockets, [], [], 0)[0]) == 18)
            answers = Counter(answer(stream) for stream in streams)
        assert answers == {(200, True): 12, (503, False): 18}


def test_sigterm_lets_it_record_and_answer_all_that_waits(plain):
    server, client = plain
    before = len(recorded(server.url))
    with ThreadPoolExecutor(14) as threads:
        with locked(server.url):
            futures = [threads.submit(client.post, CLASSIFY, json=one) for one in FLOWERS[:14]]
            wait_until(lambda: sum(future.done() for future in futures) == 2)  # 12 are in progress
            server.process.terminate()
            wait_until(lambda: refuses_connections(client))
        answers = [future.result(DEADLINE) for future in futures]
    assert server.status() == 0
    answered = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(answered) == 12
    ids = [record["id"] for record in recorded(server.url)[before:]]
    assert ids == sorted(answer["id"] for answer in answered)
    assert "Traceback" not in server.log.read_text()


def refuses_connections(client):
    with contextlib.closing(socket.socket()) as one:
        return one.connect_ex((client.base_url.host, client.base_url.port)) != 0
