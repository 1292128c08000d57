"""A reader, who does what a page says, one step after the other, and looks at the result.

Raises Wrong at the first step whose result is not the page's.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import compare
import kept
import listings
import pictures
import ports
from page import TUTORIAL, Step
from servers import Failed, Servers
from shell import Shell

HOME = "/home/you/course"  # what the page calls the folder
REPOSITORY = "https://example.org/classifier"  # what the page clones
QUIET = {  # the same output everywhere
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "GIT_PAGER": "cat",
    "PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "PYTEST_ADDOPTS": "--color=no",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
INHERITED = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "PIP_", "SSL_", "HTTP", "http", "no_", "NO_")


class Wrong(Exception):
    """A step whose result is not the page's. `found`: what it printed, where that differs."""

    def __init__(self, step: Step, why: str, found: str | None = None) -> None:
        super().__init__(f"{step.place}: {step.title}\n{why}")
        self.step, self.found = step, found


def environment(folder: Path, port: int) -> dict[str, str]:
    """Of the reader's terminal: none of this project's own; git knows what stands for the clone."""
    own = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
    inside = Path(os.environ.get("VIRTUAL_ENV", "/nowhere")) / "bin"
    own["PATH"] = os.pathsep.join(p for p in own["PATH"].split(os.pathsep) if p != str(inside))
    git = {
        "GIT_CONFIG_GLOBAL": str(folder / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{TUTORIAL.parent.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": REPOSITORY,
    }
    return own | QUIET | git | {"PORT": str(port), "UVICORN_PORT": str(port)}


class Reader:
    """Does steps in `folder`; the notes of terminals and servers are beside it."""

    def __init__(self, folder: Path, build: Path) -> None:
        self.folder, self.build = folder, build
        self.ports = ports.ten_free()
        notes = folder.with_name(folder.name + ".notes")
        settings = folder / ".gitconfig"
        if not settings.exists():  # the repository may belong to somebody else, as in a container
            settings.write_text("[safe]\n\tdirectory = *\n")
        self.shell = Shell(folder, notes, environment(folder, self.ports.first))
        self.shell.run(":")  # or the first command would seem to change what is exported
        self.servers = Servers(notes)

    def outward(self, text: str) -> str:
        """What this run printed, as the page would show it."""
        kept = re.compile(re.escape(str(self.build / "kept")) + "/[0-9a-f]+/tree")
        text = kept.sub(f"{HOME}/classifier/.venv", text)
        return self.ports.outward(text).replace(str(self.folder), HOME)

    def do(self, step: Step) -> None:
        """Do a step and compare. Raises Wrong."""
        act: dict[str, Callable[[Step], None]] = {
            "command": self.command,
            "server": self.server,
            "stop": self.stop,
            "listing": self.listing,
            "diff": self.listing,
            "picture": self.picture,
        }
        try:
            act[step.kind](step)
        except (Failed, listings.Differs, pictures.Untakable, OSError) as error:
            raise Wrong(step, self.outward(str(error))) from error

    def agrees(self, step: Step, found: str) -> bool:
        return compare.agree(step.expected, self.outward(found))

    def compare(self, step: Step, found: str) -> None:
        found = self.outward(found)
        if not compare.agree(step.expected, found):
            why = f"printed something else:\n{compare.difference(step.expected, found)}"
            raise Wrong(step, why, compare.plain(found))

    def command(self, step: Step) -> None:
        command = self.ports.inward(step.text)
        if "keeps" in step.options:
            result = kept.run(step, command, self.shell, self.build / "kept")
        else:
            result = self.shell.run(command)
        if result.status != int(step.options.get("status", 0)):
            raise Wrong(step, f"status {result.status}, having printed:\n{result.output}")
        self.compare(step, result.output)

    def server(self, step: Step) -> None:
        name, ready = step.options["name"], self.ports.inward(step.options.get("ready", ""))
        self.servers.start(name, self.ports.inward(step.text), self.shell, ready)
        self.compare(step, self.servers.prints(name, lambda text: self.agrees(step, text)))

    def stop(self, step: Step) -> None:
        name = step.options["name"]
        self.servers.stop(name)
        self.compare(step, self.servers.prints(name, lambda text: self.agrees(step, text)))

    def listing(self, step: Step) -> None:
        listings.check(step)
        how = listings.patch if step.kind == "diff" else listings.write
        how(step, self.shell.folder, self.ports.inward(step.text))

    def picture(self, step: Step) -> None:
        made = self.build / "pictures" / Path(step.options["file"]).name
        if not (TUTORIAL / step.options["file"]).exists():
            raise Wrong(step, f"there is no {step.options['file']} (--write makes it)", "")
        pictures.take(step.options["url"], step.text, made, self.ports.inward)

    def finish(self, last: Step) -> None:
        """The end of the chapter: nothing may run any more."""
        if left := self.servers.alive():
            raise Wrong(last, f"the chapter ends, and a server still runs: {left}")
