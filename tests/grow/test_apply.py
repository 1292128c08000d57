"""Writing to disk: whatever moment it is interrupted at, the project is the old or the new one."""

from __future__ import annotations

import pytest

from fastapi_grow import apply

OLD, NEW = "old = 1\n", "from app.main import new\n"
FILES = {"main.py": NEW, "app/__init__.py": '"""Parts."""\n', "app/main.py": "new = 2\n"}


class Killed(BaseException):
    """Stands for a signal that leaves no time to clean up."""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "main.py").write_text(OLD)
    (tmp_path / "test_main.py").write_text("before\n")
    return tmp_path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_everything_is_written_and_no_journal_is_left(project):
    changed = apply.write_tree(project / "main.py", FILES, {project / "test_main.py": "after\n"})
    assert contents(project) == {**FILES, "test_main.py": "after\n"}
    assert len(changed) == 4


def test_writing_the_same_again_changes_nothing(project):
    apply.write_tree(project / "main.py", FILES, {})
    assert apply.write_tree(project / "main.py", FILES, {}) == []


@pytest.mark.parametrize("moment", range(5))
def test_after_a_kill_the_next_run_finds_the_old_project(project, monkeypatch, moment):
    killed_at(monkeypatch, moment)
    with pytest.raises(Killed):
        apply.write_tree(project / "main.py", FILES, {project / "test_main.py": "after\n"})
    assert (project / "main.py").read_text() == OLD
    monkeypatch.undo()
    apply.recover(project / "main.py")
    assert contents(project) == {"main.py": OLD, "test_main.py": "before\n"}


def test_after_a_kill_at_the_very_end_the_next_run_keeps_the_new_project(project, monkeypatch):
    monkeypatch.setattr(apply, "recover", lambda main: False)
    apply.write_tree(project / "main.py", FILES, {project / "test_main.py": "after\n"})
    assert (project / apply.JOURNAL).exists()
    monkeypatch.undo()
    assert apply.recover(project / "main.py")
    assert contents(project) == {**FILES, "test_main.py": "after\n"}


def test_the_entry_is_written_last(project, monkeypatch):
    written = []
    replace_file = apply.replace_file
    monkeypatch.setattr(
        apply,
        "replace_file",
        lambda path, text: (written.append(path.name), replace_file(path, text)),
    )
    apply.write_tree(project / "main.py", FILES, {project / "test_main.py": "after\n"})
    assert written[0] == apply.JOURNAL
    assert written[-1] == "main.py"
    assert written[-2] == "test_main.py"


def killed_at(monkeypatch, moment: int) -> None:
    """Let the process die at its `moment`-th write, without any cleaning up."""
    replace_file, count = apply.replace_file, iter(range(100))

    def dying(path, text):
        if next(count) == moment:
            raise Killed
        replace_file(path, text)

    monkeypatch.setattr(apply, "replace_file", dying)
    monkeypatch.setattr(apply, "recover", lambda main: False)
