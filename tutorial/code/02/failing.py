import requests

flower = {"SepalLengthCm": 5.1, "SepalWidthCm": 3.5, "PetalLengthCm": 1.4}
response = requests.post("http://127.0.0.1:8000/model/classify", json=flower, timeout=10)
if response.status_code == 422:
    for fault in response.json()["detail"]:
        print(f"{fault['loc'][-1]}: {fault['msg']}")
else:
    response.raise_for_status()
