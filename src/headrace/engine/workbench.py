"""Workbench: what every noun is computed from and where its result is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError
from headrace.store.manifest import MAIN_TABLE

if TYPE_CHECKING:
    import duckdb

    from headrace.engine.slices import Slice

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Knowledge:
    """What may be known when features are joined.

    Attributes:
        known_only: hide what was created after a row's own moment; else such rows are seen, and leak.
        known_by: hide what was not known at this moment either.
    """

    known_only: bool = True
    known_by: datetime | None = None


@dataclass(frozen=True)
class Workbench:
    """One computation's surroundings.

    Attributes:
        connection: its inputs' tables are views (`features.activity`) of the columns that it reads.
        folders: the immutable folder of each input's version, by asset key.
        digests: the content digest of each input, by asset key.
        draft: an empty folder for the result; its main table must be `data.parquet`.
        data_folder: where relative source paths start.
        progress: called with what is being done and the share done so far, if known.
        slice: the partition to compute; None is the whole table.
        pushed: of a source, the files of rows that were pushed to it.
        knowledge: what may be known when features are joined.
        readers: how views were prepared for being joined, for the next rows that ask the same.
        whole_spine: whether the first rows that ask are all that will.
    """

    connection: duckdb.DuckDBPyConnection
    folders: Mapping[str, Path]
    digests: Mapping[str, str]
    draft: Path
    data_folder: Path
    progress: Progress = field(default=lambda message, share: None)
    slice: Slice | None = None
    pushed: tuple[Path, ...] = ()
    knowledge: Knowledge = field(default_factory=lambda: Knowledge())
    readers: dict[Any, Any] = field(default_factory=dict)
    whole_spine: bool = True

    @property
    def main_table(self) -> Path:
        return self.draft / MAIN_TABLE

    def folder(self, asset: str) -> Path:
        """Where the version of an input lies."""
        try:
            return self.folders[asset]
        except KeyError:
            raise HeadraceError(
                f"{asset} is not among the inputs of this computation: {sorted(self.folders)}."
            ) from None


@dataclass(frozen=True)
class Computed:
    """What a computation reports beside its files.

    Attributes:
        details: facts for people.
        digest: of what was made, where the main table does not tell.
        content: the file whose rows consumers depend on.
        definitions: how the main table follows from `content`, where that is another file.
        reads: the columns read of an input, where that shows only when code runs.
    """

    details: dict[str, Any] = field(default_factory=dict)
    digest: str | None = None
    content: str = MAIN_TABLE
    definitions: dict[str, Any] = field(default_factory=dict)
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
