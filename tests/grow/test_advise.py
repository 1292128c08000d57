"""Which stage suits an app."""

import pytest

from fastapi_grow.advise import advise

HEAD = "from fastapi import FastAPI\napp = FastAPI()\n"
ROUTE = "@app.get('/{0}/{1}')\ndef route{0}_{1}():\n    return 1\n"


def text(lines: int, routes: int, resources: int = 3) -> str:
    body = "".join(ROUTE.format(number % resources, number) for number in range(routes))
    return (HEAD + body).ljust(1) + "# more\n" * (lines - 2 - 3 * routes)


@pytest.mark.parametrize(
    ("lines", "routes", "verdict"),
    [
        pytest.param(300, 5, "Stay tiny", id="300 lines"),
        pytest.param(300, 40, "Stay tiny", id="300 lines with many routes"),
        pytest.param(440, 10, "Stay tiny", id="somewhat longer with few routes"),
        pytest.param(440, 40, "Grow small (", id="somewhat longer with many"),
        pytest.param(900, 10, "Grow small (", id="900 lines"),
        pytest.param(4000, 90, "Grow small first", id="4,000 lines"),
    ],
)
def test_verdict(write, lines, routes, verdict):
    assert advise(write(text(lines, routes)))[0].startswith(verdict)


def test_it_says_what_belongs_together(write):
    advice = advise(write(text(900, 30)))
    assert advice[1].startswith("900 lines, 30 routes, ")
    assert any("/0/0, /0/3" in line for line in advice)


def test_a_grown_app_is_told_so(write):
    main = write("from app.main import app\n\n__all__ = ['app']\n")
    assert advise(main) == ["main.py has grown already."]
