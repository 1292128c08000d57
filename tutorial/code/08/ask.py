import csv

import requests

with open("unseen.csv") as file:
    rows = list(csv.DictReader(file))
truth = [row.pop("species") for row in rows]
wines = [{name: float(value) for name, value in row.items()} for row in rows]

url = "http://127.0.0.1:8000/model/classify/batch"
response = requests.post(url, json=wines, timeout=10)
response.raise_for_status()
answers = [answer["species"] for answer in response.json()]
right = sum(answer == name for answer, name in zip(answers, truth, strict=True))
print(f"{right} of {len(wines)} are right")
