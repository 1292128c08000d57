from concurrent.futures import ThreadPoolExecutor

import requests

FLOWER = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4, "PetalWidthCm": 0.2}
API = "http://127.0.0.1:8000"


def ask(_: int) -> tuple[int, str | None]:
    answer = requests.post(f"{API}/model/classify/batch", json=[FLOWER] * 150, timeout=30)
    return answer.status_code, answer.headers.get("retry-after")


with ThreadPoolExecutor(32) as crowd:
    answers = list(crowd.map(ask, range(400)))
for status, retry_after in sorted(set(answers), key=str):
    print(f"some got {status}, retry-after: {retry_after}")
print("and then:", requests.get(f"{API}/health", timeout=10).status_code)
