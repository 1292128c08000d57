"""What agrees with a page, and what must not."""

import compare
import pytest

AGREE = {
    "the same text": ("a\nb", "a\nb\n"),
    "spaces at the ends of lines": ("a", "a  \r\n"),
    "dots for some lines": ("a\n...\nd", "a\nb\nc\nd"),
    "dots for no line": ("a\n...\nb", "a\nb"),
    "dots for all lines": ("...", "a\nb"),
    "dots within a line": ("a … c", "a b c"),
    "another time": ('"at":"2026-01-02T03:04:05.678901Z"', '"at":"2027-02-03T04:05:06.000001Z"'),
    "another process": ("Started server process [12]", "Started server process [3456]"),
    "another duration": ("2 passed in 0.51s", "2 passed in 11.20s"),
    "the last digits of a float": ("1.4247331046890967e-22", "1.4247331046890111e-22"),
    "nothing": ("", ""),
}
DIFFER = {
    "another line": ("a\nb", "a\nc"),
    "a line more": ("a", "a\nb"),
    "a line less": ("a\nb", "a"),
    "a line that dots do not reach": ("a\n...\nd", "a\nb\nc"),
    "another beginning of a line with dots": ("a … c", "b b c"),
    "no output at all": ("a", ""),
    "some output for none": ("", "a"),
    "another species": ('"species":"Iris-setosa"', '"species":"Iris-virginica"'),
    "another id": ('{"id":17}', '{"id":18}'),
    "another status": ("HTTP/1.1 200 OK", "HTTP/1.1 500 Internal Server Error"),
    "another number of tests": ("2 passed in 0.51s", "3 passed in 0.51s"),
    "another model": ('"model":"f7c7df1bdcd1"', '"model":"f7c7df1bdcd2"'),
    "the first digits of a float": ("0.9990706", "0.9989906"),
    "another verdict": ("the second is faster: True", "the second is faster: False"),
    "a regular expression taken as one": ("a.c", "abc"),
}


@pytest.mark.parametrize(("page", "output"), AGREE.values(), ids=AGREE)
def test_agrees(page: str, output: str) -> None:
    assert compare.agree(page, output)


@pytest.mark.parametrize(("page", "output"), DIFFER.values(), ids=DIFFER)
def test_differs(page: str, output: str) -> None:
    assert not compare.agree(page, output)
