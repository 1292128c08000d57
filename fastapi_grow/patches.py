"""Patch targets in tests follow the name they patch.

`monkeypatch.setattr("main.predict", …)` would replace a name that no caller reads any more once
`predict` has moved: the target becomes the module that holds it, where all callers reach it.
Everything else in the file stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
import libcst.matchers as m

from fastapi_grow.externals import PATCHERS, External

NAMES = m.OneOf(*(m.Name(name) for name in sorted(PATCHERS)))
PATCHER = NAMES | m.Attribute(attr=NAMES)


@dataclass(frozen=True)
class Target:
    """Where a patched name lives now: `app.services` and how to import it."""

    package: str  # "app", "src.app_app"
    module: str  # "services", "routers.users"

    @property
    def dotted(self) -> str:
        return f"{self.package}.{self.module}"


def repoint(external: External, mains: set[str], targets: Mapping[str, Target]) -> str:
    """The text of `external` with the patches of `targets` pointing at their new homes.

    `mains` are the dotted names of MAIN; a file that patches nothing of `targets` is unchanged.
    """
    if not external.patched & set(targets):
        return external.text
    module = cst.parse_module(external.text)
    changer = _Repoint(mains, external.aliases, targets)
    changed = module.visit(changer)
    return _with_imports(changed, changer.needed).code


@dataclass
class _Repoint(cst.CSTTransformer):
    mains: set[str]
    aliases: set[str]
    targets: Mapping[str, Target]
    needed: dict[str, Target] = field(default_factory=dict)  # alias -> module to import

    def __post_init__(self) -> None:
        super().__init__()

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        args = updated_node.args
        if not args or not m.matches(updated_node.func, PATCHER):
            return updated_node
        if isinstance(args[0].value, cst.SimpleString):
            first = args[0].with_changes(value=self._repointed(args[0].value))
            return updated_node.with_changes(args=[first, *args[1:]])
        if len(args) < 2 or not self._is_main(args[0].value):
            return updated_node
        name = args[1].value
        text = name.evaluated_value if isinstance(name, cst.SimpleString) else None
        if text not in self.targets:
            return updated_node
        alias = self._module(self.targets[str(text)])
        return updated_node.with_changes(
            args=[args[0].with_changes(value=cst.parse_expression(alias)), *args[1:]]
        )

    def leave_AssignTarget(
        self, original_node: cst.AssignTarget, updated_node: cst.AssignTarget
    ) -> cst.AssignTarget:
        return updated_node.with_changes(target=self._assigned(updated_node.target))

    def leave_AugAssign(
        self, original_node: cst.AugAssign, updated_node: cst.AugAssign
    ) -> cst.AugAssign:
        return updated_node.with_changes(target=self._assigned(updated_node.target))

    def _assigned(self, target: Any) -> Any:
        """`main.LIMIT = 3`, also as one of several targets."""
        if isinstance(target, cst.Tuple | cst.List):
            elements = [e.with_changes(value=self._assigned(e.value)) for e in target.elements]
            return target.with_changes(elements=elements)
        if not isinstance(target, cst.Attribute) or not self._is_main(target.value):
            return target
        if target.attr.value not in self.targets:
            return target
        alias = self._module(self.targets[target.attr.value])
        return target.with_changes(value=cst.parse_expression(alias))

    def _repointed(self, node: cst.SimpleString) -> cst.SimpleString:
        """`"main.predict"` as `"app.services.predict"`."""
        text = node.evaluated_value
        for main in self.mains if isinstance(text, str) else ():
            rest = str(text).removeprefix(f"{main}.")
            name = rest.split(".")[0]
            if rest != text and name in self.targets:
                new = f"{self.targets[name].dotted}.{rest}"
                return node.with_changes(value=f"{node.prefix}{node.quote}{new}{node.quote}")
        return node

    def _is_main(self, node: cst.BaseExpression) -> bool:
        return cst.Module([]).code_for_node(node) in self.aliases

    def _module(self, target: Target) -> str:
        alias = target.module.rpartition(".")[2] + "_module"
        self.needed[alias] = target
        return alias


def _with_imports(module: cst.Module, needed: Mapping[str, Target]) -> cst.Module:
    """Import the patched modules after the last import at the top of the file."""
    lines = []
    for alias, target in sorted(needed.items()):
        package, _, name = target.dotted.rpartition(".")
        lines.append(cst.parse_statement(f"from {package} import {name} as {alias}\n"))
    if not lines:
        return module
    last = max(
        (i for i, line in enumerate(module.body) if m.matches(line, IMPORT_LINE)), default=-1
    )
    body = list(module.body)
    return module.with_changes(body=[*body[: last + 1], *lines, *body[last + 1 :]])


IMPORT_LINE = m.SimpleStatementLine(body=[m.Import() | m.ImportFrom()])
