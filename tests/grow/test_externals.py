"""What other files take from MAIN, and which of them mean another file of the same name."""

import pytest

from fastapi_grow.externals import externals
from fastapi_grow.identity import Identity

FOREIGN = [
    pytest.param("examples/test_main.py", "from main import app", id="another main.py beside it"),
    pytest.param("other.py", "x = 'main.predict'", id="a string that patches nothing"),
    pytest.param("other.py", "import maintenance", id="a longer name"),
]
OURS = [
    pytest.param("test_main.py", "from main import app", {"app"}, set(), id="a name"),
    pytest.param("tests/test_x.py", "from main import app", {"app"}, set(), id="from below"),
    pytest.param("a.py", "import main as m\nm.work()", {"work"}, set(), id="an attribute"),
    pytest.param("a.py", "import main\nmain.x = 1", {"x"}, {"x"}, id="an assignment"),
    pytest.param("a.py", 'patch("main.x.y")', set(), {"x"}, id="a patch by name"),
    pytest.param("a.py", 'import main\nm.setattr(main, "x", 1)', {"x"}, {"x"}, id="by object"),
]


@pytest.fixture
def read(tmp_path):
    def read(path, text):
        for name in ("main.py", "examples/main.py", path):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text if name == path else "")
        identity = Identity(tmp_path / "main.py", tmp_path, "main", "app")
        return externals(identity, tmp_path)

    return read


@pytest.mark.parametrize(("path", "text"), FOREIGN)
def test_takes_nothing(read, path, text):
    assert read(path, text) == []


@pytest.mark.parametrize(("path", "text", "names", "patched"), OURS)
def test_takes(read, path, text, names, patched):
    [found] = read(path, text)
    assert (found.names, found.patched) == (names, patched)
