"""Small pages, done by the runner's reader: what passes, and what goes red."""

from collections.abc import Iterator
from pathlib import Path

import page
import pytest
from reader import Reader, Wrong

SERVER = """
```console server ready=127.0.0.1:8000
$ python3 -m http.server --bind 127.0.0.1 8000
...
```
"""
ASK = """
```console
$ curl -s -o /dev/null -w '%{http_code} %{url}' http://127.0.0.1:8000/
200 http://127.0.0.1:8000/
```
"""
STOP = """
```console stop
...
^C
...
```
"""
PICTURE = """
<!-- picture file=pictures/14-report.png url=http://127.0.0.1:8000/none.html
-->
![None](pictures/14-report.png)
"""
FILE = "```text file=f.txt\none\ntwo\n```\n"
DIFF = "```diff file=f.txt\n--- a/f.txt\n+++ b/f.txt\n@@ -1,2 +1,2 @@\n one\n-{}\n+three\n```\n"
DOCKER = "```console docker\n$ docker run app\n```\n"
RIGHT = {
    "an output that is the page's": "```console\n$ echo a; echo b\na\nb\n```",
    "a command of several lines": "```console\n$ cat <<END\n> a\n> END\na\n```",
    "a folder and a variable that last": (
        "```console\n$ mkdir d; cd d; export A=1\n```\n"
        "```console\n$ basename $PWD; echo $A\nd\n1\n```"
    ),
    "the status that is expected": "```console status=3\n$ (exit 3)\n```",
    "a listing, and a diff that applies": (
        FILE + DIFF.format("two") + "```console\n$ cat f.txt\none\nthree\n```"
    ),
    "a listing below another": (
        FILE + "```text file=f.txt append\nthree\n```\n```console\n$ tail -1 f.txt\nthree\n```"
    ),
    "a server that answers and is stopped": SERVER + ASK + STOP,
    "a stand-in for Docker": DOCKER + "<!-- instead\n$ echo a\na\n-->\n",
    "prose and blocks to be read": "# A\n\n```python\nraise\n```\n<!-- a remark -->\n",
}
WRONG = {
    "another output": "```console\n$ echo a\nb\n```",
    "an output where none is shown": "```console\n$ echo a\n```",
    "no output where one is shown": "```console\n$ true\na\n```",
    "a failure": "```console\n$ false\n```",
    "a success where a failure is expected": "```console status=1\n$ true\n```",
    "a diff that does not apply": FILE + DIFF.format("four"),
    "a diff that applies elsewhere": FILE.replace("one", "zero\none") + DIFF.format("two"),
    "a diff to a file that is not there": DIFF.format("two"),
    "a listing that is not its tested file": "```python file=a.py from=code/02/ask.py\n1\n```",
    "a server that ends": "```console server ready=127.0.0.1:8000\n$ true\n```",
    "a second server on the same port": SERVER + SERVER.replace("server ", "server=b "),
    "a server that is never stopped": SERVER,
    "a stop without a server": STOP,
    "a request without a server": ASK,
    "a picture of a page that is not there": SERVER + PICTURE + STOP,
    "a stand-in that goes wrong": DOCKER + "<!-- instead\n$ false\n-->\n",
}
UNREADABLE = {
    "a Docker block without a stand-in": DOCKER,
    "a stand-in for nothing": "<!-- instead\n$ true\n-->\n",
    "an attribute that nobody knows": "```console srever\n$ true\n```",
    "a console block that begins with output": "```console\na\n```",
    "a listing without a file": "```python from=code/02/ask.py\n```",
}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "course"
    folder.mkdir()
    reader = Reader(folder, tmp_path / "build")
    yield reader
    reader.servers.end()


def follow(reader: Reader, text: str) -> None:
    """Do what a page of this text says, from its beginning to its end."""
    file = reader.folder.parent / "page.md"
    file.write_text(text)
    steps = page.read(file)
    for step in steps:
        if "docker" not in step.options:
            reader.do(step)
    if steps:
        reader.finish(steps[-1])


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_right(reader: Reader, text: str) -> None:
    follow(reader, text)


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_wrong(reader: Reader, text: str) -> None:
    with pytest.raises(Wrong):
        follow(reader, text)


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(reader: Reader, text: str) -> None:
    with pytest.raises(page.GrammarError):
        follow(reader, text)
