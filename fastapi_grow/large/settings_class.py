"""MAIN with its settings in one class: the text as it would have been written.

The defaults and the names are those of the reads. A name of MAIN that is a setting and no more goes
away: `settings.PORT` stands where `PORT` did.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import libcst as cst

from fastapi_grow.large.settings_choice import Gathering
from fastapi_grow.large.settings_names import comments_of, segment
from fastapi_grow.large.settings_reads import Read
from fastapi_grow.place import Place
from fastapi_grow.rewrites import rebound
from fastapi_grow.source import Statement
from fastapi_grow.survey import Survey

CLASS = '''

class {name}(BaseSettings):
    """What the environment decides; each name is that of its variable.{constants}"""

    model_config = SettingsConfigDict(case_sensitive=True)

{body}


{instance} = {name}()
'''
CONSTANTS = " A ClassVar is fixed."
PROPERTY = """
    @property
    def {name}(self) -> {returns}:
        return {read}
"""


def rewritten(survey: Survey, found: Gathering) -> tuple[str, dict[int, int], range]:
    """The new MAIN; where each statement that remains has gone, and which two are new."""
    pieces: list[tuple[int | None, str]] = []
    for statement in survey.source.statements:
        if statement.index == found.at:
            pieces += [(None, line) for line in _imports(survey, found)]
            pieces.append((None, _class(survey, found)))
        if not _is_folded(survey, statement, found):
            text = _changed(survey, statement, found)
            near = statement.index == found.next and not text.startswith("\n")
            pieces.append((statement.index, f"\n{text}" if near else text))
    class_at = max(place for place, (index, _) in enumerate(pieces) if index is None)
    moved = {
        index: place + (place > class_at)  # the class and its instance are two statements
        for place, (index, _) in enumerate(pieces)
        if index is not None
    }
    text = survey.source.header + "".join(text for _, text in pieces) + survey.source.footer
    return text, moved, range(class_at, class_at + 2)


def _is_folded(survey: Survey, statement: Statement, found: Gathering) -> bool:
    item = survey.items.get(statement.index)
    return item is not None and bool(item.names.binds & set(found.folded))


def _imports(survey: Survey, found: Gathering) -> list[str]:
    lines = ["from pydantic_settings import BaseSettings, SettingsConfigDict\n"]
    if any(read.convert for read in found.reads):
        lines += ["from typing import Annotated\n", "from pydantic import BeforeValidator\n"]
    if found.constants:
        lines.append("from typing import ClassVar\n")
    if found.properties and not any(entry.name == "os" for entry in survey.imports):
        lines.append("import os\n")
    return lines


def _changed(survey: Survey, statement: Statement, found: Gathering) -> str:
    """The statement with settings in the place of reads and of folded names."""
    text = statement.text
    mine = [read for read in found.reads if read.item == statement.index]
    for read in sorted(mine, key=lambda r: (r.node.lineno, r.node.col_offset), reverse=True):
        text = _with(text, read.node, f"{found.names[1]}.{read.name}")
    item = survey.items.get(statement.index)
    through = {name: f"{found.names[1]}.{setting}" for name, setting in found.folded.items()}
    if item is None or not item.names.reads & set(through):
        return text
    module = cst.parse_module(text)  # whose header has the comments above
    place = Place(found.home, "", "", through=through)
    return module.with_changes(body=[rebound.rewrite(part, place) for part in module.body]).code


def _with(text: str, node: ast.expr, new: str) -> str:
    """`text` with `new` in the place of `node`, whose columns count bytes."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: (node.end_lineno or 1) - 1])) + (node.end_col_offset or 0)
    whole = b"".join(lines)
    return (whole[:start] + new.encode() + whole[end:]).decode()


def _class(survey: Survey, found: Gathering) -> str:
    return CLASS.format(
        name=found.names[0],
        instance=found.names[1],
        body="\n".join(_body(survey, found)).strip("\n"),
        constants=CONSTANTS if found.constants else "",
    )


def _body(survey: Survey, found: Gathering) -> Iterator[str]:
    """The lines of the class, as their statements came in MAIN."""
    seen: set[str] = set()
    rows: list[tuple[int, str]] = []
    for read in found.reads:
        if read.name in found.properties or read.name in seen:
            continue
        seen.add(read.name)
        item = survey.items[read.item]
        alone = bool(item.names.binds & set(found.folded))
        above, behind = comments_of(item) if alone else ("", "")
        rows.append((read.line, f"{above}    {_field(survey, read)}{behind}"))
    rows += [(c.line, f"{c.above}    {c.text}{c.behind}") for c in found.constants]
    yield from (text for _, text in sorted(rows))
    for name in dict.fromkeys(r.name for r in found.reads if r.name in found.properties):
        read = next(read for read in found.reads if read.name == name)
        yield PROPERTY.format(
            name=name, returns=_kind_of(read), read=_as_read(survey, read)
        ).rstrip("\n")


def _field(survey: Survey, read: Read) -> str:
    kind = read.convert or _kind_of(read)
    if read.convert:  # by Python's own rules, which pydantic's are not quite
        kind = f"Annotated[{kind}, BeforeValidator({kind})]"
    if read.required:
        return f"{read.name}: {kind}"
    default = segment(survey.items[read.item], read.default) if read.default else "None"
    if read.convert and isinstance(read.default, ast.Constant):
        value: Any = read.default.value
        default = repr(float(value) if read.convert == "float" else int(value))
    return f"{read.name}: {kind} = {default}"


def _kind_of(read: Read) -> str:
    if read.required:
        return "str"
    value = read.default.value if isinstance(read.default, ast.Constant) else ""
    if read.default is None or value is None:
        return "str | None"
    return "str" if isinstance(value, str) else f"str | {type(value).__name__}"


def _as_read(survey: Survey, read: Read) -> str:
    if read.required:
        return f'os.environ["{read.name}"]'
    default = f", {segment(survey.items[read.item], read.default)}" if read.default else ""
    return f'os.getenv("{read.name}"{default})'
