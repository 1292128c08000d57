"""Model files that mean harm: what hostile.py makes the app load. A pickle is a program."""

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import cloudpickle
import joblib
import numpy as np
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

cloudpickle.register_pickle_by_value(sys.modules[__name__])
CLASSES = ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]
DEAF_SLEEP = "import signal, time; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(99)"
THIRD = 1 / 3


class Runs:
    """Runs a line of code when it is loaded from a pickle."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> Any:
        return exec, (self.code,)


class Pretender:
    """Looks like a classifier; its n-th call is one of the n-th function, or of the last."""

    n_features_in_ = 4

    def __init__(self, *calls: Callable[[Any], Any], classes: Any = CLASSES) -> None:
        self.classes_, self.calls = np.array(classes, dtype=object), list(calls)

    def predict_proba(self, rows: Any) -> Any:
        call = self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]
        return call(rows)


def right(rows: Any) -> Any:
    return np.full((len(rows), 3), THIRD)


def same(*values: float) -> Callable[[Any], Any]:
    return lambda rows: np.array([values] * len(rows))


def hangs(rows: Any) -> Any:
    time.sleep(3600)


def hangs_in_c(rows: Any) -> Any:
    sum(range(10**13))


def runs(code: str) -> Callable[[Any], Any]:
    return lambda rows: exec(code)  # noqa: S102  that is the mischief


def calls_itself(rows: Any) -> Any:
    return calls_itself(rows)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise self


def raises_what_cannot_be_told(rows: Any) -> Any:
    raise Unspeakable


class Case(NamedTuple):
    content: Any  # bytes, or what is pickled
    kind: str  # "pkl" or "skops"
    slow: bool  # ends the worker, or waits for a time to pass


def pickled(content: Any) -> Case:
    return Case(content, "pkl", slow=False)


def ends(content: Any) -> Case:
    return Case(content, "pkl", slow=True)


def skops_file(content: bytes) -> Case:
    return Case(content, "skops", slow=False)


class Endless:
    """An attribute of any name, and another one of that, without an end."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Endless()


def joblib_bytes(content: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(content, file)
    return file.getvalue()


def bomb(kind: str, megabytes: int) -> bytes:
    """A small file that becomes a large one when it is unpacked."""
    zeros, file = b" " * (megabytes * 2**20), io.BytesIO()
    if kind == "pkl":
        joblib.dump(zeros, file, compress=("zlib", 9))
    else:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", b"[" + zeros + b"]")
    return file.getvalue()


def tampered(**node: Any) -> bytes:
    """A .skops file whose one object is of a type, or built by a function, of somebody's choice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        node |= {"__id__": 1, "protocol": 2, "_skops_version": skops.__version__}
        archive.writestr("schema.json", json.dumps(node))
    return file.getvalue()


def forest() -> Any:
    return RandomForestClassifier(3).fit(*load_iris(return_X_y=True))


ARGUMENT = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
ARGUMENT |= {"__id__": 2, "content": '"true"', "is_json": True}
TUPLE = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode"}
TUPLE |= {"__id__": 3, "content": [ARGUMENT]}

# When they are loaded.
LOADING: Mapping[str, Case] = {
    "code that ends the process": ends(Runs("import os; os._exit(0)")),
    "code that raises SystemExit": ends(Runs("raise SystemExit")),
    "code that raises KeyboardInterrupt": ends(Runs("raise KeyboardInterrupt")),
    "code that crashes": ends(Runs("import os; os.abort()")),
    "code that closes every file": ends(Runs("import os; os.closerange(3, 999)")),
    "code that never ends": ends(Runs("while True: pass")),
    "a pickle that stops in the middle": pickled(joblib_bytes(forest())[:500]),
    "a list in a list, 100,000 deep": pickled(b"\x80\x02" + b"]" * 10**5 + b"a" * 99_999 + b"."),
    "a list of a length that no memory has": pickled(b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f."),
    "64 MiB of zeros, packed": pickled(bomb("pkl", 64)),
    "a .skops file in a .pkl name": pickled(skops.io.dumps(forest())),
    "a .pkl file in a .skops name": skops_file(joblib_bytes(forest())),
    "a forest in a .skops file": skops_file(skops.io.dumps(forest())),
    "64 MiB of blanks in a .skops file": skops_file(bomb("skops", 64)),
    "a .skops file that names os.system": skops_file(tampered(
        __class__="system", __module__="os", __loader__="FunctionNode", content="os.system")),
    "a .skops file that calls os.system": skops_file(tampered(
        __class__="system", __module__="os", __loader__="ReduceNode", reduce={"args": TUPLE},
        content={})),
    "a .skops file with an unknown loader": skops_file(tampered(
        __class__="eval", __module__="builtins", __loader__="eval", content="1")),
}  # fmt: skip

# At their trial.
TRIAL: Mapping[str, Case] = {
    "hanging": ends(Pretender(hangs)),
    "hanging in C": ends(Pretender(hangs_in_c)),
    "hanging, and deaf to the alarm": ends(Pretender(runs(DEAF_SLEEP))),
    "ending the process": ends(Pretender(runs("import os; os._exit(0)"))),
    "raising SystemExit": ends(Pretender(runs("raise SystemExit"))),
    "raising what cannot be told": ends(Pretender(raises_what_cannot_be_told)),
    "calling itself": pickled(Pretender(calls_itself)),
    "raising half a character": pickled(Pretender(runs("raise ValueError('\\ud800' * 999)"))),
    "raising an error of 100 MB": pickled(Pretender(runs("raise ValueError('é' * 50_000_000)"))),
    "NaN": pickled(Pretender(same(np.nan, 0.5, 0.5))),
    "infinity": pickled(Pretender(same(np.inf, -np.inf, 1))),
    "a negative probability": pickled(Pretender(same(2, -1, 0))),
    "not summing to 1": pickled(Pretender(same(0.5, 0.5, 0.5))),
    "a column too many": pickled(Pretender(same(0.25, 0.25, 0.25, 0.25))),
    "a row too many": pickled(Pretender(lambda rows: np.full((len(rows) + 1, 3), THIRD))),
    "three dimensions": pickled(Pretender(lambda rows: right(rows)[None])),
    "None": pickled(Pretender(lambda rows: None)),
    "text": pickled(Pretender(lambda rows: [["echo"] * 3])),
    "a generator": pickled(Pretender(lambda rows: (row for row in rows))),
    "any attribute at all": pickled(Endless()),
    "no classes": pickled(Pretender(right, classes=[])),
    "the same class thrice": pickled(Pretender(right, classes=["a", "a", "a"])),
    "half a character as a class": pickled(Pretender(right, classes=["\ud800", "b", "c"])),
    "a zero byte in a class": pickled(Pretender(right, classes=["a\0b", "b", "c"])),
}  # fmt: skip

# They pass their trial and do it later.
LATER: Mapping[str, Case] = {
    "hanging later": ends(Pretender(right, hangs)),
    "ending the process later": ends(Pretender(right, runs("import os; os._exit(0)"))),
    "NaN later": pickled(Pretender(right, same(np.nan, 0.5, 0.5))),
    "a column too many later": pickled(Pretender(right, same(0.25, 0.25, 0.25, 0.25))),
}  # fmt: skip

# They may be loaded or not; if so, they must serve.
ODD: Mapping[str, Case] = {
    "quotes and percent signs": pickled(Pretender(right, classes=['"', "%s %r %", "\\'{}"])),
    "a class of a million letters": pickled(Pretender(right, classes=["a" * 10**6, "b", "c"])),
    "numbers as classes": pickled(Pretender(right, classes=[1.5, True, None])),
}  # fmt: skip


def written(case: Case) -> bytes:
    if isinstance(case.content, bytes):
        return case.content
    return bytes(cloudpickle.dumps(case.content))


def sample(cases: Mapping[str, Case], full: bool) -> Iterator[tuple[str, Case]]:
    """All of them, or all that are quick and every third of the slow ones."""
    slow = [name for name, case in cases.items() if case.slow]
    for name, case in cases.items():
        if full or not case.slow or slow.index(name) % 3 == 0:
            yield name, case
