"""What a reader of some columns sees of a stored version, as a digest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.declarations.partitions import file_name
from headrace.lineage.canonical import canonical_json, digest
from headrace.lineage.plan import Version
from headrace.lineage.reads import ROWS, SCHEMA, Reads, column_names
from headrace.store.manifest import MAIN_TABLE
from headrace.store.memo import Memo
from headrace.store.partitions import FOLDER
from headrace.store.store import Store

if TYPE_CHECKING:
    import duckdb

    from headrace.engine.workbench import Computed, Workbench
    from headrace.store.digests import TableDigest


class Edges:
    """Digests of projections of stored versions; each is computed once and remembered beside the store's caches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._memos: dict[tuple[str, str], Memo] = {}

    def digest(self, version: Version, reads: Reads) -> str:
        """The digest of the columns in `reads` of one version; None reads all of it.

        A digest made by another algorithm, or by a DuckDB that hashed otherwise, is made anew from the data.
        """
        if not version.content:
            return version.digest  # of a model, say, which has no columns that could be read apart
        if reads is None:
            # Not the digest of all its columns by name: who reads whatever there is, reads another one as well.
            return digest(["whole", self.whole(version)])
        return self._remembered(version, reads)

    def whole(self, version: Version) -> str:
        """The digest of a version's content, as digests are made now."""
        if not version.content or version.hash_probe == self.probe:
            return version.digest
        return self._remembered(version, None)

    @cached_property
    def probe(self) -> str:
        """Which digests can be compared with those made now."""
        from headrace.store.digests import hash_probe

        with self._connection.cursor() as connection:
            return hash_probe(connection)

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """One for all questions: opening another takes longer than most of them."""
        from headrace.engine.session import connect

        return connect()

    def _remembered(self, version: Version, reads: Reads) -> str:
        memo = self._memos.setdefault((version.asset, version.version), Memo(self._place(version)))
        question = f"{self.probe} {canonical_json(None if reads is None else list(reads))}"
        known = memo.get(question)
        if known is None:
            known = self._compute(version, reads)
            memo.put(question, known)
            memo.save()
        return str(known)

    def _place(self, version: Version) -> Path:
        return self._folder(version) / f"{version.version}.json"

    def _folder(self, version: Version) -> Path:
        return self._store.root / "cache" / "edges" / version.asset

    def _compute(self, version: Version, reads: Reads) -> str:
        from headrace.engine.session import parquet
        from headrace.store.digests import describe, projection_digest

        defined = bool(version.definitions) and ROWS not in (reads or ())
        file = version.content if defined else MAIN_TABLE
        table = parquet(self._store.folder(version.asset, version.version) / file)
        ask = partial(self._added_up, version, file) if version.partitions else projection_digest
        with self._connection.cursor() as connection:
            known = version.columns if file == MAIN_TABLE else describe(connection, table)
            names = [name for name, _ in known]
            if not defined:
                wanted = names if reads is None else column_names(reads) or []
                missing = sorted(set(wanted) - set(names))  # the reader fails on them, in its own words
                content = ask(connection, table, [name for name in wanted if name in names], known)
                seen = [version.columns] if SCHEMA in (reads or ()) else []
                return digest([*seen, content, missing]) if seen or missing else content
            asked = definitions_read(version.definitions, reads)
            return with_definitions(asked, ask(connection, table, event_columns(asked, names), known))

    def _added_up(
        self,
        version: Version,
        file: str,
        _connection: duckdb.DuckDBPyConnection,
        _table: str,
        columns: Sequence[str],
        known: Sequence[Sequence[str]],
    ) -> str:
        """The digest of a projection of a partitioned version, from those parts of it that were not asked before."""
        from headrace.store.digests import sums_digest

        kinds = {name: kind for name, kind in known}  # noqa: C416  pairs are lists
        picked = [[name, kinds[name]] for name in columns]
        sums = self.parts(version, picked, file).values()
        return sums_digest(self.probe, picked, sum(rows for rows, _ in sums), sum(total for _, total in sums))

    def parts(self, version: Version, columns: Sequence[Sequence[str]], file: str) -> dict[str, tuple[int, int]]:
        """`{label: (rows, sum of hashes)}` of some columns of each partition of a version, remembered for each.

        Args:
            columns: those that count, with their types, in the order of the table.
            file: which of a partition's files.
        """
        memo = self._memos.setdefault((version.asset, FOLDER), Memo(self._folder(version) / f"{FOLDER}.json"))
        mark = digest([self.probe, file, [list(one) for one in columns]])
        asked = {label: f"{mark} {one['object']}" for label, one in version.partitions.items()}
        missing = [label for label, question in asked.items() if memo.get(question) is None]
        if missing:
            for label, (rows, total) in self._part_sums(version, columns, file, missing).items():
                memo.put(asked[label], [rows, str(total)])
            memo.save()
        found = {label: memo.get(question) for label, question in asked.items()}
        return {label: (int(rows), int(total)) for label, (rows, total) in found.items()}

    def _part_sums(
        self, version: Version, columns: Sequence[Sequence[str]], file: str, labels: Sequence[str]
    ) -> dict[str, tuple[int, int]]:
        from headrace.store.digests import file_sums

        folder = self._store.folder(version.asset, version.version) / file
        paths = {label: str(folder / file_name(label)) for label in labels}
        with self._connection.cursor() as connection:
            found = file_sums(connection, list(paths.values()), columns)
        return {label: found.get(path, (0, 0)) for label, path in paths.items()}


def content_digest(bench: Workbench, made: Computed, main: TableDigest) -> str:
    """The digest of a finished draft as its readers know it."""
    if not made.definitions:
        return main.whole
    from headrace.engine.session import parquet
    from headrace.store.digests import table_digest

    events = table_digest(bench.connection, parquet(bench.draft / made.content))
    return with_definitions(made.definitions, events)


def with_definitions(definitions: dict[str, Any], content: str) -> str:
    """The digest of aggregates: of what they are computed from, and how."""
    return digest({"definitions": definitions, "content": content})


def definitions_read(definitions: dict[str, Any], reads: Reads) -> dict[str, Any]:
    """The definitions of the features in `reads`; what a view's features share always counts."""
    features = {name: one for name, one in definitions["features"].items() if reads is None or name in reads}
    return {**definitions, "features": features}


def event_columns(definitions: dict[str, Any], known: list[str]) -> list[str]:
    """The columns of the events that these features are computed from."""
    read = {*definitions["moment"]}
    for one in definitions["features"].values():
        read |= {one["column"], *one["reads"]}
    return [name for name in known if name in read]
