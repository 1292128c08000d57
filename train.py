"""Train the iris classifier that main.py serves.

    python train.py

Writes model.pkl, the bare estimator, and model.reference.csv, the rows it was trained on, which a
later look at the history can be compared with. The same machine and versions write the same bytes
each time. Nothing is fetched: the 150 flowers (Fisher, 1936) ship inside scikit-learn.
"""

import csv
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

FEATURES = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]  # the API's order
HERE = Path(__file__).parent


def flowers() -> tuple[np.ndarray, np.ndarray]:
    """The measurements in cm, of shape (150, 4), and the species of each, of shape (150,)."""
    iris = load_iris()
    return iris.data, np.array([f"Iris-{name}" for name in iris.target_names])[iris.target]


def estimator() -> LinearDiscriminantAnalysis:
    """An unfitted classifier. One Gaussian per species with a shared covariance fits these data."""
    return LinearDiscriminantAnalysis()


def scores(X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Accuracy and log-loss over 10 times 10-fold cross-validation, stratified by species."""
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    found = cross_validate(estimator(), X, y, cv=folds, scoring=("accuracy", "neg_log_loss"))
    return found["test_accuracy"].mean(), -found["test_neg_log_loss"].mean()


def main(folder: Path = HERE) -> None:
    """Print the scores and write both files into folder."""
    X, y = flowers()
    accuracy, log_loss = scores(X, y)
    print(f"10 x 10-fold cross-validation: accuracy {accuracy:.3f}, log-loss {log_loss:.3f}")
    joblib.dump(estimator().fit(X, y), folder / "model.pkl")
    with (folder / "model.reference.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*FEATURES, "species"])
        writer.writerows([*row, species] for row, species in zip(X.tolist(), y, strict=True))
    print(f"wrote {folder / 'model.pkl'} and {folder / 'model.reference.csv'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
