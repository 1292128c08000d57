"""The tests of main.py that need nothing but Python.

Most talk to the app in this process; its tasks run in place (Celery's task_always_eager). What
only real processes can show is asked of the embedded default: a server and its worker, started
as the README says. Species and probabilities are compared with scikit-learn called directly,
rows and cells with Python's csv module.
"""

import contextlib
import csv
import gzip
import io
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import joblib
import jwt
import pytest
import sqlalchemy as sql
from fastapi.testclient import TestClient
from sklearn.datasets import load_iris

HERE = Path(__file__).parent
SHM = "/dev/shm"  # noqa: S108  in memory, where there is such a folder: nothing here must last
PLACE = tempfile.TemporaryDirectory(prefix="test_jobs-", dir=SHM if Path(SHM).is_dir() else None)
FOLDER = Path(PLACE.name)
os.environ.update(
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{FOLDER}/jobs.db",
    BROKER_URL="filesystem://localhost",
    STORAGE_URL=f"{FOLDER}/files",
    SECRET_KEY="of the tests, and of nothing else at all",
    CHUNK_ROWS="40",
    MODEL_PATH=f"{HERE / 'model.pkl'}",
)
from processes import environment, folder, serve, wait_until  # noqa: E402

import main  # noqa: E402  its settings are in the environment by now

mail = FOLDER / "mail"
mail.mkdir()
folders = dict.fromkeys(["data_folder_in", "data_folder_out", "control_folder"], str(mail))
main.celery.conf.update(
    task_always_eager=True, broker_transport_options=folders | {"polling_interval": 0.01}
)
FEATURES = main.FEATURES
HEADER = ",".join(FEATURES)
oracle = joblib.load(HERE / "model.pkl")
iris = load_iris()
flowers_known = [
    f"{','.join(map(str, row))},Iris-{iris.target_names[label]}"
    for row, label in zip(iris.data, iris.target, strict=True)
]
REFERENCE = "\n".join([f"{HEADER},species", *flowers_known, ""]).encode()
JOBS, PASSWORD = "/api/v1/jobs", "correct horse"
names = (f"user{number}" for number in range(10**6))


def check(response):
    """What holds for every answer: an error has one form, a 503 says when to come again."""
    response.read()
    if response.status_code >= 400 and response.text != "Content Too Large":  # Starlette's own
        assert list(response.json()) == ["detail"]
        assert ("Retry-After" in response.headers) == (response.status_code == 503)
    assert not response.has_redirect_location


def token(key=main.KEY, **claims):
    life = main.datetime.now(main.UTC) + timedelta(hours=1)
    return jwt.encode({"sub": "1", "exp": life} | claims, key, "HS256")


def client_of(name, password_hash):
    """A client signed in as a new user."""
    with main.DatabaseSession.begin() as session:
        user = main.User(name=name, password_hash=password_hash)
        session.add(user)
        session.flush()
        headers = {"Authorization": f"Bearer {token(sub=str(user.id))}"}
    client = TestClient(main.app, headers=headers, raise_server_exceptions=False)
    client.event_hooks = {"response": [check]}
    client.name = name
    return client


def sign_in(client, name, password=PASSWORD):
    return client.post("/api/v1/token", data={"username": name, "password": password})


@pytest.fixture(scope="module")
def hashed():
    return main.passwords.hash(PASSWORD)


@pytest.fixture
def client(hashed):
    """A client signed in as a user who has no jobs yet."""
    return client_of(f"{os.getpid()}-{next(names)}", hashed)


def post(client, data, **headers):
    return client.post(JOBS, files={"file": ("flowers.csv", data)}, headers=headers)


def send(client, data):
    """The job, which has ended: its tasks ran in place."""
    answer = post(client, data)
    assert answer.status_code == 202, answer.json()
    return client.get(answer.headers["Location"]).json()


def result(client, job, part="result"):
    return client.get(f"{JOBS}/{job['id']}/{part}").content


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def expected(row):
    """Species and probabilities of a row, by scikit-learn."""
    [found] = oracle.predict_proba([[float(row[name]) for name in FEATURES]])
    return [oracle.classes_[found.argmax()], *(f"{p:.6g}" for p in found)]


def appended(row):
    return list(row.values())[-4:]


# ── The result ───────────────────────────────────────────────────────────────────────────────────
def test_species_and_probabilities_are_those_of_scikit_learn_in_the_order_of_the_input(client):
    job = send(client, REFERENCE)
    found = rows_of(result(client, job))
    assert (job["state"], job["rows"], job["rows_done"], job["rows_rejected"]) == (
        "done",
        150,
        150,
        0,
    )
    assert [appended(row) for row in found] == [expected(row) for row in rows_of(REFERENCE)]
    assert list(found[0])[-4:] == [
        "species_predicted",
        *(f"probability_{name}" for name in oracle.classes_),
    ]
    assert result(client, job, "rejects") == b"line,reason\n"


FILES = {
    "columns in another order": b"PetalWidthCm,id,SepalLengthCm,PetalLengthCm,SepalWidthCm\n"
    b"0.2,7,5.1,1.4,3.5\n1.3,8,6.1,4.0,2.8\n",
    "quotes, commas and line breaks in cells": f'note,{HEADER}\n"a ""b"", c\nd",5.1,3.5,1.4,0.2\n'
    f'"\r\n\n",6,3,4,1\nplain,"5.1","3.5","1.4","0.2"\n'.encode(),
    "a quote within a cell is a character": f"{HEADER},size\n5.1,3.5,1.4,0.2,5 inch\n"
    '6,3,4,1,5" or 6"\n6,3,4,1,7\n'.encode(),
    "a byte order mark": f"\ufeff{HEADER},ä\n5.1,3.5,1.4,0.2,ß€\n".encode(),
    "carriage returns": f"{HEADER},x\r\n5.1,3.5,1.4,0.2,a\r\n6,3,4,1,b\r\n".encode(),
    "no line end at the end": f"{HEADER}\n5.1,3.5,1.4,0.2\n6,3,4,1".encode(),
    "spaces around names and numbers": f" {HEADER} \n 5.1, 3.5 ,1.4,2e-1\n".encode(),
    "a header alone": f"{HEADER}\n".encode(),
    "a column species": f"species,{HEADER}\nrose,5.1,3.5,1.4,0.2\n".encode(),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_other_columns_are_kept_byte_for_byte(client, data):
    job = send(client, data)
    assert (job["state"], job["rows_rejected"]) == ("done", 0)
    found = result(client, job)
    before = list(csv.reader(io.StringIO(data.decode(), newline="")))
    after = list(csv.reader(io.StringIO(found.decode(), newline="")))
    assert [row[:-4] for row in after] == before
    stripped = [{k.strip(): v for k, v in row.items()} for row in rows_of(data)]
    assert [row[-4:] for row in after[1:]] == [expected(row) for row in stripped]
    at = 0
    for text in data.splitlines():  # each is there, and in this order
        at = found.index(text, at) + len(text)


def flowers(count, seed=0):
    """Rows with cells that need quotes now and then, and some that are no flowers."""
    rng, text = random.Random(seed), io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["note", *FEATURES])
    notes = ["", "plain", 'say "a"', "two\nlines", "1,5", "é", '\n"\n']
    for _ in range(count):
        values = [round(rng.uniform(0.1, 8), 1) for _ in FEATURES]
        writer.writerow([rng.choice(notes), *(["?"] * 4 if rng.random() < 0.05 else values)])
    return text.getvalue().encode()


@pytest.mark.parametrize("rows", [9, 1000], ids=lambda rows: f"{rows} rows a chunk")
def test_where_a_file_is_cut_changes_nothing(client, monkeypatch, rows):
    data = flowers(70)
    monkeypatch.setattr(main.settings, "chunk_rows", rows)
    job = send(client, data)
    found, rejects = rows_of(result(client, job)), rows_of(result(client, job, "rejects"))
    reader = csv.reader(io.StringIO(data.decode(), newline=""))
    good, bad, line = [], [], 1
    for cells in reader:
        if cells[1] == "?":
            bad.append(str(line))
        elif cells[1] != FEATURES[0]:
            good.append(dict(zip(["note", *FEATURES], cells, strict=True)))
        line = reader.line_num + 1
    assert [row["note"] for row in found] == [row["note"] for row in good]
    assert [appended(row) for row in found] == [expected(row) for row in good]
    assert [row["line"] for row in rejects] == bad
    assert (job["rows"], job["rows_done"], job["rows_rejected"]) == (70, 70, len(bad))


def test_a_file_of_more_chunks_than_one_task_splits_is_whole_too(client, monkeypatch):
    monkeypatch.setattr(main, "CHUNKS_A_SPLIT", 3)
    monkeypatch.setattr(main, "CHUNKS_A_GROUP", 2)
    monkeypatch.setattr(main.settings, "chunk_rows", 20)
    job = send(client, REFERENCE)
    assert [appended(row) for row in rows_of(result(client, job))] == [
        expected(row) for row in rows_of(REFERENCE)
    ]


def test_long_rows_make_smaller_chunks(client, monkeypatch):
    monkeypatch.setattr(main, "MAX_CHUNK", 50_000)
    wide = [f"{'x' * 20_000},5.1,3.5,1.4,0.2"] * 7
    job = send(client, "\n".join([f"note,{HEADER}", *wide]).encode())
    with main.DatabaseSession() as session:
        assert session.get(main.Job, job["id"]).chunks == 4
    assert len(rows_of(result(client, job))) == 7


# ── Bad input ────────────────────────────────────────────────────────────────────────────────────
BAD_ROWS = {
    "a word": ("5.1,x,1.4,0.2", "SepalWidthCm is no number"),
    "nothing": ("5.1,,1.4,0.2", "SepalWidthCm is no number"),
    "zero": ("5.1,0,1.4,0.2", "SepalWidthCm is no number of centimetres above 0"),
    "a negative number": ("5.1,3.5,1.4,-0.2", "PetalWidthCm is no number"),
    "over a metre": ("5.1,3.5,100.1,0.2", "PetalLengthCm is no number"),
    "not a number": ("nan,3.5,1.4,0.2", "SepalLengthCm is no number"),
    "infinity": ("inf,3.5,1.4,0.2", "SepalLengthCm is no number"),
    "a number of Python alone": ("1_0,3.5,1.4,0.2", "SepalLengthCm is no number"),
    "a cell too few": ("5.1,3.5,1.4", "3 cells instead of 4"),
    "a cell too many": ("5.1,3.5,1.4,0.2,", "5 cells instead of 4"),
    "latin-1": (b"5.1,3.5,1.4,\xe9", "it is no CSV in UTF-8"),
    "a carriage return in a cell": ("5.1,3.5,1.4,0\r2", "it is no CSV"),
    "a row too long": (b"5.1,3.5,1.4," + b"1" * 200_000, "longer than 65536 bytes"),
    "a quote that nothing closes": ('"5.1,3.5,1.4,0.2', "a quote that is not closed"),
    "a quoted cell that is too long": (
        b'"' + (b"5" * 999 + b"\n") * 100,
        "a quote that is not closed",
    ),
}


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_kept(
    client, monkeypatch, row, reason
):
    monkeypatch.setattr(main.settings, "chunk_rows", 10_000)
    row = row if isinstance(row, bytes) else row.encode()
    good = b"5.1,3.5,1.4,0.2\n"
    job = send(client, HEADER.encode() + b"\n\n" + good + row + b"\n" + good * 2)
    rejects = rows_of(result(client, job, "rejects"))
    assert job["state"] == "done"
    assert rejects[0]["line"] == "4"
    assert reason in rejects[0]["reason"]
    assert len(rejects) == job["rows_rejected"]
    assert result(client, job).count(b"Iris-setosa") == 3 + 1  # in the header too
    assert job["rows"] == job["rows_done"] == 3 + len(rejects)


def test_after_a_quote_that_nothing_closes_the_next_line_is_a_row_again(client, monkeypatch):
    good = b"a,5.1,3.5,1.4,0.2\n"
    monkeypatch.setattr(main.settings, "chunk_rows", 5000)
    job = send(client, f"note,{HEADER}\n".encode() + b'"' + good * 3 + good * 10_000)
    assert job["rows_rejected"] == 1
    assert result(client, job).count(b"\n") == 1 + 10_002


BAD_FILES = {
    "an empty file": (b"", 422, "SepalLengthCm is there 0 times"),
    "a blank line": (b"\n\n", 422, "SepalLengthCm is there 0 times"),
    "no header": (b"5.1,3.5,1.4,0.2\n", 422, "SepalLengthCm is there 0 times"),
    "a column missing": (b"SepalLengthCm,SepalWidthCm,PetalLengthCm\n1,1,1\n", 422, "PetalWidthCm"),
    "a column twice": (f"{HEADER},SepalWidthCm\n".encode(), 422, "SepalWidthCm is there 2 times"),
    "semicolons": (HEADER.replace(",", ";").encode(), 422, "with commas between"),
    "UTF-16": (f"{HEADER}\n".encode("utf-16"), 422, "no CSV in UTF-8"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(1000), 422, "line 1, the header, is wrong"),
    "one endless line": (b"x" * 200_000, 422, "longer than 65536 bytes"),
    "an open quote": (b'"' + b"x\n" * 3, 422, "a quote that is not closed"),
    "old line ends": (HEADER.encode() + b"\r1,1,1,1\r", 422, "no CSV"),
    "half a gzip file": (gzip.compress(REFERENCE)[:500], 422, "damaged or cut off"),
    "a damaged gzip file": (gzip.compress(REFERENCE)[:-8] + bytes(8), 422, "damaged or cut off"),
    "a false gzip file": (b"\x1f\x8b" + b"x" * 100, 422, "damaged or cut off"),
    "a zip bomb": (
        gzip.compress(f"{HEADER}\n".encode() + bytes(200 * 1024**2), 9),
        413,
        "grows too much",
    ),
}


@pytest.mark.parametrize(("data", "status", "detail"), BAD_FILES.values(), ids=BAD_FILES)
def test_what_is_no_csv_file_is_refused_and_leaves_nothing(client, data, status, detail):
    before = set((FOLDER / "files").glob("*"))
    answer = post(client, data)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert client.get(JOBS).json() == {"items": [], "before": None}
    assert set((FOLDER / "files").glob("*")) == before


@pytest.mark.parametrize("pieces", [1, 2], ids=["one gzip member", "two gzip members"])
def test_gzip_makes_no_difference(client, pieces):
    half = len(REFERENCE) // pieces
    packed = b"".join(
        gzip.compress(REFERENCE[i : i + half]) for i in range(0, len(REFERENCE), half)
    )
    plain, unpacked = send(client, REFERENCE), send(client, packed)
    assert unpacked["size"] == len(REFERENCE)
    assert result(client, unpacked) == result(client, plain)


def test_a_file_over_the_limit_is_refused(client, monkeypatch):
    monkeypatch.setattr(main.settings, "max_upload", 1000)
    assert post(client, REFERENCE).status_code == 413
    assert post(client, gzip.compress(REFERENCE)).status_code == 413


def test_a_body_over_the_limit_is_not_read(client):
    [route] = [r for r in main.v1.routes if r.path == JOBS and "POST" in r.methods]
    assert route.max_body_size == main.settings.max_upload
    answer = client.post("/api/v1/token", data={"username": "x" * 100_000, "password": "x"})
    assert answer.status_code == 413


FORMS = {
    "no form": {"content": b"x"},
    "another field": {"files": {"other": b"x"}},
    "no file": {"data": {"file": "x"}},
    "two files": {"files": [("file", b"x"), ("file", b"y")]},
    "half a form": {
        "content": b"--x\r\n",
        "headers": {"Content-Type": "multipart/form-data; boundary=x"},
    },
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_without_one_file_is_refused(client, form):
    assert client.post(JOBS, **form).status_code in (400, 422)


@pytest.mark.parametrize("field", ["file", "other"])
def test_text_in_place_of_the_file_is_told_what_to_send(client, field):
    answer = client.post(JOBS, files={field: (None, "x")})
    assert answer.status_code == 422
    assert "send the CSV file as multipart/form-data, in the field file" in answer.text


@pytest.mark.parametrize("path", ["?limit=0", "?limit=secret", "?before=-1", "/secret"])
def test_wrong_parameters_are_named_and_not_repeated(client, path):
    answer = client.get(f"{JOBS}{path}")
    assert answer.status_code == 422
    assert "secret" not in answer.text
    assert answer.json()["detail"][0]["loc"]


# ── Who sees what ────────────────────────────────────────────────────────────────────────────────
def test_only_the_right_password_gives_a_token(client):
    right = sign_in(client, client.name).json()
    assert right["token_type"] == "bearer"
    headers = {"Authorization": f"Bearer {right['access_token']}"}
    assert client.get(JOBS, headers=headers).status_code == 200
    for name, password in [(client.name, "wrong horse"), ("nobody at all", PASSWORD)]:
        answer = sign_in(client, name, password)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "wrong name or password"}
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_name_that_does_not_exist_is_hashed_for_as_well(client, monkeypatch):
    asked = []
    verify = type(main.passwords).verify
    monkeypatch.setattr(
        type(main.passwords), "verify", lambda *args: asked.append(1) or verify(*args)
    )
    sign_in(client, "nobody at all")
    assert asked


def add_user(monkeypatch, name, typed):
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    main.add_user(name)


def test_a_user_made_on_the_command_line_can_sign_in_and_the_name_is_given_once(
    client, monkeypatch
):
    name = f"{client.name} of the command line"
    with pytest.raises(SystemExit, match="8 to 1000 characters"):
        add_user(monkeypatch, name, "1234567\n")
    assert sign_in(client, name, "1234567").status_code == 401
    add_user(monkeypatch, name, f"{PASSWORD}\n")
    assert sign_in(client, name).status_code == 200
    with pytest.raises(SystemExit, match="there is one of that name"):
        add_user(monkeypatch, name, "another password\n")
    assert sign_in(client, name, "another password").status_code == 401
    assert sign_in(client, name).status_code == 200


TOKENS = {
    "none": None,
    "garbage": "Bearer garbage",
    "another key": f"Bearer {token(key='x' * 32)}",
    "too old": f"Bearer {token(exp=1)}",
    "no algorithm": f"Bearer {jwt.encode({'sub': '1', 'exp': 2**40}, None, 'none')}",
    "another scheme": "Basic YTpi",
}
CALLS = [("GET", JOBS), ("POST", JOBS), ("GET", f"{JOBS}/1"), ("DELETE", f"{JOBS}/1")]
CALLS += [("GET", f"{JOBS}/1/{part}") for part in ("events", "result", "rejects")]


@pytest.mark.parametrize("header", TOKENS.values(), ids=TOKENS)
def test_without_a_token_of_ours_every_call_is_refused(client, header):
    del client.headers["Authorization"]
    headers = {"Authorization": header} if header else {}
    for method, path in CALLS:
        answer = client.request(method, path, headers=headers)
        assert (answer.status_code, path) == (401, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_body_is_not_read_before_the_token():
    def body():
        yield b"--x\r\n"
        raise AssertionError("it asked for more")

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with TestClient(main.app) as client:
        assert client.post(JOBS, content=body(), headers=headers).status_code == 401


def test_a_user_sees_only_own_jobs(client, hashed):
    job = send(client, REFERENCE)
    stranger = client_of(f"other of {client.name}", hashed)
    assert stranger.get(JOBS).json()["items"] == []
    for method, path in CALLS[2:]:
        own = path.replace(f"{JOBS}/1", f"{JOBS}/{job['id']}")
        answer = stranger.request(method, own)
        assert answer.status_code == 404, path
    assert client.get(f"{JOBS}/{job['id']}").json() == job


def test_the_pages_have_every_job_once_newest_first(client):
    sent = [send(client, f"{HEADER}\n".encode())["id"] for _ in range(5)]
    found, before = [], 2**53 - 1
    while before:
        page = client.get(JOBS, params={"limit": 2, "before": before}).json()
        found, before = found + [job["id"] for job in page["items"]], page["before"]
    assert found == sent[::-1]


# ── Twice, too late, and in between ──────────────────────────────────────────────────────────────
@pytest.fixture
def held(client, monkeypatch):
    """A job whose messages are held back: the tests deliver them."""
    monkeypatch.setattr(main, "ask_broker", lambda *ids, **_: 0)
    for task in (main.split, main.classify, main.finish):
        monkeypatch.setattr(task, "apply_async", lambda *args, **_: None)
    monkeypatch.setattr(main, "send_chunks", list)
    answer = post(client, REFERENCE)
    monkeypatch.undo()
    return answer.json()


@pytest.fixture
def apart(monkeypatch):
    """No task starts another one: a test runs each by hand."""
    monkeypatch.setattr(main, "send_chunks", list)
    monkeypatch.setattr(main.finish, "delay", lambda *_: None)


def stored(id):
    with main.DatabaseSession() as session:
        return session.get(main.Job, id)


@pytest.fixture
def undisturbed(client):
    return result(client, send(client, REFERENCE))


def test_every_task_done_twice_in_any_order_gives_the_undisturbed_result(
    client, undisturbed, held, apart
):
    id = held["id"]
    main.split(id)
    calls = [(main.classify, (id, n)) for n in range(4)] * 3 + [(main.split, (id,))] * 3
    random.Random(1).shuffle(calls)
    for task, arguments in calls:
        main.finish(id)
        task(*arguments)
    main.finish(id)
    first = result(client, held)
    for task, arguments in [*calls, (main.finish, (id,))]:
        task(*arguments)
    assert result(client, held) == first == undisturbed
    assert (stored(id).rows_done, stored(id).chunks_done) == (150, 4)
    folder = FOLDER / "files" / stored(id).folder
    assert len(list(folder.iterdir())) == 2


def test_two_tries_of_a_chunk_at_once_count_once(client, held, apart):
    id = held["id"]
    main.split(id)
    with main.DatabaseSession.begin() as session:
        chunk = session.get(main.Chunk, (id, 0))
        tries = [main.begin_try(session, chunk) for _ in range(2)]
    assert tries == [1, 2]
    for part in tries:
        with main.DatabaseSession.begin() as session:
            main.count_chunk(session, chunk, part, 3)
    assert (stored(id).chunks_done, stored(id).rows_done, stored(id).rows_rejected) == (1, 40, 3)


def test_two_that_finish_at_once_leave_one_result(client, held, apart, monkeypatch):
    id = held["id"]
    main.split(id)
    for number in range(4):
        main.classify(id, number)
    end_job = main.end_job

    def late(*args, **values):  # another one finishes while this one puts the parts together
        monkeypatch.setattr(main, "end_job", end_job)
        monkeypatch.setattr(main, "remove", lambda _: None)
        main.finish(id)
        monkeypatch.undo()
        return end_job(*args, **values)

    monkeypatch.setattr(main, "end_job", late)
    main.finish(id)
    assert len(rows_of(result(client, held))) == 150
    left = [path.name for path in (FOLDER / "files" / stored(id).folder).iterdir()]
    assert sorted(left) == sorted(
        ["parts", "upload.csv", f"{stored(id).result}.rejects", f"{stored(id).result}.result"]
    )


def test_a_split_that_died_between_its_writes_and_its_messages_sends_them_again(
    client, held, monkeypatch
):
    with monkeypatch.context() as patch:
        died = iter([None])  # it lives through the first call alone
        patch.setattr(main, "send_chunks", lambda _: next(died))
        with pytest.raises(StopIteration):
            main.split.run(held["id"])
    main.split(held["id"])
    assert stored(held["id"]).state == "done"
    assert len(rows_of(result(client, held))) == 150


def test_delete_cancels_and_a_late_task_changes_nothing(client, held, apart):
    id, path = held["id"], f"{JOBS}/{held['id']}"
    main.split(id)
    main.classify(id, 0)
    running = client.get(path).json()
    assert (running["state"], running["rows_done"]) == ("running", 40)
    assert running["rows_per_second"] > 0
    assert running["seconds_left"] is not None  # 0.0 on a fast machine
    assert client.delete(path).status_code == 204
    for task, arguments in [(main.split, (id,)), (main.classify, (id, 1)), (main.finish, (id,))]:
        task(*arguments)
    assert client.get(path).json()["state"] == "cancelled"
    assert not (FOLDER / "files" / stored(id).folder).exists()
    assert client.get(f"{path}/result").status_code == 409


def test_delete_takes_a_job_away_that_has_ended(client):
    job = send(client, REFERENCE)
    folder = FOLDER / "files" / stored(job["id"]).folder
    assert folder.exists()
    path = f"{JOBS}/{job['id']}"
    assert client.delete(path).status_code == 204
    assert not folder.exists()
    assert [client.delete(path).status_code, client.get(path).status_code] == [404, 404]


def test_a_server_that_starts_sends_what_is_unfinished_again(client, held):
    with TestClient(main.app):
        assert len(rows_of(result(client, held))) == 150


def test_a_job_does_not_mix_two_models(client, held, apart, monkeypatch):
    main.split(held["id"])
    monkeypatch.setattr(main, "classifier", lambda: (oracle, "another"))
    main.classify.apply((held["id"], 0))
    job = client.get(f"{JOBS}/{held['id']}").json()
    assert job["state"] == "failed"
    assert "another model" in job["error"]


def test_a_chunk_that_ends_its_worker_each_time_ends_its_job(client, held, apart):
    main.split(held["id"])
    with main.DatabaseSession.begin() as session:
        session.execute(sql.update(main.Chunk).values(tries=main.MAX_TRIES))
    main.classify.apply((held["id"], 2))
    job = client.get(f"{JOBS}/{held['id']}").json()
    assert job["state"] == "failed"
    assert "the rows from line 82 on ended their worker 10 times" in job["error"]


def test_a_storage_that_is_away_for_a_while_costs_time_only(client, held, monkeypatch):
    files, fails = main.storage(), [OSError("away")] * 3

    def shaky():
        if fails:
            raise fails.pop()
        return files

    monkeypatch.setattr(main, "storage", shaky)
    main.split.apply((held["id"],))
    assert not fails
    assert stored(held["id"]).state == "done"


def test_a_file_that_is_gone_for_good_fails_the_job(client, held):
    main.remove(stored(held["id"]).folder)
    main.split.apply((held["id"],))
    job = client.get(f"{JOBS}/{held['id']}").json()
    assert (job["state"], job["error"]) == ("failed", "jobs.split: FileNotFoundError")


# ── What the app needs ───────────────────────────────────────────────────────────────────────────
@pytest.fixture
def silent():
    """The port of a broker that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("broker", ["silent", "closed"])
def test_without_a_broker_the_answer_is_503_soon_and_no_job_is_left(
    client, monkeypatch, request, broker
):
    port = request.getfixturevalue(broker)
    connect = main.celery.connection_for_write
    monkeypatch.setattr(
        main.celery,
        "connection_for_write",
        lambda **options: connect(f"amqp://127.0.0.1:{port}", **options),
    )
    begin, found = time.monotonic(), []
    calls = [lambda: post(client, REFERENCE), lambda: client.get("/health")]
    threads = [threading.Thread(target=lambda call=call: found.append(call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin < 2 * main.BROKER_SECONDS
    assert [answer.status_code for answer in found] == [503, 503]
    assert {answer.json()["detail"] for answer in found} == {"the broker does not answer"}
    assert client.get(JOBS).json()["items"] == []


def test_a_broker_that_goes_while_the_file_is_stored_leaves_no_job(client, monkeypatch):
    answers = [0]
    before = set((FOLDER / "files").glob("*"))

    def goes(*_, **__):
        if answers:
            return answers.pop()
        raise main.HTTPException(503, "the broker does not answer")

    monkeypatch.setattr(main, "ask_broker", goes)
    assert post(client, REFERENCE).status_code == 503
    assert client.get(JOBS).json()["items"] == []
    assert set((FOLDER / "files").glob("*")) == before


def test_without_a_worker_health_is_503(client):
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["detail"]) == (503, "no worker answers")


def test_a_storage_that_fails_is_503(client, monkeypatch):
    def broken():
        raise OSError("secret")

    monkeypatch.setattr(main, "storage", broken)
    monkeypatch.setattr(main, "remove", lambda _: None)
    answer = post(client, REFERENCE)
    assert answer.status_code == 503
    assert answer.json() == {"detail": "the database or the storage fails: OSError"}


def test_a_database_that_fails_is_503(client, monkeypatch):
    monkeypatch.setattr(main.engine, "connect", None, raising=True)
    broken = sql.exc.OperationalError("SELECT secret", {}, Exception("secret"))

    def connect(*_, **__):
        raise broken

    monkeypatch.setattr(main.engine, "connect", connect)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"detail": "the database or the storage fails: OperationalError"}


def test_the_documentation_loads_nothing_from_elsewhere_and_has_the_password_flow(client):
    assert "//" not in client.get("/docs").text.replace("http://testserver", "").replace("// ", "")
    document = client.get("/openapi.json").json()
    [scheme] = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "api/v1/token"
    assert set(document["paths"][JOBS]["post"]["requestBody"]["content"]) == {"multipart/form-data"}


UNFIT = {
    "other features": ({"feature_names_in_": ["a", "b", "c", "d"]}, "it was not trained on"),
    "a comma in the name of a class": ({"classes_": ["a,b", "c", "d"]}, "has a comma"),
    "a line break in the name of a class": ({"classes_": ["a", "b\n", "d"]}, "a line break"),
}


@pytest.mark.parametrize(("attributes", "reason"), UNFIT.values(), ids=UNFIT)
def test_a_classifier_that_does_not_fit_the_csv_is_refused(monkeypatch, attributes, reason):
    for name, value in attributes.items():
        monkeypatch.setattr(oracle, name, value, raising=False)
    monkeypatch.setattr(main.joblib, "load", lambda _: oracle)
    with pytest.raises(ValueError, match=reason):
        main.classifier.__wrapped__()  # not from its cache


def test_a_file_that_is_no_pickle_is_refused(monkeypatch, tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"no pickle")
    monkeypatch.setattr(main.settings, "model_path", tmp_path / "model.pkl")
    with pytest.raises(Exception, match=r".+"):
        main.classifier.__wrapped__()


# ── Real processes ───────────────────────────────────────────────────────────────────────────────
STARTS = {
    "a wrong setting": ([], {"PORT": "secret"}, "the setting PORT is wrong"),
    "a broker that is none": ([], {"BROKER_URL": "redis://x"}, "the setting BROKER_URL is wrong"),
    "a short key": ([], {"SECRET_KEY": "secret"}, "the setting SECRET_KEY is wrong"),
    "no database": ([], {"DATABASE_URL": "sqlite:////proc/no/jobs.db"}, "cannot start"),
    "no model": (["worker"], {"MODEL_PATH": "/no/model.pkl"}, "main.py cannot work, model"),
    "a short password": (["add-user", "bob"], {}, "a password has 8 to 1000 characters"),
    "an unknown command": (["dance"], {}, "python main.py worker"),
}


@pytest.fixture(scope="module")
def place():
    with folder() as place:
        yield place


@pytest.fixture(scope="module", autouse=True)
def started(place):
    """Processes that fail; they start all at once, while the first tests run."""
    found = {
        name: subprocess.Popen(
            [sys.executable, "main.py", *command],
            cwd=place,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for name, (command, settings, _) in STARTS.items()
    }
    yield found
    for process in found.values():
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.mark.parametrize("name", STARTS)
def test_what_cannot_start_says_why_in_a_line(started, name):
    output, errors = started[name].communicate(timeout=60)
    assert started[name].returncode == 1
    assert STARTS[name][2] in errors.decode()
    assert b"Traceback" not in errors
    assert b"secret" not in output + errors
    assert errors.count(b"\n") == 1 or name == "an unknown command"


def test_processes_that_start_at_once_take_turns_at_making_the_tables(place, tmp_path):
    path = tmp_path / "jobs.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # until all have come as far as the database
        processes = [
            subprocess.Popen(
                [sys.executable, "main.py", "dance"],
                cwd=place,
                env=environment(DATABASE_URL=f"sqlite:///{path}"),
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        folders = [Path(f"/proc/{process.pid}/fd") for process in processes]
        wait_until(lambda: all(path in map(Path.resolve, f.iterdir()) for f in folders), "open")
        other.execute("COMMIT")
    for process in processes:
        assert b"cannot start" not in process.communicate(timeout=60)[1]


def test_the_embedded_default_serves_with_nothing_but_python():
    data = flowers(2000)
    with folder() as place, serve(place, CHUNK_ROWS=500) as server:
        wait_until(lambda: server.client.get("/health").is_success, "a worker answers")
        assert server.client.get("/health").json()["workers"] == 1
        job = server.send(data)
        with server.client.stream("GET", f"{job}/events") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            events = [line for line in stream.iter_lines() if line.startswith("event")]
        assert events[-1] == "event: end"
        assert set(events[:-1]) <= {"event: progress"}
        assert server.read(job)["state"] == "done"
        assert server.read(job)["rows_done"] == 2000
        assert len(rows_of(server.result(job))) == 2000 - server.read(job)["rows_rejected"]
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        worker = children.read_text().split()[0]
        server.client.close()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        assert not Path(f"/proc/{worker}").exists()
        again = subprocess.run(
            [sys.executable, "main.py", "add-user", server.name],
            cwd=place,
            env=environment(),
            input=b"correct horse",
            capture_output=True,
        )
        assert again.stderr == b"no user is made: there is one of that name\n"
