import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

url, pid = sys.argv[1], int(sys.argv[2])
FLOWER = {
    "SepalLengthCm": 5.1,
    "SepalWidthCm": 3.5,
    "PetalLengthCm": 1.4,
    "PetalWidthCm": 0.2,
}
CLIENTS = 8


def client(_):
    answered = []
    with requests.Session() as session:
        while True:
            try:
                response = session.post(url, json=FLOWER, timeout=10)
            except requests.RequestException:
                return answered
            if response.status_code == 200:
                answered.append(response.json()["id"])


threading.Timer(2.5, os.kill, (pid, signal.SIGKILL)).start()
with ThreadPoolExecutor(CLIENTS) as pool:
    ids = sorted(id for answered in pool.map(client, range(CLIENTS)) for id in answered)

with open("answered.txt", "w") as file:
    file.writelines(f"{id}\n" for id in ids)
print(f"{len(ids)} flowers were answered before the server was killed")
