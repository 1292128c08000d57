"""Writing a step that leaves MAIN as it is: MAIN cannot tell how far it came, the journal does."""

from __future__ import annotations

import pytest
from test_apply import Killed, contents, killed_at

from fastapi_grow import apply

MAIN = "from app.main import app\n"
OLD = {"main.py": MAIN, "app/main.py": "old = 1\n", "app/routers/items.py": "items = 1\n"}
NEW = {"main.py": MAIN, "app/main.py": "new = 2\n", "app/api/items.py": "items = 1\n"}
GONE = ("app/main.py", "app/routers/items.py")


@pytest.fixture
def project(tmp_path):
    for path, text in OLD.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_files_that_have_moved_on_go_away_with_their_folders(project):
    apply.write_tree(project / "main.py", NEW, {}, GONE)
    assert contents(project) == NEW
    assert not (project / "app/routers").exists()


@pytest.mark.parametrize("moment", range(4))
def test_after_a_kill_the_next_run_finds_the_old_project(project, monkeypatch, moment):
    killed_at(monkeypatch, moment)
    with pytest.raises(Killed):
        apply.write_tree(project / "main.py", NEW, {}, GONE)
    monkeypatch.undo()
    apply.recover(project / "main.py")
    assert contents(project) == OLD


def test_after_a_kill_before_the_last_removal_the_next_run_removes(project, monkeypatch):
    monkeypatch.setattr(apply, "recover", lambda main: False)
    apply.write_tree(project / "main.py", NEW, {}, GONE)
    monkeypatch.undo()
    apply.recover(project / "main.py")
    assert contents(project) == NEW
