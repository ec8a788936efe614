"""Which values a function or class reads by name: globals, what it closes over, modules' attributes, local imports."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from headrace.lineage.sources import is_user_module


@dataclass(frozen=True)
class Names:
    """Values by the name they are read under: those of defaults, annotations and decorators, and those of the body."""

    header: Mapping[str, Any]
    body: Mapping[str, Any]


def used_values(value: Any, tree: ast.Module) -> Names:
    """What the function or class behind `tree` reads from outside itself."""
    scope = _scope(value)
    own = _own_names(value)
    imported = _imports(tree, str(scope.get("__name__", "")), str(scope.get("__package__") or ""))
    header = list(_header(tree))
    outer = {name for node in header for name in _names(node)}
    inner = _names(tree) - own
    return Names(
        header=dict(_values(header, outer - inner, scope)),
        body=dict(_values([tree], inner | set(imported), {**scope, **imported})),
    )


def _scope(value: Any) -> dict[str, Any]:
    if not isinstance(value, FunctionType):
        return dict(vars(sys.modules[value.__module__])) if value.__module__ in sys.modules else {}
    return {**value.__globals__, **_closure(value)}


def _closure(function: FunctionType) -> dict[str, Any]:
    code: CodeType = function.__code__
    found = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _own_names(value: Any) -> set[str]:
    """A function's parameters and local variables: a global of the same name is not what it reads."""
    return {*value.__code__.co_varnames, *value.__code__.co_cellvars} if isinstance(value, FunctionType) else set()


def _header(tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body[:1]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (node.args, *node.decorator_list, *([node.returns] if node.returns else []))


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and not one.id.startswith("__")}


def _values(nodes: Iterable[ast.AST], names: set[str], scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    chains = [chain for node in nodes for chain in _chains(node)]
    for name in sorted(names & set(scope)):
        found = scope[name]
        yield name, found
        if isinstance(found, ModuleType) and is_user_module(found):
            for chain in chains:
                if chain[0] == name:
                    yield ".".join(chain), _follow(found, chain[1:])


def _chains(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """Every dotted name, as ("shop", "helpers", "scale")."""
    for node in ast.walk(tree):
        parts: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name):
            yield (inner.id, *reversed(parts))


def _follow(module: ModuleType, attributes: Iterable[str]) -> Any:
    """The first thing on the way that is not a module of the project."""
    found: Any = module
    for name in attributes:
        if not (isinstance(found, ModuleType) and is_user_module(found) and hasattr(found, name)):
            return found
        found = getattr(found, name)
    return found


def _imports(tree: ast.Module, module: str, package: str) -> dict[str, Any]:
    """What is imported inside the code; of libraries only the name, for they may not be installed here."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                title = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or title] = _imported(alias.name, title)
        elif isinstance(node, ast.ImportFrom):
            title = importlib.util.resolve_name("." * node.level + (node.module or ""), package or module)
            for alias in node.names:
                found[alias.asname or alias.name] = _member(title, alias.name)
    return found


def _imported(name: str, title: str) -> Any:
    if not _is_project(name):
        return title
    importlib.import_module(name)
    return sys.modules[title]


def _member(module: str, name: str) -> Any:
    if not _is_project(module):
        return f"{module}.{name}"
    held = importlib.import_module(module)
    return getattr(held, name) if hasattr(held, name) else importlib.import_module(f"{module}.{name}")


def _is_project(name: str) -> bool:
    root = name.partition(".")[0]
    if root in sys.modules:
        return is_user_module(sys.modules[root])
    spec = importlib.util.find_spec(root)
    if spec is None:
        return False
    module = ModuleType(root)
    module.__file__ = spec.origin
    return is_user_module(module)
