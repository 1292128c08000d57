import csv
import random

with open("../classifier/model.reference.csv") as file:
    names, *flowers = csv.reader(file)
chance = random.Random(13)
with open("large.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows(chance.choice(flowers) for _ in range(300_000))
    writer.writerow(["5.1", "3.5", "none", "0.2", ""])
