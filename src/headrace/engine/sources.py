"""Reading raw files, or a table of a database, into a table: shape first, then types, keys and images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from headrace.declarations.source import Source
from headrace.engine.csv_layout import delimiter, uneven_line
from headrace.engine.pushed_rows import add_pushed
from headrace.engine.schema_types import sql_type
from headrace.engine.session import connect, literal, write_parquet
from headrace.engine.slices import Slice, labels_in, split
from headrace.engine.source_files import source_files
from headrace.engine.source_functions import given_rows
from headrace.engine.source_tables import attached_rows, table_error
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import SourceError, ValidationError, closest
from headrace.store.digests import describe, quote

FILE = "__file"


def image_files(source: Source, data_folder: Path, connection: duckdb.DuckDBPyConnection) -> list[Path]:
    """The image files that the rows of a source name, sorted."""
    found: set[Path] = set()
    for column in source.images:
        reader = _reader(source, source_files(source, data_folder))
        query = f"select distinct {FILE}, {quote(column)} from {reader} where {quote(column)} is not null"
        found |= {Path(str(file)).parent / str(path) for file, path in _run(source, connection, query)}
    return sorted(found)


def read_source(source: Source, bench: Workbench) -> Computed:
    """Write the source's rows, sorted by its keys and timestamp, as the main table.

    Raises SourceError for files that cannot be read and ValidationError for a missing column, a wrong type, a repeated
    or null key, and an empty table.
    """
    read = _read_files(source, bench) if source.path else _read_table(source, bench)
    if bench.pushed:
        add_pushed(source, bench.pushed, bench.connection, FILE)
        read |= {"pushes read": len(bench.pushed)}
    _check_rows(source, bench.connection, whole=bench.slice is None)
    if source.images:
        from headrace.engine.source_images import load_images  # with Pillow and pyarrow

        for column in source.images:
            load_images(source, column, bench)
    order = [quote(name) for name in dict.fromkeys((*source.keys, *filter(None, [source.timestamp])))]
    by = ", ".join(order) if order else "all"
    query = f"select * exclude ({FILE}){_in_microseconds(bench.connection)} from raw order by {by}"
    write_parquet(bench.connection, query, bench.main_table)
    return Computed(read)


def _in_microseconds(connection: duckdb.DuckDBPyConnection) -> str:
    """Times with a zone in nanoseconds, as pandas writes them: DuckDB computes only with those in microseconds."""
    names = [quote(name) for name, kind in describe(connection, "raw") if kind == "TIMESTAMPTZ_NS"]
    return f" replace ({', '.join(f'{name}::timestamptz as {name}' for name in names)})" if names else ""


def _read_files(source: Source, bench: Workbench) -> dict[str, object]:
    if bench.slice is not None:
        return _read_part(source, bench.slice, bench.connection)
    files = source_files(source, bench.data_folder)
    query = rows_query(source, files, bench.connection)
    bench.progress(f"reading {len(files)} file(s)", None)
    _run(source, bench.connection, f"create temp table raw as {query}")
    return {"files read": len(files)}


def _read_part(source: Source, part: Slice, connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    if part.staged is not None:
        query = f"from read_parquet({literal(str(part.staged / '*.parquet'))}, hive_partitioning = false)"
    elif part.alone:
        query = rows_query(source, part.files, connection)
    else:
        query = f"select * from ({rows_query(source, part.files, connection)}) where {part.condition}"
    _run(source, connection, f"create temp table raw as {query}")
    if part.alone:
        _refuse_strangers(source, part, connection)
    return {"files read": len(part.files)}


def stage(source: Source, files: Sequence[Path], labels: Sequence[str], folder: Path) -> dict[str, Path]:
    """Take the rows of several partitions out of files that hold all of them, in one pass.

    Raises SourceError and ValidationError for files that cannot be read.
    """
    if source.partitions is None:
        return {}
    with connect(scratch=folder / "spill") as connection:
        _run(source, connection, f"create temp table raw as {rows_query(source, files, connection)}")
        return split(connection, source.partitions, "raw", labels, folder / "rows")


def rows_query(source: Source, files: Sequence[Path], connection: duckdb.DuckDBPyConnection) -> str:
    """The rows of some of its files with their types; raises SourceError and ValidationError for the wrong columns."""
    return _query(source, files, _check_columns(source, _reader(source, files), connection))


def labels_of(source: Source, file: Path, connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, int], int]:
    """The partitions that the rows of a file belong to, with how many rows, and how many belong to none.

    Raises SourceError for a file that cannot be read, or has not the columns that are needed.
    """
    partitions = source.partitions
    if partitions is None:
        return {}, 0
    try:
        return labels_in(connection, partitions, f"({rows_query(source, [file], connection)})")
    except duckdb.Error as error:
        raise _unreadable(source, error) from error
    except ValidationError as error:
        first = error.failures[0]
        problem, fix = f"{first['column']} {first['check']}.", "Mend the file. Nothing was published."
        raise SourceError(source.name, file, problem, fix) from error


def _refuse_strangers(source: Source, part: Slice, connection: duckdb.DuckDBPyConnection) -> None:
    column = str(source.partitions.column) if source.partitions else ""
    query = f"select {quote(column)} from raw where not coalesce({part.condition}, false)"
    strange = connection.sql(f"select count(*), min({quote(column)}) from ({query})").fetchall()[0]
    if strange[0]:
        check = f"is not of partition {part.label}, as its file's name says"
        failure: dict[str, object] = {"column": column, "check": check, "count": strange[0], "examples": [strange[1]]}
        fix = "Move these rows, or leave {partition} out of path=: rows are then told apart by this column."
        raise ValidationError(source.key, [failure], f"{fix} Nothing was published.")


def _read_table(source: Source, bench: Workbench) -> dict[str, object]:
    bench.progress(f"reading {source.origin}", None)
    with _rows(source, bench) as rows:
        reader = f"(select *, null::varchar as {FILE} from {rows})"
        found = _check_columns(source, reader, bench.connection)
        picked = "*" if source.schema is None else _picked(source, found)
        _run(source, bench.connection, f"create temp table raw as select {picked} from {reader}")
    return {"read": source.origin}


def _rows(source: Source, bench: Workbench) -> AbstractContextManager[str]:
    if source.function is not None:
        return given_rows(source, bench.connection)
    return attached_rows(source, bench.data_folder, bench.connection)


def _reader(source: Source, files: Sequence[Path], types: str = "all_varchar = true") -> str:
    paths = f"[{', '.join(literal(str(path)) for path in files)}]"
    options = f"union_by_name = true, filename = '{FILE}'"
    if source.format != "csv":
        return f"read_{source.format}({paths}, {options})"
    nulls = ", ".join(literal(text) for text in source.null_values)
    # Left to guess, DuckDB drops the rows before a line with too many cells, or takes the file for one column.
    separator = delimiter(files[0])
    layout = "header = true, skip = 0" + (f", delim = {literal(separator)}" if separator else "")
    return f"read_csv({paths}, {layout}, nullstr = [{nulls}], {types}, {options})"


def _query(source: Source, files: Sequence[Path], found: Sequence[str]) -> str:
    if source.schema is None:
        return f"select * from {_reader(source, files, 'auto_detect = true')}"
    kinds = {name: sql_type(column) for name, column in source.schema.columns.items() if name in found}
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items() if kind)
    return f"select {_picked(source, found)} from {_reader(source, files, f'types = {{{types}}}')}"


def _picked(source: Source, found: Sequence[str]) -> str:
    """The schema's columns that are there, in its order."""
    columns = {name: column for name, column in source.schema.columns.items() if name in found}
    return ", ".join([*(_cast(name, column, source) for name, column in columns.items()), FILE])


def _cast(name: str, column: object, source: Source) -> str:
    """Types are changed only where the schema says `coerce`; the text of a CSV is typed when it is read."""
    kind = sql_type(column)
    coerced = source.schema.coerce or getattr(column, "coerce", False)
    return f"{quote(name)}::{kind} as {quote(name)}" if coerced and kind else quote(name)


def _check_columns(source: Source, reader: str, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns that there are, once everything that is needed is among them."""
    rows = _run(source, connection, f"describe select * from {reader}")
    found = [str(row[0]) for row in rows if row[0] != FILE]
    parted = source.partitions.column if source.partitions else None
    wanted = [*source.keys, *source.images, *filter(None, (source.timestamp, source.created, parted))]
    wanted += [name for name, column in source.schema.columns.items() if column.required] if source.schema else []
    place = "files have" if source.path else "table has"
    failures = [_missing(name, found, place) for name in dict.fromkeys(wanted) if name not in found]
    if source.schema is not None and source.schema.strict is True:
        extra = [name for name in found if name not in source.schema.columns]
        failures += [{"column": name, "check": "is not in the strict schema", "count": "all"} for name in extra]
    if failures:
        fix = f"Mend the {_things(source)} or the declared schema. Nothing was published."
        raise ValidationError(source.key, failures, fix)
    return found


def _things(source: Source) -> str:
    return "function" if source.function else "files" if source.path else "table"


def _missing(name: str, found: Sequence[str], place: str) -> dict[str, object]:
    near = closest(name, found)
    hint = f" (did you mean {near!r}?)" if near else ""
    return {"column": name, "check": f"is missing{hint}; the {place} {', '.join(found)}", "count": "all"}


def _check_rows(source: Source, connection: duckdb.DuckDBPyConnection, *, whole: bool) -> None:
    failures: list[dict[str, object]] = []
    rows = connection.sql("select count(*) from raw").fetchall()[0][0]
    if whole and rows == 0 and not source.allow_empty:
        failures.append({"column": "(table)", "check": "has no rows (allow_empty=True permits that)", "count": 0})
    for name in source.keys:
        nulls = connection.sql(f"select count(*) from raw where {quote(name)} is null").fetchall()[0][0]
        if nulls:
            failures.append({"column": name, "check": "key is null", "count": nulls})
    failures += _repeated_keys(source, connection)
    if failures:
        raise ValidationError(source.key, failures, f"Mend the {_things(source)}. Nothing was published.")


def _repeated_keys(source: Source, connection: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    if not source.keys:
        return []
    keys = ", ".join(quote(name) for name in source.keys)
    query = f"select {keys}, count(*) as n from raw group by {keys} having n > 1 order by {keys}"
    repeated = connection.sql(query).fetchall()
    if not repeated:
        return []
    examples = [row[:-1][0] if len(source.keys) == 1 else row[:-1] for row in repeated[:5]]
    count = sum(row[-1] for row in repeated)
    return [{"column": ", ".join(source.keys), "check": "key is repeated", "count": count, "examples": examples}]


def _run(source: Source, connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    try:
        return connection.execute(query).fetchall()
    except duckdb.Error as error:
        if not source.path:
            raise table_error(source, error) from error
        raise _unreadable(source, error) from error


def _unreadable(source: Source, error: duckdb.Error) -> SourceError:
    problem = str(error).strip().split("\n\n")[0].replace("\n", " ")
    if "sniffing" in problem:
        problem = uneven_line(problem) or problem
    fix = "Mend the file, or the schema's types. Nothing was published."
    return SourceError(source.name, source.path, f"cannot be read: {problem}.", fix)
