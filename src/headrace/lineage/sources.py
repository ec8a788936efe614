"""The source of functions and classes: whose code it is, and its syntax tree as it was when it was imported."""

from __future__ import annotations

import ast
import inspect
import site
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from headrace.errors import DeclarationError

_LIBRARIES = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
_LIBRARIES.append(Path(site.getusersitepackages()).resolve())


def is_user_module(module: ModuleType) -> bool:
    """Whether a module belongs to the project, not to Python, a library or Headrace."""
    root = module.__name__.partition(".")[0]
    if root == "headrace":
        return False
    file = getattr(module, "__file__", None) or getattr(sys.modules.get(root), "__file__", None)
    if file is None:
        return root not in (*sys.stdlib_module_names, *sys.builtin_module_names)
    path = Path(file).resolve()
    return not any(path.is_relative_to(folder) for folder in _LIBRARIES)


def is_user_code(value: Any) -> bool:
    """Whether a function or class is written in the project, whatever name a decorator gave it."""
    if isinstance(value, FunctionType):
        name = value.__globals__.get("__name__", "")
    else:
        name = getattr(value, "__module__", None) or "builtins"
    module = sys.modules.get(name)
    # What is in no module was typed in or executed from text: nothing else knows it.
    return isinstance(value, FunctionType | type) and (module is None or is_user_module(module))


def syntax_tree(where: str, value: Any) -> ast.Module:
    """The tree of a function or class, without docstrings and without the decorator that declares a view."""
    try:
        source = textwrap.dedent(inspect.getsource(value.__code__ if isinstance(value, FunctionType) else value))
        tree = _parse(source)
    except (OSError, TypeError, SyntaxError) as error:
        fix = "Write it with def, in a module of the project."
        raise DeclarationError(where, f"the source of {value!r} cannot be read ({error}).", fix=fix) from None
    if isinstance(value, FunctionType):
        _refuse_stale(where, value)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            # What it is given is data of the declaration, fingerprinted apart.
            node.decorator_list = [one for one in node.decorator_list if not _declares(one)]
    return tree


def _parse(source: str) -> ast.Module:
    """A lambda's source is the lines it stands on, which may be a statement or a part of an expression."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(f"({source.strip().rstrip(',')})")


def _declares(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name == "feature_view"


def _refuse_stale(where: str, function: FunctionType) -> None:
    """What runs is the code in memory; a fingerprint of a file edited since would describe something else."""
    path = Path(function.__code__.co_filename)
    if type(function.__globals__.get("__loader__")) is not SourceFileLoader or not path.is_file():
        return  # rewritten when it was imported, as pytest does, or not from a file
    if function.__code__ not in _compiled(path, path.stat().st_mtime_ns, path.stat().st_size):
        fix = "Load the project again (in Dagster: Reload definitions), so that what runs is what is written."
        raise DeclarationError(where, f"{path} was edited after {function.__qualname__} was imported.", fix=fix)


@lru_cache(maxsize=256)
def _compiled(path: Path, modified: int, size: int) -> frozenset[CodeType]:
    """Every code object of a file; `modified` and `size` only tell one state of it from another."""
    return frozenset(_nested(compile(path.read_bytes(), str(path), "exec", dont_inherit=True)))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _nested(one)
