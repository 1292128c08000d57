"""What running a statement touches, and which statements may therefore not change places.

A definition touches nothing. A call touches what the tables below say; a call they do not know
touches everything, so it keeps its place among all others that touch something.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_grow.bundles import closure
from fastapi_grow.survey import Item, Survey
from fastapi_grow.value_kinds import MUTATORS

EVERYTHING = frozenset({"env", "files", "logging", "random", "output", "tables", "unknown"})

READS = {
    "env": ("os.getenv", "os.environ", "decouple.", "environ.", "starlette.config."),
    "files": ("os.path.exists", "os.path.isdir", "os.path.isfile", "os.listdir",
              "fastapi.staticfiles.", "starlette.staticfiles.", "numpy.load", "pandas.read_"),
    "tables": (),
}  # fmt: skip
WRITES = {
    "env": ("dotenv.load_dotenv", "os.environ.setdefault", "os.environ.update", "os.putenv"),
    "files": ("os.makedirs", "os.mkdir", "shutil."),
    "logging": ("logging.basicConfig", "logging.config.", "logging.disable", "warnings."),
    "random": ("random.", "numpy.random.", "secrets.", "uuid.", "os.urandom"),
    "output": ("print",),
}  # fmt: skip
PURE = (
    "os.path.", "pathlib.", "re.", "datetime.", "decimal.", "fractions.", "collections.",
    "logging.getLogger", "typing.", "typing_extensions.", "fastapi.", "starlette.", "pydantic.",
    "passlib.", "pwdlib.", "sqlalchemy.", "sqlmodel.", "threading.",
    "asyncio.Lock", "asyncio.Queue", "asyncio.Event",
    "asyncio.Semaphore", "asyncio.Condition", "contextlib.", "functools.", "itertools.",
    "operator.", "string.", "time.time", "time.monotonic", "time.perf_counter", "json.dumps",
    "json.loads", "hashlib.", "base64.", "enum.", "dataclasses.", "abc.", "zoneinfo.",
    "contextvars.", "celery.", "types.", "weakref.", "copy.", "math.", "statistics.",
    "bcrypt.", "fastapi_offline.", "numpy.", "anyio.", "slowapi.", "httpx.",
    "concurrent.futures.ThreadPoolExecutor", "os.getcwd", "os.cpu_count",
)  # fmt: skip
BUILTINS = {
    "list", "dict", "set", "tuple", "frozenset", "str", "int", "float", "bool", "bytes", "len",
    "range", "sorted", "reversed", "min", "max", "sum", "enumerate", "zip", "map", "filter",
    "any", "all", "abs", "round", "object", "type", "isinstance", "getattr", "hasattr", "iter",
    "next", "repr", "ord", "chr", "super", "bytearray", "property", "staticmethod", "classmethod",
}  # fmt: skip
FILE_METHODS = {"mkdir", "touch", "unlink", "rmdir", "write_text", "write_bytes", "symlink_to"}
ENDING = {"sys.exit", "exit", "quit"}
METHODS = {
    "split", "strip", "lower", "upper", "join", "format", "replace", "get", "items", "keys",
    "values", "copy", "startswith", "endswith", "encode", "decode", "resolve", "absolute",
    "isoformat", "strftime", "timestamp", "rstrip", "lstrip", "title", "index", "count", "now",
    "today", "joinpath", "with_suffix", "with_name", "as_posix", "hexdigest", "digest",
    "date", "time", "fromisoformat", "splitlines", "expanduser", "utcnow", "hex",
    "removeprefix", "removesuffix", "partition", "rpartition", "casefold", "union", "total_seconds",
    "get_secret_value", "errors", "with_variant", "where", "order_by", "limit", "in_", "desc",
    "asc", "label",
}  # fmt: skip


@dataclass(frozen=True)
class Effect:
    """What a statement reads and writes besides its own names."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.reads or self.writes)

    def before(self, other: Effect) -> bool:
        """Must a statement with this effect stay in front of one with `other`?"""
        both = (self.writes & (other.reads | other.writes)) | (self.reads & other.writes)
        return bool(both)


# Where the program may end, all that can be seen from outside must have happened, and no more.
END = Effect(frozenset({"files", "unknown"}), frozenset({"output"}))


def effect_of(survey: Survey, item: Item) -> Effect:
    """The effect of running `item` once, at import."""
    reads: set[str] = set()
    writes: set[str] = set()
    for node in _run_at_import(item.statement.tree):
        found = _effect_of_node(survey, node)
        reads |= found.reads
        writes |= found.writes
    if any(_registers_somewhere(survey, d) for d in _decorators(item.statement.tree)):
        writes.add("unknown")
    if item.kind == "table":
        writes.add("tables")
    elif not _near_tables(survey, item):
        reads, writes = reads - {"tables"}, writes - {"tables"}
    return Effect(frozenset(reads), frozenset(writes))


def _near_tables(survey: Survey, item: Item) -> bool:
    """Can it reach the tables at all: through a base, an engine or a session?"""
    kinds = {survey.items[index].kind for index in closure(survey, item.index)}
    return bool(kinds & {"base", "table", "engine", "session"})


def _run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the statement does: not the bodies of functions.

    Decorators are taken to wrap and nothing else; see `_registers_somewhere`.
    """
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        parts: list[ast.AST] = [d for d in tree.args.kw_defaults if d]
        parts += tree.args.defaults
    elif isinstance(tree, ast.Lambda):
        parts = []
    else:
        yield tree
        parts = list(ast.iter_child_nodes(tree))
    for part in parts:
        yield from _run_at_import(part)


def _decorators(tree: ast.stmt) -> list[ast.expr]:
    return getattr(tree, "decorator_list", [])


def _registers_somewhere(survey: Survey, decorator: ast.expr) -> bool:
    """Is it a decorator of MAIN's own that changes something of the module?"""
    for index in survey.definers.get(survey.resolve(decorator).split(".")[0], []):
        tree = survey.items[index].statement.tree
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in MUTATORS:
                return True
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                return True
    return False


def _effect_of_node(survey: Survey, node: ast.AST, seen: frozenset[str] = frozenset()) -> Effect:
    if isinstance(node, ast.Subscript) and survey.resolve(node.value) == "os.environ":
        if isinstance(node.ctx, ast.Load):
            return Effect(reads=frozenset({"env"}))
        return Effect(writes=frozenset({"env"}))
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        if survey.resolve(node) == "os.environ":
            return Effect(writes=frozenset({"env"}))
        return Effect() if _owned(survey, node) else Effect(writes=frozenset({"unknown"}))
    if isinstance(node, ast.Raise | ast.Assert):
        return END
    if isinstance(node, ast.Call):
        return _effect_of_call(survey, node, seen)
    return Effect()


def _owned(survey: Survey, node: ast.Attribute) -> bool:
    return survey.resolve(node.value).split(".")[0] in survey.owners


def _effect_of_call(survey: Survey, call: ast.Call, seen: frozenset[str]) -> Effect:
    name = survey.resolve(call.func)
    if name == "sys.path.insert" or name == "sys.path.append":
        return Effect(writes=frozenset({"unknown"}))
    reads = frozenset(what for what, names in READS.items() if name.startswith(names))
    writes = frozenset(what for what, names in WRITES.items() if name and name.startswith(names))
    if name.endswith(".create_all"):
        return Effect(frozenset({"tables"}), frozenset({"files", "output", "tables"}))
    if reads or writes:
        return Effect(reads, writes)
    if name in ENDING:
        return END
    if isinstance(call.func, ast.Attribute) and call.func.attr in FILE_METHODS:
        return Effect(writes=frozenset({"files"}))
    if _makes_settings(survey, name):
        return Effect(reads=frozenset({"env", "files"}))
    if _is_pure(survey, call, name):
        return Effect()
    own = _effect_of_own(survey, name, seen)
    return Effect(EVERYTHING, EVERYTHING) if own is None else own


def _effect_of_own(survey: Survey, name: str, seen: frozenset[str]) -> Effect | None:
    """What a function of MAIN does when it is called; None when `name` is none, or too deep."""
    where = survey.definers.get(name, [])
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    trees = [survey.items[index].statement.tree for index in where]
    if not trees or name in seen or not all(isinstance(tree, functions) for tree in trees):
        return None
    reads: set[str] = set()
    writes: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        found = _effect_of_node(survey, node, seen | {name})
        reads |= found.reads
        writes |= found.writes
    changed = any(survey.items[index].names.rebinds for index in where)
    return Effect(frozenset(reads), frozenset(writes | ({"unknown"} if changed else set())))


def _is_pure(survey: Survey, call: ast.Call, name: str) -> bool:
    first, _, rest = name.partition(".")
    if name.startswith(PURE) or name in BUILTINS or first in survey.owners:
        return True
    if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
        return True
    made = [survey.items[index] for index in survey.definers.get(first, [])]
    if made and not rest:
        return all(_makes_plain_object(item) for item in made)
    return bool(made) and all(item.kind in {"router", "app", "task", "security"} for item in made)


def _makes_settings(survey: Survey, name: str) -> bool:
    """Is it `Settings()` or `Settings.model_validate(...)`, which may read .env?"""
    first, _, method = name.partition(".")
    items = [survey.items[index] for index in survey.definers.get(first, [])]
    plain = all(item.kind == "settings" and not item.waits for item in items)
    return bool(items) and plain and method in {"", "model_validate"}


def _makes_plain_object(item: Item) -> bool:
    """Does calling this class only fill fields? True for schemas, enums, errors and the like."""
    if item.kind in {"schema", "exception", "table", "base", "session"}:
        return isinstance(item.statement.tree, ast.ClassDef) or item.kind == "schema"
    tree = item.statement.tree
    if item.kind != "service" or not isinstance(tree, ast.ClassDef):
        return False
    starts = [
        f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name in {"__init__", "__new__"}
    ]
    return not any(isinstance(node, ast.Call) for start in starts for node in ast.walk(start))
