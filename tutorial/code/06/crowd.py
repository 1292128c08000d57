import sys
import time
from concurrent.futures import ThreadPoolExecutor

import requests

FLOWER = {
    "SepalLengthCm": 5.1,
    "SepalWidthCm": 3.5,
    "PetalLengthCm": 1.4,
    "PetalWidthCm": 0.2,
}
CLIENTS, EACH = 16, 15


def client(url):
    with requests.Session() as session:
        for _ in range(EACH):
            while session.post(url, json=FLOWER, timeout=60).status_code == 503:
                time.sleep(1)


def per_second(url):
    with ThreadPoolExecutor(CLIENTS) as pool:
        begin = time.perf_counter()
        list(pool.map(client, [url] * CLIENTS))
        return CLIENTS * EACH / (time.perf_counter() - begin)


first, second = map(per_second, sys.argv[1:])
print(f"first:  {first:,.0f} requests a second")
print(f"second: {second:,.0f} requests a second")
print("the second is faster:", second > first)
