"""The same app on the real ones: PostgreSQL, RabbitMQ, and S3 over HTTP (moto's server).

Needs PostgreSQL on 127.0.0.1:5432 (user postgres, no password) and Debian's rabbitmq-server,
of which each test run starts a node of its own: own name, ports and folder, never the machine's.
What a killed worker or a restarted broker leaves is compared byte for byte with an undisturbed run.
"""

import contextlib
import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg
import pytest
from processes import DEADLINE, folder, free_port, serve, wait_until, worker

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"
ROWS = 30_000


class Broker:
    """A RabbitMQ node of the test's own, run as the user rabbitmq where this one is root."""

    def __init__(self, place):
        self.place, self.port, self.process = place, free_port(), None
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.user = {"user": "rabbitmq", "group": "rabbitmq"} if os.getuid() == 0 else {}
        self.env = {
            "PATH": f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}",
            "HOME": f"{place}",  # the cookie is there
            "RABBITMQ_NODENAME": f"jobs{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": f"{self.port}",
            "RABBITMQ_DIST_PORT": f"{free_port()}",
            "RABBITMQ_MNESIA_BASE": f"{place}/mnesia",
            "RABBITMQ_LOG_BASE": f"{place}/log",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": f"{place}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{place}/plugins",
            "RABBITMQ_PID_FILE": f"{place}/pid",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def start(self):
        with open(self.place / "output.log", "ab") as log:
            self.process = subprocess.Popen(
                ["rabbitmq-server"],
                cwd=self.place,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.user,
            )
        wait_until(self.accepts, f"RabbitMQ runs, see {self.place}")

    def accepts(self):
        from kombu import Connection

        with contextlib.suppress(Exception), Connection(self.url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=0)
            return True
        if self.process.poll() is not None:
            raise RuntimeError((self.place / "output.log").read_text())
        return False

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def stop(self):
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def broker():
    with tempfile.TemporaryDirectory(prefix="jobs-rabbitmq-", ignore_cleanup_errors=True) as name:
        if os.getuid() == 0:
            shutil.chown(name, "rabbitmq", "rabbitmq")
        broker = Broker(Path(name))
        broker.start()
        yield broker
        broker.stop()


@pytest.fixture(scope="module")
def s3():
    """The address of an S3 server on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", f"{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

        def answers():
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"http://127.0.0.1:{port}/").is_success

        wait_until(answers, "moto's server answers")
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def database():
    """The address of an empty database that nobody else uses."""
    name = f"jobs_{os.getpid()}_{free_port()}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield POSTGRESQL.replace("postgresql", "postgresql+psycopg").rpartition("/")[0] + f"/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database, broker):
    return {
        "DATABASE_URL": database,
        "BROKER_URL": broker.url,
        "SECRET_KEY": "of the tests, and of nothing else at all",
        "CHUNK_ROWS": 1000,
    }


@pytest.fixture(scope="module")
def flowers():
    rng, text = random.Random(0), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
    writer.writerow(["id", *names, "note"])
    for number in range(ROWS):
        cells = [round(rng.uniform(0.1, 8), 1) for _ in names]
        cells[0] = "?" if number % 997 == 0 else cells[0]
        writer.writerow([number, *cells, rng.choice(["", "two\nlines", 'a "quote"'])])
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def undisturbed(flowers):
    """Result and rejects of the same file, by the embedded default in peace."""
    with folder() as place, serve(place, CHUNK_ROWS=1000) as server:
        job = server.send(flowers)
        assert server.wait(job)["state"] == "done"
        found = server.result(job), server.result(job, "rejects")
    ids = [int(row[0]) for row in csv.reader(io.StringIO(found[0].decode())) if row[0] != "id"]
    assert ids == [number for number in range(ROWS) if number % 997]
    return found


def outcome(server, job):
    """Result and rejects; every row is counted once, however often it was classified."""
    found = server.wait(job, 180)
    assert found["state"] == "done", found["error"]
    assert (found["rows"], found["rows_done"]) == (ROWS, ROWS)
    assert found["rows_rejected"] == (ROWS + 996) // 997
    return server.result(job), server.result(job, "rejects")


def progress(server, job, rows):
    wait_until(lambda: server.read(job)["rows_done"] >= rows, f"{rows} rows are done")


def test_on_postgresql_rabbitmq_and_s3_the_result_is_that_of_the_embedded_default(
    settings, s3, flowers, undisturbed, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    settings |= {"STORAGE_URL": f"s3://bucket-{free_port()}/jobs"}
    with folder() as place, serve(place, **settings) as server:
        assert server.client.get("/health").json()["detail"] == "no worker answers"
        with worker(place, **settings), worker(place, log="2.log", **settings):
            wait_until(lambda: server.client.get("/health").is_success, "a worker answers")
            job = server.send(flowers)
            assert outcome(server, job) == undisturbed
            assert server.client.delete(job).status_code == 204
        assert not list((place / "data").glob("files/*"))


@pytest.mark.parametrize("victim", ["the worker", "a process of its pool"])
def test_a_worker_killed_in_the_middle_costs_time_only(settings, flowers, undisturbed, victim):
    with (
        folder() as place,
        serve(place, **settings) as server,
        worker(place, **settings),
    ):
        for round in range(2):
            with worker(place, log="killed.log", **settings) as killed:
                wait_until(lambda: workers(server) == 2, "both workers answer")
                job = server.send(flowers)
                progress(server, job, 8000 * round + 1)
                if victim == "the worker":
                    os.killpg(killed.pid, signal.SIGKILL)
                else:
                    children = Path(f"/proc/{killed.pid}/task/{killed.pid}/children")
                    os.kill(int(children.read_text().split()[-1]), signal.SIGKILL)
                before = server.read(job)["rows_done"]
                assert outcome(server, job) == undisturbed
                assert before < ROWS, "the kill came too late"


def workers(server):
    answer = server.client.get("/health")
    return answer.json()["workers"] if answer.is_success else 0


def test_with_every_worker_killed_the_next_one_goes_on(settings, flowers, undisturbed):
    with folder() as place, serve(place, **settings) as server:
        with worker(place, **settings) as killed:
            job = server.send(flowers)
            progress(server, job, 1)
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait()
        done = server.read(job)["rows_done"]
        assert done < ROWS
        with worker(place, **settings):
            assert outcome(server, job) == undisturbed


def test_a_broker_restarted_in_the_middle_costs_time_only(settings, broker, flowers, undisturbed):
    with (
        folder() as place,
        serve(place, **settings) as server,
        worker(place, **settings),
        worker(place, log="2.log", **settings),
    ):
        job = server.send(flowers)
        progress(server, job, 1)
        broker.stop()
        done = server.read(job)["rows_done"]
        begin = time.monotonic()
        answer = server.client.post("/api/v1/jobs", files={"file": flowers})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert time.monotonic() - begin < 10
        assert server.client.get("/health").status_code == 503
        broker.start()
        assert done < ROWS
        assert outcome(server, job) == undisturbed
        again = server.send(flowers)
        assert outcome(server, again) == undisturbed


def test_a_broker_that_hangs_makes_the_api_wait_no_longer_than_its_bound(settings, broker, flowers):
    with folder() as place, serve(place, **settings) as server:
        broker.signal(signal.SIGSTOP)
        try:
            for call in (
                lambda: server.client.post("/api/v1/jobs", files={"file": flowers}),
                lambda: server.client.get("/health"),
            ):
                begin = time.monotonic()
                assert call().status_code == 503
                assert time.monotonic() - begin < 10
        finally:
            broker.signal(signal.SIGCONT)
        wait_until(broker.accepts, "RabbitMQ answers again")
        assert server.client.get("/api/v1/jobs").json()["items"] == []
