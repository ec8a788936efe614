"""headrace predict: the answers of a cascade for the rows of a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, add_json, open_store, whole_number
from headrace.cli.console import say
from headrace.errors import HeadraceError, NotBuilt

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from headrace.builder.project import Project
    from headrace.engine.bundle import Bundle

_SUFFIX = "_predicted"


def _arguments(parser: argparse.ArgumentParser) -> None:
    from headrace.cli.output import output_file

    parser.add_argument("cascade", metavar="CASCADE", help="a cascade's name or key")
    parser.add_argument(
        "--input", type=Path, required=True, metavar="FILE", help="rows: .parquet, .csv, .json or .jsonl"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--output", type=output_file, metavar="FILE", help="write .parquet, .csv, .json or .jsonl")
    add_json(form, "one JSON array of objects")  # type: ignore[arg-type]  # a group takes arguments as a parser does
    parser.add_argument("--one-by-one", action="store_true", help="answer each row by itself, as when serving")
    parser.add_argument("--rows", type=whole_number, default=20, metavar="N", help="rows of the table (default: 20)")
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Answer the rows of a file and print or write them with the answers appended."""
    from headrace.cli.output import print_json, print_table, write_result
    from headrace.cli.rows import load_images, read_rows
    from headrace.engine.session import connect

    bundle = current_bundle(open_store(given.env), given.cascade)
    rows = read_rows(given.input, bundle.columns)
    complete = load_images(rows, bundle.columns, given.input)
    answers = answer_one_by_one(bundle, complete) if given.one_by_one else bundle.predict(complete)
    with connect() as connection:
        connection.register("answered", append(rows, answers))
        query = "select * from answered"
        if given.output:
            written = write_result(connection, query, given.output)
            say(f"{written:,} rows in {given.output}")
            return 0
        result = connection.sql(query)
        names, found = result.columns, result.fetchall()
    if given.json:
        print_json(names, found)
    else:
        print_table(names, found, given.rows)
    return 0


def current_bundle(project: Project, cascade: str) -> Bundle:
    """The bundle of a cascade's current version; the declarations it was made from are not needed."""
    from headrace.cli.assets import one_asset
    from headrace.cli.failures import open_project
    from headrace.engine.bundle import BUNDLE_FOLDER, load_bundle

    versions = project.store.refs(project.environment).current()
    folders = {key: project.store.folder(key, version) / BUNDLE_FOLDER for key, version in versions.items()}
    built = [key for key, folder in folders.items() if folder.is_dir()]
    if cascade not in built and f"cascades/{cascade}" not in built:
        declared = open_project(project.environment).graph.keys
        key = one_asset(cascade, [key for key in declared if key.startswith("cascades/") and key.count("/") == 1])
        raise NotBuilt(key, project.environment)
    key = one_asset(cascade, built)
    project.store.verify(project.store.load(key, versions[key]))  # raises CorruptObject for damaged files
    return load_bundle(folders[key])


def answer_one_by_one(bundle: Bundle, rows: pa.Table) -> pl.DataFrame:
    """What `bundle.predict` answers, from `row_predictor` fed with one row at a time."""
    import polars as pl

    from headrace.engine.bundle import classes_of
    from headrace.engine.stages import share_name

    predictor = bundle.row_predictor()
    answers = [predictor(row) for row in rows.to_pylist()]
    if not answers:
        return bundle.predict(rows)
    shares = {
        f"{target}_{share_name(label)}" for target, stages in bundle.targets.items() for label in classes_of(stages)
    }
    kinds = {name: pl.Float32 for name in answers[0] if name in shares}
    return pl.DataFrame(answers, schema_overrides=kinds, infer_schema_length=None)


def append(rows: pa.Table, answers: pl.DataFrame) -> pa.Table:
    """The rows with the answers as further columns; an answer whose name a row's column has gets a suffix."""
    table = answers.to_arrow()
    for name in table.column_names:
        free = f"{name}{_SUFFIX}" if name in rows.column_names else name
        if free in rows.column_names:
            raise HeadraceError(
                f"The rows have columns {name!r} and {free!r} already: rename one. Nothing was written."
            )
        rows = rows.append_column(free, table.column(name))
    return rows


COMMAND = Command(
    name="predict",
    summary="answer the rows of a file with a cascade",
    description=f"""\
Answer each row of a file with the current version of a cascade, and print or write the rows with the
answers appended. An answer named like a column of the file gets the suffix {_SUFFIX}. Image columns may
hold the images' bytes, or paths relative to the file.""",
    examples=(
        ("headrace predict recommend --input rows.parquet", "a table"),
        ("headrace predict recommend --input rows.csv --output answers.parquet", "into a file"),
        ("headrace predict recommend --input rows.json --json --one-by-one", "as a service would answer"),
    ),
    arguments=_arguments,
    run=run,
)
