from collections import Counter

import requests

counts = Counter()
before = None
while True:
    response = requests.get(
        "http://127.0.0.1:8000/model/history",
        params={"limit": 50, "before": before},
        timeout=10,
    )
    response.raise_for_status()
    page = response.json()
    counts.update(record["species"] for record in page["items"])
    before = page["before"]
    if before is None:
        break

for species, count in sorted(counts.items()):
    print(f"{species}: {count}")
