"""Reading raw files into a table: shape first, then types, keys and images."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

import duckdb

from headrace.declarations.source import Source
from headrace.engine.csv_layout import delimiter, uneven_line
from headrace.engine.schema_types import sql_type
from headrace.engine.session import literal, write_parquet
from headrace.engine.source_images import load_images
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import SourceError, ValidationError, closest
from headrace.store.digests import quote

FILE = "__file"


def source_files(source: Source, data_folder: Path) -> list[Path]:
    """The files of a source, sorted; raises SourceError when there are none."""
    pattern = data_folder / source.path  # an absolute path stays as it is
    found = sorted(Path(path) for path in glob.glob(str(pattern), recursive=True) if Path(path).is_file())
    if not found:
        fix = f"Put the data there, or mend path= of Source({source.name!r})."
        raise SourceError(source.name, pattern, "no such file.", fix)
    return found


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
    files = source_files(source, bench.data_folder)
    found = _check_columns(source, files, bench.connection)
    bench.progress(f"reading {len(files)} file(s)", None)
    _run(source, bench.connection, f"create temp table raw as {_query(source, files, found)}")
    _check_rows(source, bench.connection)
    for column in source.images:
        load_images(source, column, bench)
    order = [quote(name) for name in dict.fromkeys((*source.keys, *filter(None, [source.timestamp])))]
    by = ", ".join(order) if order else "all"
    write_parquet(bench.connection, f"select * exclude ({FILE}) from raw order by {by}", bench.main_table)
    return Computed({"files read": len(files)})


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
    columns = {name: column for name, column in source.schema.columns.items() if name in found}
    kinds = {name: sql_type(column) for name, column in columns.items()}
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items() if kind)
    picked = ", ".join(_cast(name, column, source) for name, column in columns.items())
    return f"select {picked}, {FILE} from {_reader(source, files, f'types = {{{types}}}')}"


def _cast(name: str, column: object, source: Source) -> str:
    """Types are changed only where the schema says `coerce`; the text of a CSV is typed when it is read."""
    kind = sql_type(column)
    coerced = source.schema.coerce or getattr(column, "coerce", False)
    return f"{quote(name)}::{kind} as {quote(name)}" if coerced and kind else quote(name)


def _check_columns(source: Source, files: Sequence[Path], connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns of the files, once everything that is needed is among them."""
    reader = _reader(source, files)
    rows = _run(source, connection, f"describe select * from {reader}")
    found = [str(row[0]) for row in rows if row[0] != FILE]
    wanted = [*source.keys, *source.images, *filter(None, (source.timestamp, source.created))]
    wanted += [name for name, column in source.schema.columns.items() if column.required] if source.schema else []
    failures = [_missing(name, found) for name in dict.fromkeys(wanted) if name not in found]
    if source.schema is not None and source.schema.strict is True:
        extra = [name for name in found if name not in source.schema.columns]
        failures += [{"column": name, "check": "is not in the strict schema", "count": "all"} for name in extra]
    if failures:
        raise ValidationError(source.key, failures, "Mend the files or the declared schema. Nothing was published.")
    return found


def _missing(name: str, found: Sequence[str]) -> dict[str, object]:
    near = closest(name, found)
    hint = f" (did you mean {near!r}?)" if near else ""
    return {"column": name, "check": f"is missing{hint}; the files have {', '.join(found)}", "count": "all"}


def _check_rows(source: Source, connection: duckdb.DuckDBPyConnection) -> None:
    failures: list[dict[str, object]] = []
    rows = connection.sql("select count(*) from raw").fetchall()[0][0]
    if rows == 0 and not source.allow_empty:
        failures.append({"column": "(table)", "check": "has no rows (allow_empty=True permits that)", "count": 0})
    for name in source.keys:
        nulls = connection.sql(f"select count(*) from raw where {quote(name)} is null").fetchall()[0][0]
        if nulls:
            failures.append({"column": name, "check": "key is null", "count": nulls})
    failures += _repeated_keys(source, connection)
    if failures:
        raise ValidationError(source.key, failures, "Mend the files. Nothing was published.")


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
        problem = str(error).strip().split("\n\n")[0].replace("\n", " ")
        if "sniffing" in problem:
            problem = uneven_line(problem) or problem
        fix = "Mend the file, or the schema's types. Nothing was published."
        raise SourceError(source.name, source.path, f"cannot be read: {problem}.", fix) from error
