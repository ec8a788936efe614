"""Project: a folder with declarations, and its settings from pyproject.toml."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_service import FeatureService
from headrace.errors import DeclarationError, ProjectError
from headrace.lineage.bytecode import discard_racy_bytecode
from headrace.lineage.fingerprint import parts_of
from headrace.lineage.graph import Graph, declarations_in, services_in
from headrace.settings import Settings, check_environment, find_root, read_settings
from headrace.store.files import FileHashes
from headrace.store.store import Store

if TYPE_CHECKING:
    from headrace.builder.edges import Edges
    from headrace.builder.statements import Statements
    from headrace.engine.sessions import Sessions


@dataclass(frozen=True, eq=False)
class Project:
    """Where everything of a project is.

    Attributes:
        root: the folder with pyproject.toml.
        graph: the declarations as a graph.
        store_folder, data_folder: versions, and raw data that relative source paths start from.
        environment: whose refs are read and moved.
        memory: the limit of a DuckDB instance, such as "8GB"; empty for a share of the machine's.
        services: the feature services; None where the declarations are not loaded.
    """

    root: Path
    graph: Graph
    store_folder: Path
    data_folder: Path
    environment: str = "dev"
    memory: str = ""
    services: tuple[FeatureService, ...] | None = None

    @cached_property
    def store(self) -> Store:
        return Store(self.store_folder)

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.root)

    @cached_property
    def file_hashes(self) -> FileHashes:
        return FileHashes(self.store_folder / "cache" / "files.json")

    def declared_parts(self, declaration: Declaration) -> dict[str, Any]:
        """What a declaration and its code say, apart from raw data: as it was when it was first asked for.

        Code cannot change while it runs, but what it holds on to can, such as a dict in which it remembers results.
        """
        known = self._declared.get(id(declaration))
        if known is None or known[0] is not declaration:
            known = self._declared[id(declaration)] = declaration, parts_of(declaration, self.statements.canonical)
        return dict(known[1])

    @cached_property
    def _declared(self) -> dict[int, tuple[Declaration, dict[str, Any]]]:
        return {}

    @cached_property
    def statements(self) -> Statements:
        from headrace.builder.statements import Statements

        return Statements(self.store_folder / "cache")

    @cached_property
    def edges(self) -> Edges:
        from headrace.builder.edges import Edges

        return Edges(self.store)

    @cached_property
    def sessions(self) -> Sessions:
        from headrace.engine.sessions import Sessions

        return Sessions(self.store.draft, self.memory)

    @property
    def views_file(self) -> Path:
        """The DuckDB file of views that any client opens; each environment but the project's own has another."""
        own = self.environment == read_settings(self.root).environment
        return self.root / ("headrace.duckdb" if own else f"headrace.{self.environment}.duckdb")


def load_project(start: Path | None = None, environment: str | None = None) -> Project:
    """The project at or above `start` (by default the working directory), its assets package imported."""
    root = find_root(start or Path.cwd())
    return project_from(_import_assets(root, read_settings(root).assets), root, environment)


def project_from(declared: ModuleType | Iterable[Declaration], root: Path, environment: str | None = None) -> Project:
    """A project of the declarations in a package, or of those given, with the settings found at `root`."""
    settings = read_settings(root)
    environment = check_environment(environment or settings.environment)
    found = list(declarations_in(declared) if isinstance(declared, ModuleType) else declared)
    given = services_in(declared) if isinstance(declared, ModuleType) else found
    services = _distinct(one for one in given if isinstance(one, FeatureService))
    views = [view for service in services for view in service.listed.views]
    return Project(
        root=root,
        graph=Graph([*(one for one in found if not isinstance(one, FeatureService)), *views]),
        store_folder=root / settings.store,
        data_folder=root / settings.data,
        environment=environment,
        memory=settings.memory,
        services=services if found else None,
    )


def _distinct(services: Iterable[FeatureService]) -> tuple[FeatureService, ...]:
    """Each once; two of one name would be described in one file."""
    found: dict[str, FeatureService] = {}
    for one in services:
        if found.setdefault(one.name, one) != one:
            problem = "two different services have this name."
            raise DeclarationError(one.where, problem, fix="Rename one, or keep the newest version only.")
    return tuple(found.values())


def _import_assets(root: Path, name: str) -> ModuleType:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    discard_racy_bytecode(root, root / name.replace(".", "/"))
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        fix = f"Make {root / name}/__init__.py, or name the package in [tool.headrace] assets of pyproject.toml."
        raise ProjectError(f"{root} has no package {name!r}. {fix}") from error
    places = [*getattr(package, "__path__", []), *filter(None, [getattr(package, "__file__", None)])]
    if not any(Path(place).resolve().is_relative_to(root.resolve()) for place in places):
        problem = f"the package {name!r} of {root} cannot be imported: another of that name was, from {places[0]}."
        raise ProjectError(f"{problem} Rename yours, and say so in [tool.headrace] assets of pyproject.toml.")
    return package
