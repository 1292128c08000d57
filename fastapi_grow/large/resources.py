"""Which resource a statement belongs to: that of the only routes that need it, or of its name.

`UserCreate` that three groups of routes use is the users' by its name; what several use and no
name claims is shared (None).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from fastapi_grow.routes import singular
from fastapi_grow.survey import Item, Survey

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def resources_of(survey: Survey, groups: Mapping[str, set[int]]) -> dict[int, str | None]:
    """The resource of every statement; `groups` holds the statements of each group of routes."""
    users = _users(survey)
    reached = {name: _needed(survey, items) for name, items in groups.items()}
    found = {}
    for index, item in survey.items.items():
        using = [name for name, needed in reached.items() if index in needed]
        alone = using[0] if len(using) == 1 else None
        found[index] = alone or _named(item, using or list(groups))
    for index in survey.items:
        if found[index] is None and users[index]:
            owners = {found[user] for user in users[index]}
            found[index] = owners.pop() if len(owners) == 1 else None
    return found


def _users(survey: Survey) -> dict[int, set[int]]:
    users: dict[int, set[int]] = {index: set() for index in survey.items}
    for index, item in survey.items.items():
        for used in item.uses:
            users[used].add(index)
    return users


def _needed(survey: Survey, start: set[int]) -> set[int]:
    found = set(start)
    waiting = list(start)
    while waiting:
        new = survey.items[waiting.pop()].uses - found
        found |= new
        waiting += new
    return found


def _named(item: Item, groups: list[str]) -> str | None:
    """The group whose resource comes first among the words of the item's name."""
    of_word = {singular(name): name for name in groups}
    for name in sorted(item.names.binds):
        words = [word.lower() for word in WORD.findall(name)]
        joined = ["_".join(pair) for pair in itertools.pairwise(words)]
        for word in [*joined, *words]:
            if singular(word) in of_word:
                return of_word[singular(word)]
    return None
