"""Classes that share a name keep the module that is part of their OpenAPI key."""

import libcst as cst
from rewrites.cases import rewritten, text

from fastapi_grow.rewrites import model_name


def test_a_class_with_a_name_of_its_own_stays():
    statement = "class A(BaseModel):\n    x: int"
    namesakes = frozenset({"Settings"})
    assert rewritten(model_name.rewrite, statement, namesakes=namesakes) == text(statement)


def test_namesakes_and_what_holds_them_keep_their_module():
    code = rewritten(
        model_name.rewrite,
        "class A(BaseModel):\n    class Settings(BaseModel):\n        x: int",
        namesakes=frozenset({"Settings"}),
    )
    assert code.count('__module__ = "main"') == 2


def test_namesakes_are_classes_with_bases_that_occur_twice():
    module = cst.parse_module(
        "class A(B):\n class S(B): x=1\nclass C(B):\n class S(B): x=1\nclass D: y=1"
    )
    assert model_name.namesakes(module) == frozenset({"S"})
