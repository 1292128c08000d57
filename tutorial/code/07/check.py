import sys

import requests

history = sys.argv[1]
with open("answered.txt") as file:
    ids = [int(line) for line in file]

session = requests.Session()
lost = [id for id in ids if session.get(f"{history}/{id}", timeout=10).status_code == 404]
print("every answer has its record:", not lost)
sys.exit(1 if lost else 0)
