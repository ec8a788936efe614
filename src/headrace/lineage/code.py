"""Fingerprints of Python: the syntax tree of a function and of everything it reaches in the user's project."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from headrace.declarations.base import Declaration
from headrace.errors import DeclarationError
from headrace.lineage.bytecode import refuse_old_bytecode
from headrace.lineage.canonical import digest
from headrace.lineage.names import Code, Read, Scope, closure, read_code, used_values
from headrace.lineage.scopes import uses_of
from headrace.lineage.sources import Definition, definitions, is_user_code, is_user_module, module_tree, root_folder
from headrace.lineage.trees import hash_of, without_words, words_of
from headrace.lineage.values import Values

# Decorators that do not read the annotations of what they decorate.
_BLIND = frozenset(
    {"abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "deleter", "feature_view"}
    | {"final", "getter", "lru_cache", "on_demand", "override", "property", "setter", "staticmethod", "wraps"}
)
# What reads docstrings, annotations or source text as data.
_READS_WORDS = frozenset({"__annotations__", "__doc__", "get_annotations", "get_type_hints", "getdoc", "getsource"})
_BUILT_IN = (BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType, WrapperDescriptorType)
_SIMPLE = (bool, int, float, complex, str, bytes, type(None))


def code_parts(where: str, *functions: Callable[..., Any]) -> dict[str, str]:
    """`{"code module:name": hash}` of `functions` and of all user code and constants they reach.

    Comments, docstrings, formatting and annotations change nothing; an edit of a helper changes exactly its users.
    Raises DeclarationError for a value that cannot be written down, such as an open file, and for code that cannot be
    found, such as what `exec` runs.
    """
    reached = Reached(where)
    for function in functions:
        inner = function.func if isinstance(function, partial) else getattr(function, "__func__", function)
        name = f"code {inner.__module__}:{getattr(inner, '__qualname__', type(inner).__qualname__)}"
        text = reached.describe(name, function)
        if not is_user_code(function):
            held = reached.parts.get(f"{name}.parameters")
            reached.parts[f"{name}.parameters"] = digest([held, text]) if held else text
        elif frames := _frames(function):
            reached.parts[f"{name}.frames"] = frames
    reached.finish()
    return dict(sorted(reached.parts.items()))


class Reached(Values):
    """What has been reached so far.

    Attributes:
        parts: hashes and constants by name.
        trees: the functions and classes with their nodes, by name.
    """

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.parts: dict[str, str] = {}
        self.trees: dict[str, tuple[Any, list[Definition]]] = {}
        self.constants: list[tuple[str, Read]] = []
        self._names: dict[int, str] = {}
        self._taken: Counter[str] = Counter()
        self._folders: set[str] = set()
        self._checked: set[str] = set()
        self._mentions: set[str] = set()

    def code(self, label: str, value: Any) -> str | None:
        """The functions and classes of the user's project become parts of their own."""
        if isinstance(value, Declaration):
            return digest([value.key, value.data()])
        if isinstance(value, ModuleType):
            return self._module(value)
        if _is_of_module(value):
            return _title(value)
        if isinstance(value, partial | MethodType):
            return None
        if is_user_code(value):
            return f"{self._named(value)}{self._wrapped(label, value)}"
        if isinstance(value, staticmethod | classmethod):
            return f"{type(value).__name__}({self.describe(label, value.__func__)})"
        if isinstance(value, property):
            return f"property({', '.join(self.describe(label, one) for one in (value.fget, value.fset, value.fdel))})"
        if isinstance(value, FunctionType | type) or _wrapped_by(value) is not None:
            held = ", ".join(self._user_code_in(label, value))
            return f"{_title(value)}({held})" if held else f"{_title(value)}{self._wrapped(label, value)}"
        if isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, ModuleType | None):
            return f"{self.describe(label, value.__self__)}.{value.__name__}"  # a method of a value, as in "a".join
        return _title(value) if isinstance(value, _BUILT_IN) else None

    def _wrapped(self, label: str, value: Any) -> str:
        # A wrapper takes its function's name: both are code.
        inner = _wrapped_by(value)
        return f" of {self.describe(label, inner)}" if inner is not None else ""

    def _named(self, value: Any) -> str:
        if id(value) not in self._names:
            self._held.append(value)
            self._names[id(value)] = self._free_name(value)
            self._visit(self._names[id(value)], value)
        return self._names[id(value)].removeprefix("code ")

    def _free_name(self, value: Any) -> str:
        """Functions that one factory made share a name but not what they close over."""
        plain = isinstance(value, FunctionType)
        title = f"{value.__globals__.get('__name__')}:{value.__code__.co_qualname}" if plain else None
        name = f"code {title or f'{value.__module__}:{value.__qualname__}'}"
        self._taken[name] += 1
        return f"{name}#{self._taken[name]}" if self._taken[name] > 1 else name

    def place(self, path: str) -> str:
        """A path inside the project is the same wherever the project is."""
        inside = [folder for folder in self._folders if path == folder or path.startswith(folder + os.sep)]
        return f"project{path[len(max(inside, key=len)) :]}" if inside else path

    def _visit(self, name: str, value: Any) -> None:
        self._folders |= root_folder(value.__module__)
        self._check(sys.modules.get(value.__module__))
        nodes = definitions(self._where, value)
        if not nodes:
            self.parts[name] = self._made(name, value)
            return
        self.trees[name] = (value, nodes)
        scope = Scope(value)
        codes = [_read(node, scope) for node in nodes]
        for code in codes:
            self._mentions |= code.attributes
            if code.problem is not None:
                problem = f"{name.removeprefix('code ')} {code.problem}, which cannot be followed."
                fix = "Call the function by its name, or keep the functions in a dict and take them from there."
                raise DeclarationError(self._where, problem, fix=fix)
        reads = [*used_values(scope, codes), *_defaults(value), *_bases(value), *_attributes(value)]
        named = [self._record(name, read) for read in (*reads, *_extensions(codes))]
        self.parts[name] = digest([[code.tree for code in codes], [one for one in named if one]])

    def _check(self, module: ModuleType | None) -> None:
        if module is not None and module.__name__ not in self._checked:
            self._checked.add(module.__name__)
            refuse_old_bytecode(self._where, module)

    def _record(self, name: str, read: Read) -> str | None:
        """A constant becomes a part of its own; what stands for code is only noted by its name."""
        label = f"{name}.{read.label}"
        self._check(read.holder)
        if self._is_rebound(read):
            self.parts[label] = self._assignments(label, read)
            return None
        text = self.describe(label, read.value)
        if is_user_code(read.value) or isinstance(read.value, ModuleType):
            return f"{read.label} {text}"
        self.constants.append((name, read))
        self.parts[label] = text
        return None

    def _is_rebound(self, read: Read) -> bool:
        """Whether functions assign the global: what it holds depends on what ran before."""
        tree = module_tree(read.holder) if read.holder and is_user_module(read.holder) else None
        code = is_user_code(read.value) or isinstance(read.value, ModuleType)
        return tree is not None and not code and read.name in _rebound(tree)

    def _assignments(self, label: str, read: Read) -> str:
        assert read.holder is not None  # noqa: S101 - only a module's global is rebound
        found = [node for node in module_tree(read.holder).body if read.name in _assigned(node)]  # type: ignore[union-attr]
        scope = vars(read.holder)
        for use in uses_of(found):
            if use.name in scope and use.name != read.name:
                self.parts[f"{label}.{use.name}"] = self.describe(f"{label}.{use.name}", scope[use.name])
        return hash_of(*found)

    def _made(self, name: str, value: type) -> str:
        """A class that no class statement made, by what is in it; what a library wrote into it is left out."""
        held = [_title(base) if not is_user_code(base) else self._named(base) for base in value.__bases__]
        for title, one in sorted(vars(value).items()):
            written = is_user_code(one) and getattr(one, "__code__", None) and one.__code__.co_filename[:1] != "<"
            field = title in ("_fields", "_field_defaults") or (type(one) in _SIMPLE and not title.startswith("_"))
            if written or field:
                held.append(f"{title}={self.describe(f'{name}.{title}', one)}")
        held += [f"{title} {one.value!r}" for title, one in getattr(value, "__members__", {}).items()]
        return digest([*held, list(getattr(value, "__dataclass_fields__", ()))])

    def _module(self, module: ModuleType) -> str:
        """A module of the project that is handed around as a value counts as a whole."""
        name = f"code {module.__name__}"
        if is_user_module(module) and name not in self.parts:
            tree = module_tree(module)
            self.parts[name] = hash_of(without_words(tree, lambda _: True)) if tree else "no source"
            for title, value in sorted(vars(module).items()):
                if not title.startswith("__") and not (isinstance(value, ModuleType) and not is_user_module(value)):
                    self._record(name, Read(title, value, module, title))
        return module.__name__

    def _user_code_in(self, label: str, value: Any, depth: int = 0) -> Iterator[str]:
        """The user's code and plain values that a library's function closes over or keeps, such as a registry."""
        if depth > 6:
            return
        if is_user_code(value) or isinstance(value, partial | MethodType) or (depth and type(value) in _SIMPLE):
            yield self.describe(label, value)
        elif isinstance(value, FunctionType):
            held = closure(value)
            if value.__module__ == "functools":
                held.pop("cache_token", None)  # counts what others register
            for name, one in sorted(held.items()):
                if one is not value:
                    yield from self._user_code_in(f"{label}.{name}", one, depth + 1)
        elif isinstance(value, Mapping):
            yield from self._entries(label, value, depth)
        elif isinstance(value, list | tuple):
            for one in value:
                yield from self._user_code_in(label, one, depth + 1)
        elif _wrapped_by(value) is not None:
            yield from self._user_code_in(label, _wrapped_by(value), depth + 1)

    def _entries(self, label: str, value: Mapping[Any, Any], depth: int) -> Iterator[str]:
        for key, one in list(value.items()):
            for text in self._user_code_in(label, one, depth + 1):
                yield f"{_title(key) if isinstance(key, type) else key!r}: {text}"

    def finish(self) -> None:
        """Add what counts only because some code asks for it: subclasses, docstrings, annotations."""
        if "__subclasses__" in self._mentions:
            waiting: list[type] = [value for value, _ in self.trees.values() if isinstance(value, type)]
            while waiting:
                below: list[type] = list(filter(is_user_code, waiting.pop().__subclasses__()))
                waiting += [kind for kind in below if id(kind) not in self._names]
                for kind in below:
                    self._named(kind)
        if self._mentions & _READS_WORDS:
            words = {name: [words_of(node) for node in nodes] for name, (_, nodes) in self.trees.items()}
            module = next(iter(self.trees)).partition(":")[0]
            self.parts[f"{module}:docstrings and annotations"] = digest(words)


def _frames(function: Callable[..., Any]) -> str:
    """Which parameters are annotated as frames: eager and lazy ones are computed differently."""
    annotated = getattr(inspect.unwrap(function), "__annotations__", {})
    texts = {name: kind if isinstance(kind, str) else getattr(kind, "__name__", "") for name, kind in annotated.items()}
    kinds = {name: text.rpartition(".")[2] for name, text in texts.items() if name != "return"}
    return ", ".join(f"{name}: {kind}" for name, kind in kinds.items() if kind in ("DataFrame", "LazyFrame"))


def _wrapped_by(value: Any) -> Any:
    """What a wrapper says it wraps; asked of its own attributes, for some objects answer to any name."""
    return getattr(value, "__dict__", {}).get("__wrapped__")


def _is_of_module(value: Any) -> bool:
    """Whether a method is a library's function in truth, as `random.choice` is, of an instance that it hides."""
    held = getattr(value, "__self__", None) if isinstance(value, BuiltinFunctionType | MethodType) else None
    module = sys.modules.get(type(held).__module__) if held is not None else None
    if module is None or is_user_module(module) or isinstance(held, type | ModuleType):
        return False
    return bool(vars(module).get(value.__name__) == value)


def _title(value: Any) -> str:
    named = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type(value).__qualname__
    owner = getattr(value, "__module__", None) or getattr(getattr(value, "__objclass__", None), "__module__", None)
    return f"{owner}.{named}"


def _read(node: Definition, scope: Scope) -> Code:
    if not getattr(node, "decorator_list", None):
        return _read_plain(node, scope.module, scope.package)
    plain = without_words(node, partial(_keeps_annotations, scope))
    return read_code(_without_declaration(plain, scope), scope.module, scope.package)


@lru_cache(maxsize=8192)
def _read_plain(node: Definition, module: str, package: str) -> Code:
    return read_code(without_words(node, lambda decorator: _last_name(decorator) not in _BLIND), module, package)


def _keeps_annotations(scope: Scope, decorator: ast.expr) -> bool:
    """Whether a decorator may read annotations: a library's may; the user's own is read to see whether it does."""
    if _last_name(decorator) in _BLIND:
        return False
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    reads = [read for use in uses_of([called]) for read in scope.reads(use)]
    return not reads or not all(is_user_code(read.value) for read in reads)


def _last_name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return str(called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", ""))


def _without_declaration(node: Any, scope: Scope) -> Any:
    """Without the decorator that declares a view or on-demand features: what it is given is data of the declaration."""
    kept = [one for one in getattr(node, "decorator_list", []) if not _declares(one, scope)]
    if hasattr(node, "decorator_list"):
        node.decorator_list = kept
    return node


def _declares(decorator: ast.expr, scope: Scope) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    meant = [scope.meaning(use) for use in uses_of([called])]
    name = str(meant[0]) if meant else ""
    return name.startswith("headrace.") and name.endswith(("feature_view", "on_demand"))


def _defaults(value: Any) -> Iterator[Read]:
    """The defaults of a function's parameters; a declaration stands for a table."""
    if not isinstance(value, FunctionType):
        return
    names = value.__code__.co_varnames[: value.__code__.co_argcount]
    held: dict[str, Any] = dict(zip(reversed(names), reversed(value.__defaults__ or ()), strict=False)) | (
        value.__kwdefaults__ or {}
    )
    for name, default in sorted(held.items()):
        if not isinstance(default, Declaration):
            yield Read(f"{name}=", default)


def _bases(value: Any) -> Iterator[Read]:
    """A class's bases and metaclass, wherever they come from."""
    if isinstance(value, type):
        for one in (*value.__mro__[1:], type(value)):
            if is_user_code(one):
                yield Read(f"base {one.__qualname__}", one)


def _attributes(value: Any) -> Iterator[Read]:
    """A class's attributes of plain data: their statements may read what only the import knew, such as a setting."""
    for name, held in sorted(vars(value).items()) if isinstance(value, type) else ():
        if type(held) in (*_SIMPLE, dict, frozenset, list, set, tuple) and not name.startswith("_"):
            yield Read(name, held)


def _extensions(codes: Iterable[Code]) -> Iterator[Read]:
    """The user's own methods on polars frames and expressions, which are reached by attributes alone."""
    polars = sys.modules.get("polars")
    if polars is None:
        return
    attributes = {name for code in codes for name in code.attributes}
    for kind in (polars.Expr, polars.DataFrame, polars.LazyFrame, polars.Series):
        for name in sorted(attributes.intersection(vars(kind))):
            held: Any = vars(kind)[name]
            held = getattr(held, "_ns", held)
            if is_user_code(held):
                yield Read(f"{kind.__name__}.{name}", held)


@lru_cache(maxsize=1024)
def _rebound(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}


def _assigned(node: ast.stmt) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
