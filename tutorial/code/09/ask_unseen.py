from collections import Counter
from io import BytesIO

import requests
from PIL import Image

unseen = Image.open("unseen.png")
wrong = Counter()
for truth in range(10):
    for column in range(20):
        left, top = 28 * column, 28 * truth
        picture = BytesIO()
        unseen.crop((left, top, left + 28, top + 28)).save(picture, "PNG")
        response = requests.post(
            "http://127.0.0.1:8000/predict_file/",
            files={"image_file": picture.getvalue()},
            timeout=10,
        )
        response.raise_for_status()
        if response.json()["prediction"] != truth:
            wrong[truth, response.json()["prediction"]] += 1
print(f"{200 - wrong.total()} of 200 are right")
for (truth, answer), count in wrong.items():
    print(f"a {truth} was taken for a {answer}: {count}")
