"""What another project's store holds now of an asset that is read here."""

from __future__ import annotations

from pathlib import Path

from headrace.declarations.published import Published
from headrace.errors import CorruptObject, NotBuilt, SourceError
from headrace.lineage.canonical import digest
from headrace.store.manifest import MAIN_TABLE, Manifest
from headrace.store.store import Store


def published_version(source: Published) -> Manifest:
    """The version that is read; raises SourceError where there is none."""
    try:
        return Store(Path(source.store)).current(source.asset, source.environment)
    except NotBuilt as error:
        fix = f"Build it there, or in that environment: `headrace build --env {source.environment}`."
        raise SourceError(source.name, source.project, f"{error}", fix) from error
    except CorruptObject as error:
        raise SourceError(source.name, source.project, f"{error}", "Build it there again.") from error


def published_files(source: Published) -> list[Path]:
    """The Parquet files of that version."""
    manifest = published_version(source)
    name = manifest.content if source.events else MAIN_TABLE
    path = Store(Path(source.store)).folder(manifest.asset, manifest.version) / name
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def published_parts(source: Published) -> dict[str, str]:
    """What stands for its content: an equal version with another name is the same."""
    manifest = published_version(source)
    return {f"rows of {source.asset}": digest([manifest.digest, manifest.columns, manifest.definitions])}
