"""The world as the plan sees it: raw files, the store, and one moment of the refs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.source import Source
from headrace.lineage.fingerprint import parts_of
from headrace.store.manifest import Manifest


class ProjectFacts:
    """Facts for one plan; every file is looked at once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._refs = project.store.refs(project.environment).current()
        self._parts: dict[str, dict[str, Any]] = {}

    def parts(self, declaration: Declaration) -> dict[str, Any]:
        if declaration.key not in self._parts:
            self._parts[declaration.key] = parts_with_files(self._project, declaration)
        return self._parts[declaration.key]

    def current(self, asset: str) -> Manifest | None:
        version = self._refs.get(asset)
        return None if version is None else self._project.store.load(asset, version)

    def find(self, asset: str, fingerprint: str) -> Manifest | None:
        return self._project.store.find(asset, fingerprint)


def parts_with_files(project: Project, declaration: Declaration) -> dict[str, Any]:
    """A declaration's parts, for a source with the hash of each of its files and images."""
    parts = parts_of(declaration)
    if isinstance(declaration, Source):
        parts |= _file_parts(project, declaration)
    return parts


def _file_parts(project: Project, source: Source) -> dict[str, str]:
    from headrace.engine.session import connect
    from headrace.engine.sources import image_files, source_files

    files = source_files(source, project.data_folder)
    hashes = project.file_hashes.hash_all(files)
    if source.images:
        with connect() as connection:
            images = image_files(source, project.data_folder, connection)
        hashes |= project.file_hashes.hash_all(path for path in images if path.is_file())
    return {f"file {_name(project, path)}": digest for path, digest in hashes.items()}


def _name(project: Project, path: Path) -> str:
    folder = project.data_folder
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
