"""The world as the plan sees it: raw files, the store, and one moment of the refs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.source import Source
from headrace.declarations.transform import Transform
from headrace.errors import SourceError
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
    """A declaration's parts, for a source with the hashes of its files and images, for a transform its engines."""
    parts = parts_of(declaration)
    if isinstance(declaration, Source):
        parts |= _file_parts(project, declaration)
    if isinstance(declaration, Transform):
        from headrace.engine.encoders import engine_for

        parts |= {f"encoder {one.kind}": engine_for(one.kind).version for one in declaration.encode.values()}
    return parts


def _file_parts(project: Project, source: Source) -> dict[str, str]:
    from headrace.engine.session import connect
    from headrace.engine.sources import image_files, source_files

    files = source_files(source, project.data_folder)
    hashes = _hashes(project, source, files)
    if source.images:
        with connect() as connection:
            images = image_files(source, project.data_folder, connection)
        hashes |= _hashes(project, source, [path for path in images if path.is_file()])
    return {f"file {_name(project, path)}": digest for path, digest in hashes.items()}


def _hashes(project: Project, source: Source, paths: Sequence[Path]) -> dict[Path, str]:
    try:
        return project.file_hashes.hash_all(paths)
    except OSError as error:
        path = error.filename or source.path
        raise SourceError(source.name, path, f"cannot be read: {error.strerror}.", "Nothing was published.") from error


def _name(project: Project, path: Path) -> str:
    folder = project.data_folder
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
