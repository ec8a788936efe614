"""Fingerprints of Python: the syntax tree of a function and of everything it reaches in the user's project."""

from __future__ import annotations

import ast
import datetime
import hashlib
import inspect
import re
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from headrace.declarations.base import Declaration
from headrace.errors import DeclarationError

_PLAIN = (bool, int, float, complex, str, bytes, type(None), datetime.date, datetime.time, datetime.timedelta, Enum)
_LIBRARIES = tuple(str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib"))


def code_parts(where: str, function: Callable[..., Any]) -> dict[str, str]:
    """`{"code module:name": hash}` of `function` and of all user code and constants it reaches.

    Comments, docstrings and formatting change nothing; an edit of a helper changes exactly its users. Raises
    DeclarationError for a value that cannot be written down, such as an open file.
    """
    found: dict[str, str] = {}
    _visit(where, _unwrap(function), found, root=True)
    return dict(sorted(found.items()))


def _unwrap(value: Any) -> Any:
    return inspect.unwrap(value) if callable(value) else value


def _visit(where: str, value: Any, found: dict[str, str], *, root: bool = False) -> None:
    name = f"code {value.__module__}:{value.__qualname__}"
    if name in found:
        return
    tree = _syntax_tree(where, value, root)
    found[name] = hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest()
    for label, used in _used_values(value, tree):
        _record(where, f"{name}.{label}", used, found)


def _record(where: str, label: str, value: Any, found: dict[str, str]) -> None:
    value = _unwrap(value)
    if isinstance(value, Declaration):
        found[label] = value.key
    elif isinstance(value, ModuleType):
        found[label] = value.__name__
    elif isinstance(value, FunctionType | type):
        if _is_user_code(value):
            _visit(where, value, found)
        else:
            found[label] = f"{value.__module__}.{value.__qualname__}"
    elif callable(value) and hasattr(value, "__name__"):
        found[label] = f"{getattr(value, '__module__', '')}.{value.__name__}"
    else:
        found[label] = _constant(where, label, value)


def _constant(where: str, label: str, value: Any) -> str:
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, re.Pattern):
        return f"re {value.pattern!r} {value.flags}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} [{', '.join(_constant(where, label, one) for one in value)}]"
    if isinstance(value, set | frozenset):
        return f"set [{', '.join(sorted(_constant(where, label, one) for one in value))}]"
    if isinstance(value, dict):
        pairs = [f"{_constant(where, label, key)}: {_constant(where, label, one)}" for key, one in value.items()]
        return f"dict [{', '.join(pairs)}]"
    if type(value).__module__.partition(".")[0] == "polars":
        return repr(value)
    problem = f"{label.removeprefix('code ')} is a {type(value).__name__}, whose content cannot be fingerprinted."
    raise DeclarationError(where, problem, fix="Use numbers, texts, lists or dicts, or make it inside the function.")


def _syntax_tree(where: str, value: Any, root: bool) -> ast.AST:
    try:
        source = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError) as error:
        fix = "Write it in a module of the project."
        raise DeclarationError(where, f"the source of {value!r} cannot be read ({error}).", fix=fix) from None
    tree = ast.parse(
        source if source.lstrip().startswith(("def", "@", "class", "async")) else f"({source.strip().rstrip(',')})"
    )
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    if root and tree.body and isinstance(tree.body[0], ast.FunctionDef):
        tree.body[0].decorator_list = []  # the declaration itself; its data-bearing arguments are fingerprinted apart
    return tree


def _used_values(value: Any, tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """The globals, closure cells and module attributes that `value` mentions, with the name of each."""
    scope = dict(getattr(inspect.getmodule(value), "__dict__", {}))
    if isinstance(value, FunctionType):
        scope = {**value.__globals__, **_closure(value)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in sorted(used & set(scope)):
        found = scope[name]
        if isinstance(found, ModuleType) and _is_user_module(found):
            yield from _attributes(name, found, tree)
        else:
            yield name, found


def _closure(function: FunctionType) -> dict[str, Any]:
    code: CodeType = function.__code__
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}


def _attributes(name: str, module: ModuleType, tree: ast.AST) -> Iterator[tuple[str, Any]]:
    for node in ast.walk(tree):
        of_module = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        if of_module and isinstance(node, ast.Attribute) and hasattr(module, node.attr):
            yield f"{name}.{node.attr}", getattr(module, node.attr)


def _is_user_code(value: Any) -> bool:
    module = inspect.getmodule(value)
    return module is not None and _is_user_module(module)


def _is_user_module(module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    if path is None or module.__name__.partition(".")[0] == "headrace":
        return False
    return not str(Path(path).resolve()).startswith(_LIBRARIES)
