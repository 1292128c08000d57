"""Is what a command printed what the page shows? Text against text, line by line.

What differs from run to run (times, process numbers, versions) is replaced on both sides by the
name of its pattern in patterns.toml. A line `...` of the page stands for any lines, `…` within a
line for any text within it. All else must be the same.
"""

import difflib
import re
import tomllib
from functools import cache
from pathlib import Path

PATTERNS = Path(__file__).parent.parent / "patterns.toml"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")
LONG_FLOAT = re.compile(r"(?<![\w.])\d+\.\d{7,}(?:e[+-]?\d+)?(?![\w.])|(?<![\w.])\d\.\d+e-\d+")


@cache
def patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Name and expression of each pattern, in the order of the file, which is that of use."""
    table = tomllib.loads(PATTERNS.read_text())["pattern"]
    return [(f"<{name}>", re.compile(one, re.MULTILINE)) for name, one in table.items()]


def plain(text: str) -> str:
    """The text without colours, carriage returns, and spaces at the ends of lines."""
    lines = [line.rstrip() for line in CONTROL.sub("", text).expandtabs().split("\n")]
    return "\n".join(lines).strip("\n")


def normal(text: str) -> str:
    """The text as it is compared: patterns by name, floats to six digits."""
    text = plain(text)
    for name, expression in patterns():
        text = expression.sub(name, text)
    # The last digits depend on the processor.
    return LONG_FLOAT.sub(lambda number: f"{float(number[0]):.6g}", text)


def expression(expected: str) -> str:
    """A regular expression for what the page shows."""
    parts = []
    for line in normal(expected).split("\n"):
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line).replace("…", ".*?") + r"\n")
    return "".join(parts)


def agree(expected: str, found: str) -> bool:
    """Whether the output found is the expected one."""
    return re.fullmatch(expression(expected), normal(found) + "\n") is not None


def difference(expected: str, found: str) -> str:
    """For a person: the page's lines (-) against those that came (+)."""
    before, after = normal(expected).split("\n"), normal(found).split("\n")
    return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=2))[2:])
