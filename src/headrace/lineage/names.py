"""Which values a function or class reads by name: globals, what it closes over, modules' attributes, local imports."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from headrace.lineage.lookups import Lookups
from headrace.lineage.scopes import Use, body_uses, header_uses
from headrace.lineage.sources import is_user_code, is_user_module, module_scope
from headrace.lineage.trees import hash_of

# What Python itself puts into every module.
_OF_EVERY_MODULE = frozenset(
    {"__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__path__"}
    | {"__spec__"}
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_FRAME_LIBRARIES = ("pandas", "polars", "pyarrow")


@dataclass(frozen=True)
class Read:
    """A value read by name; `holder` is the module whose global `name` it is, None for what is closed over."""

    label: str
    value: Any
    holder: ModuleType | None = None
    name: str = ""


class Scope:
    """Where the names of a function or class mean something."""

    def __init__(self, value: Any) -> None:
        plain = isinstance(value, FunctionType)
        self.globals: Mapping[str, Any] = value.__globals__ if plain else module_scope(value.__module__)
        methods = [value] if plain else [one for one in vars(value).values() if isinstance(one, FunctionType)]
        self._closure = {name: held for one in methods for name, held in closure(one).items()}
        self.module = str(self.globals.get("__name__", ""))
        self.package = str(self.globals.get("__package__") or self.module)
        self.imported: dict[str, Any] = {}

    @classmethod
    def with_imports(cls, value: Any, node: ast.AST) -> Scope:
        """That of `value`, what `node` imports inside included."""
        scope = cls(value)
        scope.imported |= _imports(ast.walk(node), scope.module, scope.package)
        return scope

    @classmethod
    def of_module(cls, module: Any) -> Scope:
        """That of a module's own statements."""
        scope = cls.__new__(cls)
        scope.globals, scope._closure, scope.imported = vars(module), {}, {}
        scope.module = module.__name__
        scope.package = str(getattr(module, "__package__", None) or module.__name__)
        return scope

    def reads(self, use: Use) -> Iterator[Read]:
        """The values that a use reads: more than one where a local import and a global share a name."""
        if use.name in self.imported:
            yield from _read_from(use, self.imported[use.name], None)
        if use.name in self._closure:
            yield from _read_from(use, self._closure[use.name], None)
        elif use.name in self.globals and use.name not in _OF_EVERY_MODULE:
            label = f"{use.name} (global)" if use.name in self.imported else use.name
            yield from _read_from(Use(label, use.attributes), self.globals[use.name], self._own(), use.name)
        elif use.name == "globals" and self._own() is not None:
            yield Read(self.module, self._own())

    def _own(self) -> ModuleType | None:
        module = sys.modules.get(self.module)
        return module if module is not None and vars(module) is self.globals else None

    def meaning(self, use: Use) -> str | None:
        """The full name of what a use stands for, as in `datetime.datetime.now`; None for local values."""
        for found in (self.imported, self._closure, self.globals, vars(builtins)):
            if use.name in found:
                title = _title(found[use.name])
                return ".".join((title, *use.attributes)) if title else None
        return None


def _title(value: Any) -> str | None:
    if isinstance(value, str):
        return value.removeprefix("import ") if value.startswith("import ") else None
    if isinstance(value, ModuleType):
        return value.__name__
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    owner = getattr(value, "__module__", None)
    held = getattr(value, "__self__", None)
    if owner is None and held is not None and not isinstance(held, ModuleType):
        owner = (held if isinstance(held, type) else type(held)).__module__
    return f"{owner}.{name}" if isinstance(name, str) and isinstance(owner, str) else None


@dataclass(frozen=True)
class Code:
    """What a definition says, read once: whoever reaches it again only looks up what its names hold by then.

    Attributes:
        tree: the hash of its tree.
        uses: what it reads from outside itself.
        imports: the import statements in it.
        modules: modules imported by name, by the stand-ins among `uses`.
        words: the words in its texts.
        attributes: every name of an attribute or variable in it.
        problem: what reaches code that cannot be found, such as `exec`.
    """

    tree: str
    uses: tuple[Use, ...]
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    modules: Mapping[str, str]
    words: frozenset[str]
    attributes: frozenset[str]
    problem: str | None


def read_code(node: Any, module: str, package: str) -> Code:
    """Read a definition of `module`. Changes the node."""
    tree = hash_of(node)
    modules: Mapping[str, str] = {}
    problem = None
    if Lookups.needed(node):
        lookups = Lookups(package, module)
        node = lookups.visit(node)
        modules, problem = lookups.modules, lookups.problem
    every = list(ast.walk(node))
    texts = [one.value for one in every if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    names = {one.attr for one in every if isinstance(one, ast.Attribute)}
    return Code(
        tree=tree,
        uses=(*header_uses(node), *body_uses(node)),
        imports=tuple(one for one in every if isinstance(one, ast.Import | ast.ImportFrom)),
        modules=modules,
        words=frozenset(word for text in texts for word in _WORD.findall(text)),
        attributes=frozenset(names | {one.id for one in every if isinstance(one, ast.Name)}),
        problem=problem,
    )


def used_values(scope: Scope, codes: Iterable[Code]) -> list[Read]:
    """What code reads from outside itself, by label."""
    reads: dict[str, Read] = {}
    for code in codes:
        scope.imported |= {name: _imported(title, title) for name, title in code.modules.items()}
        scope.imported |= _imports(code.imports, scope.module, scope.package)
        for use in (*code.uses, *_frames_named(code.words, scope.globals)):
            reads |= {one.label: one for one in scope.reads(use)}
    return [reads[label] for label in sorted(reads)]


def closure(function: FunctionType) -> dict[str, Any]:
    """What a function closes over, by name."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _read_from(use: Use, value: Any, holder: ModuleType | None, name: str = "") -> Iterator[Read]:
    """Along the attributes, to the first thing that is not a module of the project."""
    label, rest = use.name, list(use.attributes)
    while isinstance(value, ModuleType) and is_user_module(value) and rest and rest[0] != "__dict__":
        if "__getattr__" in vars(value) and rest[0] not in vars(value):
            yield Read(f"{label}.__getattr__", vars(value)["__getattr__"])
        name = rest.pop(0)
        label, holder, value = f"{label}.{name}", value, _attribute(value, name)
    yield Read(label, value, holder, name)
    if rest and is_user_code(value) and isinstance(value, FunctionType) and rest[0] in vars(value):
        yield Read(f"{label}.{rest[0]}", vars(value)[rest[0]])


def _attribute(module: ModuleType, name: str) -> Any:
    """A module's attribute, a module below it imported if need be, or a text that says there is none."""
    try:
        return getattr(module, name)
    except AttributeError:
        return _imported(f"{module.__name__}.{name}", f"{module.__name__}.{name}")


def _frames_named(words: frozenset[str], scope: Mapping[str, Any]) -> Iterator[Use]:
    """Frames that SQL inside Python names: DuckDB and polars find them among the globals."""
    for name in sorted(words.intersection(scope)):
        if type(scope[name]).__module__.partition(".")[0] in _FRAME_LIBRARIES:
            yield Use(name)


def _imports(nodes: Iterable[ast.AST], module: str, package: str) -> dict[str, Any]:
    """What is imported inside the code; of libraries only the name, for they may not be installed here."""
    found: dict[str, Any] = {}
    for node in nodes:
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
        return f"import {title}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:  # what the code does without it is in the code
        return f"no module {name}"
    return sys.modules[title]


def _member(module: str, name: str) -> Any:
    held = _imported(module, module)
    if not isinstance(held, ModuleType):
        return f"{held}.{name}"
    return getattr(held, name) if hasattr(held, name) else _imported(f"{module}.{name}", f"{module}.{name}")


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
