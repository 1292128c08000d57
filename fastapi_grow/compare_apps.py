"""`compare OLD NEW`: the behaviour check alone, between any two versions of an app."""

from __future__ import annotations

from dataclasses import replace

from fastapi_grow.compare import Difference, differences
from fastapi_grow.subject import Options, read_text, survey_loosely, watch
from fastapi_grow.verify import together


def compare_apps(old: Options, new: Options) -> list[Difference]:
    """Where the app in `new` differs from the one in `old`; both are started and asked.

    Raises ProbeFailed when one of the two cannot be imported.
    """
    before, _way, _known = watch(survey_loosely(old.main), replace(old, no_tests=True))
    after, _way, _known = watch(survey_loosely(new.main), replace(new, no_tests=True, requests=1))
    files = {new.main.name: read_text(new.main)}
    observer = replace(after.observer, classes=before.observer.classes)
    report = observer.observe(files, before.requests)
    found = differences(before.reports, report, before.requests)
    if found:
        again = together(*[lambda: before.observer.observe(before.old, before.requests)] * 2)
        found = differences([*before.reports, *again], report, before.requests)
    return found
