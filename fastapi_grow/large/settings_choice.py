"""Which reads of the environment become settings, and why the others stay where they are.

What is read once becomes a field. What is read whenever a function is called becomes a property,
which reads at that same moment.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastapi_grow.large.settings_names import Constant, constants_in, folded_name
from fastapi_grow.large.settings_reads import FUNCTIONS, Left, Read, reads_of, written_by
from fastapi_grow.layers import SETUP
from fastapi_grow.layout import Layout
from fastapi_grow.survey import Item, Survey

TAKEN = {
    "construct", "copy", "dict", "fields", "from_orm", "json", "parse_file", "parse_obj",
    "parse_raw", "schema", "schema_json", "settings_customise_sources", "update_forward_refs",
    "validate",
}  # fmt: skip
MAKING = {"os.path.join", "pathlib.Path", "str"}  # calls that only make a value
NEEDED = ("Annotated", "BaseSettings", "BeforeValidator", "ClassVar", "SettingsConfigDict")


class Ungathered(ValueError):
    """There is nothing to gather, or nothing that could be; the text says why."""


@dataclass
class Gathering:
    """What becomes a setting; `at` is the statement of MAIN that the class comes before."""

    home: str  # the module of the class
    reads: list[Read]
    left: list[Left]
    at: int = 0
    next: int = -1  # the statement that comes after the class in its module
    names: tuple[str, str] = ("Settings", "settings")
    properties: set[str] = field(default_factory=set)
    constants: list[Constant] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)  # a name of MAIN -> its setting

    @property
    def variables(self) -> list[str]:
        """Every variable once, in the order of MAIN."""
        return list(dict.fromkeys(read.name for read in self.reads))


def gather(layout: Layout, home: str) -> Gathering:
    """Choose what can be a setting in the module `home`; raises Ungathered."""
    survey = layout.survey
    reads, left = reads_of(survey)
    own = next((item for item in survey.items.values() if _is_settings(survey, item)), None)
    if own:
        told = f"{own.title} (line {own.statement.line}) is a settings class already"
        lines = ", ".join(str(read.line) for read in reads)
        raise Ungathered(f"{told}; read beside it: line {lines}" if lines else told)
    if not reads:
        raise Ungathered(str(left[0]) if left else "nothing reads the environment")
    found = Gathering(home, reads, left, names=_free_names(survey))
    _leave(found, _unfit(layout, found.reads))
    _leave(found, _set_by_main(survey, found.reads))
    _leave(found, _unlike(found.reads))
    found.at = min((read.item for read in found.reads), default=0)
    _leave(found, _unready(survey, found))
    if not found.reads:
        raise Ungathered(str(found.left[0]))
    found.at = min(read.item for read in found.reads)
    found.properties = {read.name for read in found.reads if not read.once}
    found.reads = [r.plain if r.name in found.properties else r for r in found.reads]
    _fold(layout, found)
    found.next = next((i for i in survey.items if _follows(layout, found, i)), -1)
    return found


def _follows(layout: Layout, found: Gathering, index: int) -> bool:
    binds = layout.survey.items[index].names.binds
    return index >= found.at and layout.homes[index] == found.home and not binds & set(found.folded)


def _is_settings(survey: Survey, item: Item) -> bool:
    """A class of pydantic's settings, or a model by that name that is filled from os.environ."""
    tree = item.statement.tree
    if not isinstance(tree, ast.ClassDef):
        return False
    bases = {survey.resolve(base) for base in tree.bases}
    by_hand = tree.name.endswith("Settings") and "pydantic.BaseModel" in bases
    return item.kind == "settings" or by_hand


def _leave(found: Gathering, reasons: Mapping[int, str]) -> None:
    """Take out the reads at these places of the list."""
    for number, reason in reasons.items():
        found.left.append(Left(found.reads[number].line, reason))
    found.reads = [read for number, read in enumerate(found.reads) if number not in reasons]
    found.left.sort(key=lambda left: left.line)


def _free_names(survey: Survey) -> tuple[str, str]:
    tree = ast.parse(survey.source.text)
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    words |= {*survey.definers, *survey.imported}
    if words & set(NEEDED) - {name for name in NEEDED if name in survey.imported}:
        raise Ungathered("a name of pydantic's has another meaning here")
    for pair in (("Settings", "settings"), ("AppSettings", "app_settings")):
        if not words & set(pair):
            return pair
    raise Ungathered("the names settings and app_settings are taken")


def _unfit(layout: Layout, reads: Sequence[Read]) -> dict[int, str]:
    """Reads that no field could stand for, by place in the list."""
    survey = layout.survey
    found = {}
    for number, read in enumerate(reads):
        name, item = read.name, survey.items[read.item]
        if not name.isidentifier() or name.startswith(("_", "model_")) or name in TAKEN:
            found[number] = f"{name} cannot be the name of a field"
        elif layout.homes[read.item] == SETUP:
            found[number] = f"{name} is read before everything else"
        elif "#" in (ast.get_source_segment(item.statement.text, read.node) or ""):
            found[number] = f"there is a comment within the read of {name}"
        elif not _is_plain(survey, item, read.default):
            found[number] = f"the default of {name} is worked out as it runs"
    return found


def _is_plain(survey: Survey, item: Item, default: ast.expr | None) -> bool:
    """Is it a constant, or made of module-level names by nothing that has an effect?"""
    if default is None or isinstance(default, ast.Constant):
        return not isinstance(getattr(default, "value", None), bytes)
    local = {
        getattr(node, "id", getattr(node, "arg", None))
        for node in ast.walk(item.statement.tree)
        if isinstance(node, ast.arg) or isinstance(getattr(node, "ctx", None), ast.Store)
    } - item.names.binds  # fmt: skip
    for node in ast.walk(default):
        if isinstance(node, ast.Call) and survey.resolve(node.func) not in MAKING:
            return False
        if isinstance(node, ast.Name) and node.id in local:
            return False
    return isinstance(default, ast.JoinedStr | ast.Call | ast.Name | ast.BinOp | ast.Attribute)


def _set_by_main(survey: Survey, reads: Sequence[Read]) -> dict[int, str]:
    """Reads of variables that MAIN itself sets, and reads that come before it sets any."""
    last = max((read.item for read in reads if not read.later), default=-1)
    found: dict[int, str] = {}
    for index, item in survey.items.items():
        if index > last or isinstance(item.statement.tree, FUNCTIONS | ast.ClassDef):
            continue
        written, line = written_by(survey, item), item.statement.line
        for number, read in enumerate(reads):
            if written is None and read.item <= index and not read.later:
                found[number] = f"{read.name} is read before line {line} sets variables"
            elif written and read.name in written and not read.later:
                found[number] = f"{read.name} is set in line {line}"
    return found


def _unlike(reads: Sequence[Read]) -> dict[int, str]:
    """Reads of one variable by another default than the first of them."""
    first: dict[str, Read] = {}
    return {
        number: f"{read.name} has another default in line {first[read.name].line}"
        for number, read in enumerate(reads)
        if first.setdefault(read.name, read).key() != read.key()
    }


def _unready(survey: Survey, found: Gathering) -> dict[int, str]:
    """Fields whose default needs a name that is bound only after the class."""
    reasons = {}
    for number, read in enumerate(found.reads):
        names = [n.id for n in ast.walk(read.default or ast.Pass()) if isinstance(n, ast.Name)]
        late = [n for n in names if any(i >= found.at for i in survey.definers.get(n, []))]
        if late:
            reasons[number] = f"the default of {read.name} needs {late[0]}, which comes later"
    return reasons


def _fold(layout: Layout, found: Gathering) -> None:
    """Which names of MAIN are settings and no more, and which constants join them."""
    survey = layout.survey
    used = {
        node.id
        for read in found.reads
        for node in ast.walk(read.default or ast.Pass())
        if isinstance(node, ast.Name)
    }
    for read in found.reads:
        name = folded_name(layout, survey.items[read.item], read.node, found.at)
        if name and read.name not in found.properties and name not in used:
            found.folded[name] = read.name
    fields = {read.name for read in found.reads}
    for constant in constants_in(layout, found.home, found.at):
        if constant.name not in fields | used | set(found.folded):
            found.constants.append(constant)
            found.folded[constant.name] = constant.name
