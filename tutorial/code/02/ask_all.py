import csv

import requests

FEATURES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]

with open("../classifier/model.reference.csv") as file:
    rows = list(csv.DictReader(file))
flowers = [{name: float(row[name]) for name in FEATURES} for row in rows]

response = requests.post("http://127.0.0.1:8000/model/classify/batch", json=flowers, timeout=10)
response.raise_for_status()
answers = response.json()

right = sum(answer["species"] == row["species"] for answer, row in zip(answers, rows, strict=True))
print(f"{right} of {len(rows)} are right")
