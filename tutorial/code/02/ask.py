import requests

flower = {
    "SepalLengthCm": 5.1,
    "SepalWidthCm": 3.5,
    "PetalLengthCm": 1.4,
    "PetalWidthCm": 0.2,
}
response = requests.post("http://127.0.0.1:8000/model/classify", json=flower, timeout=10)
response.raise_for_status()
answer = response.json()
print(f"record {answer['id']}: {answer['species']}")
