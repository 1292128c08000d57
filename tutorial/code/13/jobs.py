import os
import sys

import requests

API = "http://127.0.0.1:8000/api/v1"


def sign_in(session: requests.Session) -> None:
    form = {"username": "ann", "password": os.environ["PASSWORD"]}
    answer = session.post(f"{API}/token", data=form, timeout=10)
    answer.raise_for_status()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def send(session: requests.Session, path: str) -> int:
    with open(path, "rb") as file:
        answer = session.post(f"{API}/jobs", files={"file": file}, timeout=60)
    answer.raise_for_status()
    return answer.json()["id"]


def wait(session: requests.Session, job: int) -> None:
    events = session.get(f"{API}/jobs/{job}/events", stream=True, timeout=60)
    events.raise_for_status()
    for _ in events.iter_lines():
        pass


with requests.Session() as session:
    sign_in(session)
    if sys.argv[1] == "send":
        print("job", send(session, sys.argv[2]))
    else:
        job = int(sys.argv[2])
        wait(session, job)
        found = session.get(f"{API}/jobs/{job}", timeout=10).json()
        print(f"{found['state']}: {found['rows_done']:,} rows, {found['rows_rejected']} rejected")
