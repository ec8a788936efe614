"""Historical features: for any rows, what was known at the moment of each, read from a project's store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.declarations.base import Declaration, require_known
from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.index import view_index
from headrace.declarations.source import Source
from headrace.engine.feature_joins import take_features
from headrace.engine.feature_lists import join_list
from headrace.engine.session import connect, show_tables
from headrace.engine.spines import WHERE, spine_batches, spine_columns
from headrace.engine.validation import require_times
from headrace.engine.workbench import Knowledge, Workbench
from headrace.errors import DeclarationError, NotBuilt
from headrace.store.digests import describe, quote
from headrace.store.manifest import MAIN_TABLE, Manifest
from headrace.store.store import Store

if TYPE_CHECKING:
    import duckdb
    import polars as pl

# Rows a batch: what is found through an index costs nothing to begin with, all else is read once a batch.
_INDEXED, _SEARCHED = 1 << 18, 1 << 20
_SPINE = "asking"
_WRITERS = {".parquet": "format parquet, compression snappy", ".csv": "format csv, header", ".json": "format json"}


@dataclass(frozen=True, eq=False)
class Historical:
    """Rows with the features that were known at the moment of each, computed when they are asked for.

    Every way of reading gives the spine's rows in their order, with all of its columns, then the features. Each
    computes them anew from the versions that were current when this was made.
    """

    listed: FeatureList
    spine: Any
    timestamp: str | None
    knowledge: Knowledge
    memory: str = ""
    _store: Store = field(repr=False, kw_only=True)
    _versions: Mapping[str, Manifest] = field(repr=False, kw_only=True)

    def pl(self) -> pl.DataFrame:
        """All rows as a polars frame."""
        import polars as pl

        frame = pl.from_arrow(self.arrow())
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return pa.concat_tables(list(self._tables(None)))

    def batches(self, size: int | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow record batches of at most `size` rows, so that memory follows the batch."""
        for table in self._tables(size):
            yield from table.combine_chunks().to_batches() or table.schema.empty_table().to_batches()

    def reader(self, size: int | None = None) -> pa.RecordBatchReader:
        """The rows as a stream of record batches, which can be read once."""
        tables = self._tables(size)
        first = next(tables)
        batches = (one for table in chain([first], tables) for one in table.to_batches())
        return pa.RecordBatchReader.from_batches(first.schema, batches)

    def relation(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation, on your connection or on one of its own."""
        return (connection or connect()).from_arrow(self.arrow())

    def write(self, path: Path | str) -> Path:
        """Write the rows to a Parquet, CSV or JSON file, batch by batch; returns its path.

        Parquet where the name ends otherwise. The file appears when it is whole.
        """
        target = Path(path)
        options = _WRITERS.get(target.suffix.lower(), _WRITERS[".parquet"])
        draft = target.with_name(f".{target.name}.draft")
        try:
            with connect() as connection:
                connection.register("stream", self.reader())
                connection.execute(
                    f"copy stream to '{str(draft).replace(chr(39), chr(39) * 2)}' ({options})"
                ).fetchall()
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    def _tables(self, size: int | None) -> Iterator[pa.Table]:
        with self._bench() as bench:
            given = spine_batches(bench.connection, self.spine, size or self._batch_rows(bench))
            batches = (_with_time(batch, self.timestamp) for batch in given)
            first, second = next(batches), next(batches, None)
            self._check(bench.connection, first)
            bench = replace(bench, whole_spine=second is None)
            for batch in chain([first], [] if second is None else [second], batches):
                yield self._joined(bench, batch)

    def _joined(self, bench: Workbench, batch: pa.Table) -> pa.Table:
        connection = bench.connection
        numbered = batch.append_column("__row", pa.array(np.arange(batch.num_rows)))
        connection.register(_SPINE, numbered)
        columns: dict[str, pa.ChunkedArray] = {name: batch[name] for name in batch.column_names}
        for name, values in self._features(bench):
            if name in columns:
                origin = "the spine" if name in batch.column_names else "another view"
                fix = "Rename it: view.renamed({'a': 'b'}), or ask for full names."
                raise DeclarationError(WHERE, f"feature {name!r} is also a column of {origin}.", fix=fix)
            columns[name] = values
        connection.unregister(_SPINE)
        return pa.table(columns) if columns else batch

    def _features(self, bench: Workbench) -> Iterator[tuple[str, pa.ChunkedArray]]:
        connection = bench.connection
        if not self.listed.on_demand:
            for selection in self.listed.selections:
                found, _ = take_features(connection, _SPINE, self.timestamp, selection, bench)
                yield from ((name, found[name]) for name in found.column_names[1:])
            return
        for table, names in join_list(connection, _SPINE, self.timestamp, self.listed, bench):
            listed = ", ".join(quote(name) for name in names)
            rows = connection.sql(f"select {listed} from {table} order by __row").to_arrow_table()
            yield from ((name, rows[name]) for name in names)

    def _batch_rows(self, bench: Workbench) -> int:
        indexed = all((index := view_index(view)) and index.key in bench.folders for view in self.listed.views)
        return _INDEXED if indexed else _SEARCHED

    @contextmanager
    def _bench(self) -> Iterator[Workbench]:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-")))
            connection = stack.enter_context(connect(scratch=scratch, memory=self.memory or None))
            folders = {key: self._store.folder(key, one.version) for key, one in self._versions.items()}
            tables = {key: folder / MAIN_TABLE for key, folder in folders.items()}
            show_tables(connection, {key: path for key, path in tables.items() if path.exists()})
            digests = {key: one.digest for key, one in self._versions.items()}
            yield Workbench(connection, folders, digests, scratch, scratch, knowledge=self.knowledge)

    def _check(self, connection: duckdb.DuckDBPyConnection, batch: pa.Table) -> None:
        """Refuse a spine that lacks columns, or whose moments are none."""
        known = batch.column_names
        _check_columns(self.listed, self.timestamp, known)
        if self.timestamp is None:
            return
        connection.register(_SPINE, batch)
        require_times("the spine", [self.timestamp], dict(describe(connection, _SPINE)))


def historical(
    store: Store,
    environment: str,
    listed: FeatureList,
    spine: Any,
    timestamp: str | None = None,
    *,
    as_of: date | str | None = None,
    known_only: bool = True,
    memory: str = "",
) -> Historical:
    """The features of each row of `spine` as of its own moment, from the versions that are current.

    Args:
        spine: a Source or FeatureView, a polars or Arrow table, a DuckDB relation, SQL over the current tables
            (`select * from sources.clicks`), or the path of a Parquet, CSV or JSON file.
        timestamp: the spine's column with the moment each row asks at; by default a declaration's own.
        as_of: leave out what was not known at this moment: by the `created` of a view, else by its time. A moment
            without a zone is UTC.
        known_only: hide what was created after a row's own moment. False is the leaky reading.
        memory: DuckDB's limit, such as "2GB".

    Raises NotBuilt for a view without a version, and DeclarationError for a spine that does not fit.
    """
    if isinstance(spine, Declaration):
        if not isinstance(spine, Source | FeatureView):
            raise DeclarationError(WHERE, f"{spine.key} has no rows to ask with.", fix="Give a Source or FeatureView.")
        timestamp = timestamp or spine.timestamp
    refs = store.refs(environment).current()
    wanted = [view.key for view in listed.views] + ([spine.key] if isinstance(spine, Declaration) else [])
    for key in wanted:
        if key not in refs:
            raise NotBuilt(key, environment)
    indexes = [index.key for view in listed.views if (index := view_index(view)) and index.key in refs]
    # SQL may name any table.
    keys = [*wanted, *indexes, *(key for key in refs if isinstance(spine, str))]
    versions = {key: store.load(key, refs[key]) for key in dict.fromkeys(keys)}
    held = [name for name, _ in versions[spine.key].columns] if isinstance(spine, Declaration) else None
    known = held or spine_columns(spine)
    if known is not None:
        _check_columns(listed, timestamp, known)
    knowledge = Knowledge(known_only, None if as_of is None else _moment(as_of))
    return Historical(listed, spine, timestamp, knowledge, memory, _store=store, _versions=versions)


def _check_columns(listed: FeatureList, timestamp: str | None, known: Sequence[str]) -> None:
    """Refuse a spine that lacks columns, has one twice, or one that is called like a feature."""
    repeated = sorted({name for name in known if known.count(name) > 1})
    if repeated:
        raise DeclarationError(WHERE, f"the spine has {repeated[0]!r} twice.", fix="Leave one out, or rename it.")
    timed = [view for view in listed.views if view.timestamp]
    if timestamp is None and timed:
        fix = "Say timestamp=, the spine column with the moment each row asks at."
        raise DeclarationError(WHERE, f"{timed[0].key} changes over time but the spine has no time.", fix=fix)
    needed = [*listed.key_columns, *(request.name for request in listed.requests), *filter(None, [timestamp])]
    require_known(WHERE, "spine column", needed, known)
    listed.check(WHERE, dict.fromkeys(known, "the spine"))


def _with_time(batch: pa.Table, timestamp: str | None) -> pa.Table:
    """The rows, their times of a type: that of nothing but nulls may have come without one."""
    place = batch.schema.get_field_index(timestamp) if timestamp else -1
    if place < 0 or not pa.types.is_null(batch.schema.field(place).type):
        return batch
    return batch.set_column(place, timestamp, pa.nulls(batch.num_rows, pa.timestamp("us")))


def _moment(given: date | str) -> datetime:
    if isinstance(given, datetime):
        return given
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day)
    try:
        return datetime.fromisoformat(given)
    except (TypeError, ValueError):
        fix = "Write it as in '2024-03-01' or '2024-03-01T12:00:00+01:00'."
        raise DeclarationError(WHERE, f"cannot read as_of={given!r} as a moment.", fix=fix) from None
