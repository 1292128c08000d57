import csv

import joblib
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

wine = load_wine()
names = [name.replace("/", "_") for name in wine.feature_names]
cultivars = [f"cultivar-{number + 1}" for number in wine.target]
parts = train_test_split(wine.data, cultivars, test_size=60, random_state=0, stratify=cultivars)
trained, unseen, labels, truth = parts

estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(trained, labels)
print(f"right for {estimator.score(unseen, truth):.1%} of {len(unseen)} unseen wines")
joblib.dump(estimator, "model.pkl")

for file_name, rows, species in [
    ("model.reference.csv", trained, labels),
    ("unseen.csv", unseen, truth),
]:
    with open(file_name, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "species"])
        writer.writerows([*row, name] for row, name in zip(rows.tolist(), species, strict=True))
