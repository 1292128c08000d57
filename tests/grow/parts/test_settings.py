"""Settings in one class: the same names, defaults and moments, or a refusal that names the line."""

from __future__ import annotations

import sys

import pytest
from apps import SHOP
from conftest import ask_both, grow_trusting
from ledger import LEDGER

from fastapi_grow.edits import patch_edits
from fastapi_grow.evidence import project_of
from fastapi_grow.externals import externals
from fastapi_grow.growth import Growth
from fastapi_grow.large.arrangement import read_arrangement
from fastapi_grow.large.grow import enlarge
from fastapi_grow.large.settings import settings_of
from fastapi_grow.large.settings_choice import Gathering, Ungathered, gather
from fastapi_grow.large.settings_step import gather_settings, settings_home, with_class
from fastapi_grow.results import Done
from fastapi_grow.tree import write_tree

APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/x")
def read_x():
    return {x}
"""


def chosen(write, text: str, files=None) -> tuple[Growth, Gathering]:
    growth = grow_trusting(write(text, files))
    layered = read_arrangement(None)
    enlarge(growth, layered, small=0)
    return growth, gather(growth.layout, settings_home(growth.layout, layered))


@pytest.fixture
def gathered(write):
    """The folders of an app before and after its settings are gathered, and what was chosen."""

    def gathered(text, files=None):
        growth, found = chosen(write, text, files)
        layout = with_class(growth.layout, found)
        old = growth.layout.identity.folder
        known = externals(layout.identity, project_of(old / "main.py"))
        edits = {path.name: changed for path, changed in patch_edits(layout, known).items()}
        files = {**(files or {}), **write_tree(layout).files, **edits}
        return old, write(text, files, "new/main.py").parent, found

    return gathered


def settings_in(folder) -> str:
    """The module with the class."""
    return next(p.read_text() for p in folder.rglob("*.py") if "(BaseSettings)" in p.read_text())


READS = """import os
from pathlib import Path
BASE = Path("/srv")
NAME = os.getenv("NAME", "ann")  # who
# how many
COUNT = int(os.getenv("COUNT", "3"))
SHARE = float(os.environ.get("SHARE", 0.5))
NONE = os.environ.get("NONE")
PORT = os.getenv("PORT", 8000)
MUST = os.environ["MUST"]
PLACE = os.getenv("PLACE", f"{BASE}/data")
FLAG = os.getenv("FLAG", "false").lower() == "true"
LIMIT = 10 * 1024**2  # bytes
def late(name="x"):
    return os.getenv("LATE", "never"), os.getenv("NAME", "ann"), os.environ.get("AGAIN")
""" + APP.format(x="[NAME, COUNT, SHARE, NONE, PORT, MUST, PLACE, FLAG, LIMIT, *late()]")
ASK = """
import os
os.environ.update({given})
import main
os.environ.update({later})
from fastapi.testclient import TestClient
print(TestClient(main.app).get("/x").json())
"""


@pytest.mark.parametrize(
    ("given", "later"),
    [
        pytest.param({}, {}, id="nothing is set"),
        pytest.param({"NAME": "bob", "COUNT": " 7 ", "SHARE": "1e3", "PORT": "9", "FLAG": "True",
                      "PLACE": "", "NONE": "", "LIMIT": "1"}, {}, id="all is set before the start"),
        pytest.param({"name": "bob", "Count": "7"}, {}, id="names are set in other letters"),
        pytest.param({}, {"NAME": "bob", "COUNT": "7", "LATE": "now", "AGAIN": "yes"},
                     id="they are set after the import, as by a test"),
    ],
)  # fmt: skip
def test_settings_have_the_values_that_the_reads_had(gathered, given, later):
    old, new, _found = gathered(READS)
    before, after = ask_both(ASK.format(given=given | {"MUST": "m"}, later=later), old, new)
    assert "Traceback" not in before
    assert after == before


@pytest.mark.parametrize("text", ["3", "-3", "+3", " 3\n", "1_000", "3.0", "0x10", "", "x", "٣"])
def test_a_number_is_read_by_the_rules_of_python(gathered, text):
    old, new, _found = gathered(READS)
    script = f"import os\nos.environ['COUNT'] = {text!r}\nos.environ['MUST'] = 'm'\ntry:\n"
    script += "    import main\n    from fastapi.testclient import TestClient\n"
    script += "    print(TestClient(main.app).get('/x').json()[1])\n"
    script += "except ValueError:\n    print('no number')\n"
    before, after = ask_both(script, old, new)
    assert "Traceback" not in before
    assert after == before


def test_one_class_names_every_variable_with_its_default(gathered):
    _old, new, found = gathered(READS)
    text = settings_in(new)
    for line in (
        "    COUNT: Annotated[int, BeforeValidator(int)] = 3\n",
        "    NONE: str | None = None\n",
        "    PORT: str | int = 8000\n",
        "    MUST: str\n",
        '    PLACE: str = f"{BASE}/data"\n',
        '    FLAG: str = "false"\n',
        "    LIMIT: ClassVar[int] = 10 * 1024**2  # bytes\n",
        "    # how many\n",
    ):
        assert line in text, text
    assert found.left == []
    assert "getenv" not in "".join(
        path.read_text() for path in new.rglob("*.py") if path.read_text() != text
    )


def test_a_name_that_was_a_setting_and_no_more_goes_away(gathered):
    _old, new, _found = gathered(READS)
    modules = "".join(path.read_text() for path in new.rglob("*.py"))
    assert "settings.COUNT, " in modules
    assert "COUNT = settings" not in modules
    assert "# how many" in modules


@pytest.mark.parametrize(
    "use",
    [
        pytest.param('monkeypatch.setattr("main.COUNT", 1)', id="a test patches it"),
        pytest.param("from main import COUNT", id="a test imports it"),
    ],
)
def test_a_name_that_others_take_stays(gathered, use):
    files = {"test_main.py": f"def test(monkeypatch):\n    {use}\n"}
    _old, new, _found = gathered(READS, files)
    assert "COUNT = settings.COUNT" in settings_in(new)


def test_what_is_read_at_two_moments_is_read_at_each(gathered):
    _old, new, found = gathered(READS)
    assert found.properties == {"NAME", "LATE", "AGAIN"}
    assert 'return os.getenv("NAME", "ann")' in settings_in(new)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param('A = os.getenv("A", "1")\nB = os.getenv("A", "2")', "A has another default",
                     id="two defaults"),
        pytest.param("def f(name):\n    return os.getenv(name)", "decided as it runs",
                     id="a name that is worked out"),
        pytest.param("B = dict(os.environ)", "used as a whole", id="all of the environment"),
        pytest.param('B = os.getenv("my-name")', "cannot be the name", id="no name for a field"),
        pytest.param('B = os.getenv("copy")', "cannot be the name", id="a name that models have"),
        pytest.param('B = os.getenv("B", made())\ndef made():\n    return 1', "worked out",
                     id="a default that is worked out"),
        pytest.param('B = os.getenv(\n    "B"  # why\n)', "comment within", id="a comment inside"),
        pytest.param('LATER = "x"\nB = os.getenv("B", LATER)', "comes later",
                     id="a default from further down"),
        pytest.param('os.environ["B"] = "set"\nB = os.getenv("B")', "B is set in line 3",
                     id="a variable that the app sets itself"),
    ],
)  # fmt: skip
def test_a_read_that_no_setting_can_stand_for_stays_and_is_named(write, text, reason):
    whole = 'import os\nFINE = os.getenv("FINE", "1")\n' + text + APP.format(x="FINE")
    _growth, found = chosen(write, whole)
    assert [str(left) for left in found.left if reason in left.reason], found.left
    assert "FINE" in found.variables


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("import os", "nothing reads", id="nothing to gather"),
        pytest.param(
            "import os\nfrom pydantic_settings import BaseSettings\n"
            'class Mine(BaseSettings):\n    a: int = 1\nB = os.getenv("B")',
            "Mine (line 3) is a settings class already; read beside it: line 5",
            id="a class of its own",
        ),
        pytest.param('import os\nsettings = Settings = 1\napp_settings = os.getenv("B")',
                     "names settings and app_settings are taken", id="no name is free"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_gathered_say_why(write, text, reason):
    with pytest.raises(Ungathered, match=reason.replace("(", r"\(").replace(")", r"\)")):
        chosen(write, f"{text}\n{APP.format(x=1)}")


def test_example_environment_names_what_it_named_before(write):
    growth, found = chosen(write, LEDGER)
    before = {(s.name, s.default) for s in settings_of(growth.layout.survey)}
    after = {(s.name, s.default) for s in settings_of(with_class(growth.layout, found).survey)}
    assert after == before


@pytest.fixture
def proved(write):
    """Grow an app to layers with its settings gathered and proved; returns the growth, the rest."""

    def proved(text, files=None) -> tuple[Growth, list[str]]:
        growth = grow_trusting(write(text, files), prove=True)
        layered = read_arrangement(None)
        enlarge(growth, layered)
        return growth, gather_settings(growth, layered, sys.executable)

    return proved


def test_settings_are_proved_with_other_values_too(proved):
    growth, left = proved(SHOP)
    assert isinstance(growth.results[-1], Done), growth.results[-1]
    assert (growth.results[-1].moved, left) == (["SHOP_LIMIT"], [])
    assert "settings.SHOP_LIMIT" in "".join(growth.files.values())


def test_a_clock_of_seconds_that_an_answer_tells_is_no_difference(proved):
    clock = "\n\n@app.get('/now')\ndef now() -> int:\n    return int(time.time())\n"
    growth, _left = proved("import time\n" + SHOP + clock)
    assert isinstance(growth.results[-1], Done), growth.results[-1]


SECRETLY = 'os.environ.__setitem__("SHOP_LIMIT", "1")\nLIMIT = int('


def test_a_variable_that_the_app_sets_by_a_back_door_keeps_its_value(proved):
    growth, _left = proved(SHOP.replace("LIMIT = int(", SECRETLY, 1))
    folder = growth.layout.identity.folder
    before = ask_both("import main; print(main.only_some())", folder)
    for path, text in growth.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    script = "import main, app.api.dependencies as d; print(d.only_some())"
    assert ask_both(script, folder) == before == ["1\n"]


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        pytest.param({}, "pip install pydantic-settings", id="alone"),
        pytest.param(
            {"requirements.txt": "fastapi\n"},
            "pip install pydantic-settings, and name it in requirements.txt",
            id="with requirements",
        ),
    ],
)
def test_without_pydantic_settings_the_step_says_what_to_do(write, tmp_path, files, advice):
    growth = grow_trusting(write(SHOP, files))
    enlarge(growth, read_arrangement(None))
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')  # no installed packages
    bare.chmod(0o755)
    assert gather_settings(growth, read_arrangement(None), str(bare)) == []
    assert growth.results[-1].reason == f"not installed beside the app: {advice}"


@pytest.mark.parametrize(
    ("requirements", "done"),
    [
        pytest.param("fastapi\npydantic_settings>=2\n", True, id="requirements that name it"),
        pytest.param("fastapi\nmy-pydantic-settings\n", False, id="requirements without it"),
    ],
)
def test_an_app_whose_requirements_lack_pydantic_settings_keeps_its_settings(
    proved, requirements, done
):
    growth, _left = proved(SHOP, {"requirements.txt": requirements})
    assert isinstance(growth.results[-1], Done) == done
    assert done or "requirements.txt does not name" in growth.results[-1].reason
