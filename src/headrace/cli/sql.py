"""headrace sql: DuckDB over every current table."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, open_store, whole_number
from headrace.cli.console import say
from headrace.errors import HeadraceError, closest

if TYPE_CHECKING:
    import duckdb

    from headrace.builder.project import Project


def _arguments(parser: argparse.ArgumentParser) -> None:
    from headrace.cli.output import output_file

    parser.add_argument("query", help="one statement; tables are called features.customer_activity and so on")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON array of objects instead of a table")
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    form.add_argument("--output", type=output_file, metavar="FILE", help="write .parquet, .csv, .json or .jsonl")
    parser.add_argument("--rows", type=whole_number, default=50, metavar="N", help="rows of the table (default: 50)")
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Run one statement and print or write its result."""
    import duckdb

    from headrace.engine.session import connect

    project = open_store(given.env)
    with connect(memory=project.memory or None) as connection:
        try:
            _run(project, connection, given)
        except duckdb.Error as error:
            raise HeadraceError(f"{str(error).strip()}{_tables(project, error)}") from error
    return 0


def _run(project: Project, connection: duckdb.DuckDBPyConnection, given: argparse.Namespace) -> None:
    from headrace.builder.views import current_tables
    from headrace.cli.output import print_csv, print_json, print_table, write_result
    from headrace.engine.session import show_tables

    show_tables(connection, current_tables(project))
    query = given.query.strip().rstrip(";")
    if given.output:
        rows = write_result(connection, query, given.output)
        say(f"{rows:,} rows in {given.output}")
        return
    result = connection.sql(query)
    if result is None:  # a statement without a result, such as `set`
        return
    names, found = result.columns, result.fetchall()
    if given.json:
        print_json(names, found)
    elif given.csv:
        print_csv(names, found)
    else:
        print_table(names, found, given.rows)


def _tables(project: Project, error: Exception) -> str:
    """For an unknown table: which one was meant, or which there are."""
    from headrace.builder.views import current_tables
    from headrace.declarations.base import table_name

    missing = str(error).partition("Table with name ")[2].partition(" ")[0]
    if not missing:
        return ""
    known = sorted(table_name(key) for key in current_tables(project))
    near = closest(missing, [name.partition(".")[2] for name in known])
    meant = [name for name in known if name.partition(".")[2] == near]
    if meant:
        return f"\n\nThe current table is called {meant[0]}."
    return f"\n\nCurrent tables: {', '.join(known) or 'none; run `headrace build` first'}."


COMMAND = Command(
    name="sql",
    summary="query the current tables with DuckDB",
    description="""\
Run one SQL statement over the current version of every asset, each a view named after its key:
features/customer_activity is features.customer_activity, cascades/recommend/age_band is
cascades.recommend__age_band. Any DuckDB client can open the same views in headrace.duckdb.""",
    examples=(
        ('headrace sql "show all tables"', "which tables there are"),
        ('headrace sql "from features.customer_activity limit 5"', "some rows"),
        ('headrace sql "select split, count(*) from training_sets.purchases group by 1" --json', "for programs"),
        ('headrace sql "from training_sets.purchases" --output purchases.parquet', "into a file"),
    ),
    arguments=_arguments,
    run=run,
)
