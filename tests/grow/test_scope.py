"""Which names of the module a statement uses, and when."""

import pytest

from fastapi_grow.scope import names_of

CASES = [
    pytest.param("def f(x): return x", set(), set(), id="a parameter is no name of the module"),
    pytest.param("x = thing.model", {"thing"}, set(), id="nor is an attribute"),
    pytest.param("[x for x in range(3)]", {"range"}, set(), id="nor a comprehension's own"),
    pytest.param("x = Literal['Item']", {"Literal"}, set(), id="nor a string that is a value"),
    pytest.param("def f(a=LIMIT): pass", {"LIMIT"}, set(), id="a default is read at once"),
    pytest.param("def f(): return work()", set(), {"work"}, id="a body is read later"),
    pytest.param("@cached\ndef f(): pass", {"cached"}, set(), id="a decorator is read at once"),
    pytest.param("class A(B):\n    x: C = D", {"B", "C", "D"}, set(), id="so is a class body"),
    pytest.param("class A:\n    date: date", {"date"}, set(), id="even a name it hides"),
    pytest.param("x = lambda: late", set(), {"late"}, id="a lambda is read later"),
    pytest.param("def f(a: 'Item'): pass", set(), {"Item"}, id="a string annotation names a type"),
    pytest.param("x: List['Item']", {"List"}, {"Item"}, id="inside a container too"),
]


@pytest.mark.parametrize(("statement", "now", "later"), CASES)
def test_reads(statement, now, later):
    names = names_of(statement)
    assert (names.now, names.later) == (now, later)


def test_global_rebinds():
    names = names_of("def f():\n    global count\n    count += 1")
    assert names.rebinds == {"count"}
    assert names.binds == {"f"}
