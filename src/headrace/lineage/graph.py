"""The asset graph of a project: its declarations by key, with their edges."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from types import ModuleType

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade
from headrace.declarations.feature_service import FeatureService
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.index import view_index
from headrace.declarations.online import online_view
from headrace.errors import DeclarationError


class Graph:
    """Declarations by asset key, upstream first.

    >>> Graph([]).keys
    ()
    """

    def __init__(self, declarations: Iterable[Declaration]) -> None:
        found: dict[str, Declaration] = {}
        for declaration in declarations:
            _add(found, declaration)
        for declaration in tuple(found.values()):
            for made in made_of(declaration):
                _add(found, made)
        edges = {key: tuple(one.key for one in declaration.inputs) for key, declaration in found.items()}
        order = _upstream_first(edges)
        self.nodes: Mapping[str, Declaration] = {key: found[key] for key in order}
        self.upstream: Mapping[str, tuple[str, ...]] = {key: edges[key] for key in order}
        readers: dict[str, list[str]] = {key: [] for key in order}
        for key in order:
            for one in edges[key]:
                readers[one].append(key)
        self.downstream: Mapping[str, tuple[str, ...]] = {key: tuple(found) for key, found in readers.items()}

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.nodes)

    def ancestors(self, key: str) -> set[str]:
        """Everything that `key` depends on, at any distance."""
        return _reach(self.upstream, key)

    def descendants(self, key: str) -> set[str]:
        """Everything that depends on `key`, at any distance."""
        return _reach(self.downstream, key)


def _upstream_first(edges: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return tuple(TopologicalSorter({key: edges[key] for key in sorted(edges)}).static_order())
    except CycleError as error:
        raise DeclarationError(error.args[1][0], f"reads itself: {' -> '.join(error.args[1])}.") from None


def _reach(edges: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += edges[key]
    return reached


def _add(found: dict[str, Declaration], declaration: Declaration) -> None:
    known = found.get(declaration.key)
    if known is not None:
        if known is not declaration and known != declaration:
            fix = "Rename one of them."
            raise DeclarationError(
                declaration.where, f"two different declarations are called {declaration.key}.", fix=fix
            )
        return
    found[declaration.key] = declaration
    for one in declaration.inputs:
        _add(found, one)


def made_of(declaration: Declaration) -> Iterator[Declaration]:
    """The assets that a declaration brings along, without being written down."""
    if isinstance(declaration, FeatureView) and declaration.online:
        yield online_view(declaration)
    index = view_index(declaration) if isinstance(declaration, FeatureView) else None
    if index is not None:
        yield index


def declarations_in(package: ModuleType) -> Iterator[Declaration]:
    """Every declaration with data among the module globals of `package` and its submodules, imported as needed."""
    for module in _modules(package):
        for value in vars(module).values():
            if isinstance(value, Declaration) and value.kind:
                yield value
                if isinstance(value, Cascade):
                    yield from value.members


def services_in(package: ModuleType) -> Iterator[FeatureService]:
    """Every feature service among the module globals of `package` and its submodules, once."""
    found = (value for module in _modules(package) for value in vars(module).values())
    yield from dict.fromkeys(value for value in found if isinstance(value, FeatureService))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for info in pkgutil.walk_packages(getattr(package, "__path__", []), prefix=f"{package.__name__}."):
        yield importlib.import_module(info.name)
