"""A page as a list of steps: what a reader of it does, in order.

The page is Markdown, read by markdown-it-py; steps are its fenced blocks whose info string says
more than a language, its console blocks, and comments that begin with `picture` or `instead`. All
else is prose. The grammar is in tutorial/CONTRIBUTING.md.
"""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

TUTORIAL = Path(__file__).parent.parent
CONSOLE = {"server", "stop", "docker", "shows", "keeps", "of", "ready", "status", "name"}
ATTRIBUTES = {
    "console": CONSOLE,
    "diff": {"file", "from", "to"},
    "listing": {"file", "from", "append"},
    "picture": {"file", "url"},
}


@dataclass(frozen=True)
class Step:
    """One thing to do. `line` is where its text begins in the page, from 1; `span` the lines of
    what it is expected to print, or of the listing, as a slice of the page's lines."""

    kind: str  # command, server, stop, listing, diff or picture
    text: str
    page: Path
    line: int
    span: slice
    expected: str = ""
    options: dict[str, str] = field(default_factory=dict)
    stand_in: bool = False  # done in place of a block that needs Docker

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def title(self) -> str:
        if self.kind in ("listing", "diff", "picture"):
            return f"{self.kind} {self.options['file']}"
        return self.text.splitlines()[0] if self.kind != "stop" else f"stop {self.options['name']}"


class GrammarError(Exception):
    """A page that cannot be read as steps: where, and why."""


def attributes(info: str, kind: str, place: str) -> dict[str, str]:
    """What follows the language of a fence: words, and name=value, quoted as in a shell."""
    found = {}
    for word in shlex.split(info):
        name, _, value = word.partition("=")
        if name not in ATTRIBUTES[kind]:
            raise GrammarError(f"{place}: a {kind} block knows no attribute {name}")
        found[name] = value
    return found


def commands(text: str) -> list[tuple[str, list[str], int]]:
    """The commands of a console block, each with the lines it prints, and where those begin."""
    found: list[tuple[str, list[str], int]] = []
    for number, line in enumerate(text.splitlines()):
        if line.startswith("$ "):
            found.append((line[2:], [], number + 1))
        elif not found:
            raise GrammarError(f"a console block begins with a command, not with {line!r}")
        elif line.startswith("> ") or line == ">":  # only right after a command's line
            command, output, _ = found[-1]
            if output:
                output.append(line)
            else:
                found[-1] = (f"{command}\n{line[2:]}", output, number + 1)
        else:
            found[-1][1].append(line)
    return found


def console(page: Path, info: str, text: str, line: int, stand_in: bool = False) -> list[Step]:
    """The steps of a console block whose first line of text is line number `line`."""
    options = attributes(info, "console", f"{page.name}:{line}")
    if "stop" in options:
        lines = text.splitlines()
        if "^C" not in lines:
            raise GrammarError(f"{page.name}:{line}: a stop block has a line ^C")
        lines.remove("^C")
        span, name = slice(line - 1, line + len(lines)), {"name": options["stop"]}
        expected = "\n".join(lines)
        return [Step("stop", "^C", page, line, span, expected, options | name, stand_in)]
    kind = "server" if "server" in options else "command"
    options.setdefault("name", options.get("server", ""))
    try:
        found = commands(text)
    except GrammarError as error:
        raise GrammarError(f"{page.name}:{line}: {error}") from None
    steps = []
    for command, output, at in found:
        span = slice(line - 1 + at, line - 1 + at + len(output))
        begin = line + at - len(command.splitlines())
        expected = "\n".join(output)
        steps.append(Step(kind, command, page, begin, span, expected, options, stand_in))
    return steps


def fence(page: Path, info: str, text: str, line: int) -> list[Step]:
    """The steps of a fenced block; none when it is only there to be read."""
    language, _, rest = info.partition(" ")
    span = slice(line - 1, line - 1 + len(text.splitlines()))
    if language == "console":
        return console(page, rest, text, line)
    if not rest:
        return []
    kind = "diff" if language == "diff" else "listing"
    options = attributes(rest, kind, f"{page.name}:{line}")
    if "file" not in options:
        raise GrammarError(f"{page.name}:{line}: a {kind} names its file=")
    return [Step(kind, text, page, line, span, "", options)]


def comment(page: Path, text: str, line: int) -> list[Step]:
    """The step in a comment that begins with picture or instead; none in any other."""
    if not text.startswith("<!-- ") or not text.rstrip().endswith("-->"):
        return []
    first, _, rest = text.rstrip().removeprefix("<!-- ").removesuffix("-->").partition("\n")
    word, _, info = first.strip().partition(" ")
    if word == "instead":
        return console(page, info, rest, line + 1, stand_in=True)
    if word == "picture":
        options = attributes(info, "picture", f"{page.name}:{line}")
        return [Step("picture", rest, page, line, slice(line, line), "", options)]
    return []


def read(page: Path) -> list[Step]:
    """The steps of a page in their order. Raises GrammarError."""
    steps: list[Step] = []
    docker: Step | None = None  # the last block that needs Docker, until its stand-in comes
    for token in MarkdownIt().parse(page.read_text()):
        if token.map is None or token.type not in ("fence", "html_block"):
            continue
        line = token.map[0] + 1
        if token.type == "fence":
            found = fence(page, token.info.strip(), token.content, line + 1)
        else:
            found = comment(page, token.content, line)
        stand_in = bool(found) and found[0].stand_in
        if docker and found and not stand_in:
            raise GrammarError(f"{docker.place}: no `instead` follows this docker block")
        if stand_in and not docker:
            raise GrammarError(f"{page.name}:{line}: `instead` follows no docker block")
        if found:
            docker = found[0] if "docker" in found[0].options else None
        steps += found
    if docker:
        raise GrammarError(f"{docker.place}: no `instead` follows this docker block")
    return steps


def chapters() -> list[Path]:
    """The chapters in their order: pages whose names begin with two digits."""
    return sorted(TUTORIAL.glob("[0-9][0-9]-*.md"))
