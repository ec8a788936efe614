"""Project: a folder with declarations, and its settings from pyproject.toml."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.declarations.base import Declaration
from headrace.errors import ProjectError, closest, name_list
from headrace.lineage.graph import Graph, declarations_in
from headrace.store.files import FileHashes
from headrace.store.store import Store

_SETTINGS = {"assets": "assets", "store": ".headrace", "data": "data", "environment": "dev", "memory": ""}


@dataclass(frozen=True, eq=False)
class Project:
    """Where everything of a project is.

    Attributes:
        root: the folder with pyproject.toml.
        graph: the declarations as a graph.
        store_folder, data_folder: versions, and raw data that relative source paths start from.
        environment: whose refs are read and moved.
        memory: DuckDB's memory limit for one asset, such as "8GB"; empty for a share of the machine's.
    """

    root: Path
    graph: Graph
    store_folder: Path
    data_folder: Path
    environment: str = "dev"
    memory: str = ""

    @cached_property
    def store(self) -> Store:
        return Store(self.store_folder)

    @cached_property
    def file_hashes(self) -> FileHashes:
        return FileHashes(self.store_folder / "cache" / "files.json")

    @property
    def views_file(self) -> Path:
        """The DuckDB file of views that any client opens."""
        return self.root / "headrace.duckdb"


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose pyproject.toml has [tool.headrace]."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "pyproject.toml").is_file() and "headrace" in _tools(folder):
            return folder
    raise ProjectError(
        f"{start.resolve()} is in no Headrace project: no pyproject.toml with [tool.headrace] here or above. "
        "Go to your project's folder, or make one with `headrace init DIR`."
    )


def load_project(start: Path | None = None, environment: str | None = None) -> Project:
    """The project at or above `start` (by default the working directory), its assets package imported."""
    root = find_root(start or Path.cwd())
    return project_from(_import_assets(root, _settings(root)["assets"]), root, environment)


def project_from(declared: ModuleType | Iterable[Declaration], root: Path, environment: str | None = None) -> Project:
    """A project of the declarations in a package, or of those given, with the settings found at `root`."""
    settings = _settings(root)
    declarations = declarations_in(declared) if isinstance(declared, ModuleType) else declared
    return Project(
        root=root,
        graph=Graph(declarations),
        store_folder=root / settings["store"],
        data_folder=root / settings["data"],
        environment=environment or settings["environment"],
        memory=settings["memory"],
    )


def _tools(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} cannot be read: {error}.") from error
    return dict(tools)


def _settings(root: Path) -> dict[str, str]:
    given = _tools(root).get("headrace", {}) if (root / "pyproject.toml").is_file() else {}
    for name, value in given.items():
        if name not in _SETTINGS:
            near = closest(name, _SETTINGS)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ProjectError(
                f"{root / 'pyproject.toml'}: unknown setting {name!r}.{hint} Known: {name_list(_SETTINGS)}."
            )
        if not isinstance(value, str):
            raise ProjectError(f"{root / 'pyproject.toml'}: setting {name!r} must be text, got {value!r}.")
    return {**_SETTINGS, **given}


def _import_assets(root: Path, name: str) -> ModuleType:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        fix = f"Make {root / name}/__init__.py, or name the package in [tool.headrace] assets of pyproject.toml."
        raise ProjectError(f"{root} has no package {name!r}. {fix}") from error
