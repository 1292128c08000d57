import time

import requests
from sklearn.datasets import load_iris

NAMES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
flowers = [dict(zip(NAMES, row, strict=True)) for row in load_iris().data.tolist()]
session = requests.Session()


def post(path, body):
    response = session.post(f"http://127.0.0.1:8000{path}", json=body, timeout=60)
    response.raise_for_status()


begin = time.perf_counter()
for flower in flowers:
    post("/classify", flower)
alone = time.perf_counter() - begin

begin = time.perf_counter()
post("/classify/batch", flowers)
together = time.perf_counter() - begin

count = len(flowers)
print(f"one by one:  {count / alone:,.0f} flowers a second")
print(f"in a batch:  {count / together:,.0f} flowers a second")
print("the batch is more than 5 times as fast:", alone > 5 * together)
