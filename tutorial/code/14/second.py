import csv

import joblib
from sklearn.linear_model import LogisticRegression

with open("model.reference.csv") as file:
    _, *rows = csv.reader(file)
X = [[float(value) for value in row[:4]] for row in rows]
y = [row[4] for row in rows]
joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), "second.pkl")
