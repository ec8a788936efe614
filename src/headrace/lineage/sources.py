"""The source of functions and classes: whose code it is, and its syntax tree as it was when it was imported."""

from __future__ import annotations

import ast
import linecache
import os
import site
import stat
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from headrace.declarations.base import Declaration
from headrace.errors import DeclarationError

_STANDARD = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
_INSTALLED = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")]
_INSTALLED.append(Path(site.getusersitepackages()).resolve())
_FIX = "Write it with def, in a module of the project."

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


def is_user_module(module: ModuleType) -> bool:
    """Whether a module belongs to the project, not to Python, a library or Headrace."""
    root = module.__name__.partition(".")[0]
    if root == "headrace":
        return False
    file = getattr(module, "__file__", None) or getattr(sys.modules.get(root), "__file__", None)
    if file is None:
        return root not in (*sys.stdlib_module_names, *sys.builtin_module_names)
    place = _place(file)
    return place == "project" or (place == "installed" and _declares_assets(root))


@lru_cache(maxsize=4096)
def _place(file: str) -> str:
    path = Path(file).resolve()
    installed = {"site-packages", "dist-packages"}.intersection(path.parts)
    if installed or any(path.is_relative_to(folder) for folder in _INSTALLED):
        return "installed"
    return "standard" if any(path.is_relative_to(folder) for folder in _STANDARD) else "project"


@lru_cache(maxsize=256)
def _declares_assets(root: str) -> bool:
    """Whether an installed package holds declarations: a project may be installed like a library."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == root]
    values = (value for module in modules for value in list(getattr(module, "__dict__", {}).values()))
    return any(isinstance(value, Declaration) for value in values)


def is_user_code(value: Any) -> bool:
    """Whether a function or class is written in the project, whatever name a decorator gave it."""
    if not isinstance(value, FunctionType | type):
        return False
    if isinstance(value, FunctionType):
        name = value.__globals__.get("__name__", "")
    else:
        name = getattr(value, "__module__", None) or "builtins"
    module = sys.modules.get(name)
    if name == "types" and not hasattr(module, value.__name__):
        return True  # make_dataclass and types.new_class give their classes no better home
    # What is in no module was typed in or executed from text: nothing else knows it.
    return module is None or is_user_module(module)


def definitions(where: str, value: Any) -> list[Definition]:
    """The nodes that may define a function or class: one, but for what a file defines twice and nothing tells apart.

    Empty for a class that no class statement made. Raises DeclarationError where there is no source, and where the
    file was edited since it was imported.
    """
    if isinstance(value, type):
        return _of_class(where, value)
    code: CodeType = value.__code__
    file = _file(code.co_filename, value.__globals__)
    found = _narrow(file.functions.get((code.co_firstlineno, code.co_name), []), code) if file else []
    if file is None or not found:
        # A file that was edited has it elsewhere.
        _refuse_stale(where, value)
        problem = f"the source of {value.__module__}.{value.__qualname__} cannot be read ({code.co_filename})."
        raise DeclarationError(where, problem, fix=_FIX)
    _refuse_stale(where, value)
    return found


def _of_class(where: str, value: type) -> list[Definition]:
    scope = module_scope(value.__module__)
    file = _file(str(scope.get("__file__", "")), scope)
    methods = [one for one in vars(value).values() if isinstance(one, FunctionType)]
    own = [one for one in methods if one.__code__.co_filename == scope.get("__file__")]
    for one in own:
        _refuse_stale(where, one)
    found = file.classes.get(value.__qualname__, []) if file else []
    line = getattr(value, "__firstlineno__", None)  # from Python 3.13 on
    lines = {line} if line else {one.__code__.co_firstlineno for one in own}
    holding = [node for node in found if all(_first_line(node) <= one <= (node.end_lineno or 0) for one in lines)]
    return [*(holding or found)]


def module_scope(name: str) -> dict[str, Any]:
    """The globals of a module that is imported; otherwise none."""
    return vars(sys.modules[name]) if name in sys.modules else {}


def root_folder(name: str) -> set[str]:
    """The folder that a module's outermost package is imported from, if there is one."""
    root = sys.modules.get(name.partition(".")[0])
    places = [str(place) for place in getattr(root, "__path__", [])] or [str(getattr(root, "__file__", None) or "")]
    return {str(Path(place).parent) for place in places[:1] if Path(place).is_absolute()} - {os.sep}


def module_tree(module: ModuleType) -> ast.Module | None:
    """The tree of a whole module, None where it has no source."""
    file = _file(str(getattr(module, "__file__", "") or ""), vars(module))
    return file.tree if file else None


class _File:
    """The tree of a file, and its definitions by where and what they are."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.functions: dict[tuple[int, str], list[Definition]] = defaultdict(list)
        self.classes: dict[str, list[Definition]] = defaultdict(list)
        self._index(tree, "")

    def _index(self, parent: ast.AST, path: str) -> None:
        for node in ast.iter_child_nodes(parent):
            below = path
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                name = getattr(node, "name", "<lambda>")
                self.functions[_first_line(node), name].append(node)
                below = f"{path}{name}.<locals>."
            elif isinstance(node, ast.ClassDef):
                self.classes[path + node.name].append(node)
                below = f"{path}{node.name}."
            self._index(node, below)


def _first_line(node: Definition) -> int:
    """As a code object counts: from the first decorator on."""
    lines: list[int] = [node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]
    return min(lines)


def _narrow(found: list[Definition], code: CodeType) -> list[Definition]:
    """Of several lambdas on a line, the one whose body is the code's."""
    if len(found) < 2:
        return found
    spans = {span for span in code.co_positions() if None not in span}
    lambdas = [node for node in found if isinstance(node, ast.Lambda) and _span(node.body) in spans]
    # An inner lambda's body may be a part of the outer's: the outermost that fits is the code's own.
    return [*sorted(lambdas, key=lambda node: _size(node.body))[-1:]] or found


def _span(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _size(node: ast.expr) -> tuple[int, int]:
    return (node.end_lineno or 0) - node.lineno, (node.end_col_offset or 0) - node.col_offset


def _file(name: str, scope: dict[str, Any]) -> _File | None:
    try:
        source = _content(name)
        if source is None:
            source = "".join(linecache.getlines(name, scope)).encode()
        return _indexed(source) if source.strip() else None
    except (OSError, SyntaxError, ValueError):
        return None


def _content(name: str) -> bytes | None:
    """A file as it is now, None where there is none."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return None
    return _bytes(name, found.st_mtime_ns, found.st_size, found.st_ino) if stat.S_ISREG(found.st_mode) else None


@lru_cache(maxsize=1024)
def _bytes(name: str, modified: int, size: int, inode: int) -> bytes:
    """The content of a file; `modified`, `size` and `inode` only tell one state of it from another."""
    return Path(name).read_bytes()


@lru_cache(maxsize=1024)
def _indexed(source: bytes) -> _File:
    return _File(ast.parse(source))


def _refuse_stale(where: str, function: FunctionType) -> None:
    """What runs is the code in memory; a fingerprint of a file edited since would describe something else."""
    path = function.__code__.co_filename
    if type(function.__globals__.get("__loader__")) is not SourceFileLoader:
        return  # rewritten when it was imported, as pytest does, or not from a file
    source = _content(path)
    if source is not None and function.__code__ not in _compiled(source):
        fix = "Load the project again (in Dagster: Reload definitions), so that what runs is what is written."
        raise DeclarationError(where, f"{path} was edited after {function.__qualname__} was imported.", fix=fix)


@lru_cache(maxsize=1024)
def _compiled(source: bytes) -> frozenset[CodeType]:
    """Every code object of a file."""
    try:
        return frozenset(_nested(compile(_indexed(source).tree, "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        return frozenset()


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _nested(one)
