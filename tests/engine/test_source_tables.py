"""Sources that read a table or query of another database: rows, digests, and each way of not being readable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandera.polars as pa
import polars as pl
import pytest

import headrace as hr
from headrace.engine import source_tables
from headrace.engine.session import connect
from headrace.engine.source_tables import table_parts
from headrace.engine.sources import read_source
from headrace.engine.workbench import Workbench
from headrace.errors import SourceError, ValidationError


class Orders(pa.DataFrameModel):
    order_id: int
    amount: float = pa.Field(ge=0)


@pytest.fixture
def data(tmp_path) -> Path:
    write(tmp_path, "create table orders as select * from (values (2, 5.5), (1, 3.0)) t(order_id, amount)")
    return tmp_path


def write(folder: Path, *statements: str) -> None:
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def source(**changes) -> hr.Source:
    return hr.Source("orders", **{"database": "shop.duckdb", "table": "main.orders", "keys": ["order_id"], **changes})


def read(declaration: hr.Source, folder: Path) -> pl.DataFrame:
    draft = folder / "draft"
    draft.mkdir(exist_ok=True)
    with connect() as connection:
        bench = Workbench(connection, {}, {}, draft, folder)
        read_source(declaration, bench)
        assert connection.sql("select current_catalog()").fetchall() == [("memory",)]
        return pl.read_parquet(bench.main_table)


@pytest.mark.parametrize(
    "changes",
    [{}, {"table": "orders"}, {"table": None, "query": "select * from orders order by amount; "}, {"schema": Orders}],
)
def test_rows_of_a_table_or_query_sorted_by_key(data, changes):
    frame = read(source(**changes), data)
    assert frame.columns == ["order_id", "amount"]
    assert [row[0] for row in frame.rows()] == [1, 2]


def test_a_schema_picks_columns_and_casts_where_it_says_so(data):
    class Text(pa.DataFrameModel):
        amount: str = pa.Field(coerce=True)

    assert read(source(schema=Text, keys=[]), data).rows() == [("3.0",), ("5.5",)]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"keys": ["id"]}, ValidationError, "id: is missing; the table has order_id, amount"),
        ({"table": "main.order"}, SourceError, r"shop.duckdb \(main.order\): cannot be read: .*does not exist"),
        (
            {"table": None, "query": "select amout from orders"},
            SourceError,
            r"\(query\): .*\"amout\" not found.* Mend query=",
        ),
        (
            {"database": "shopp.duckdb"},
            SourceError,
            "shopp.duckdb: no such file. Put the database there, or mend database=",
        ),
    ],
)
def test_what_cannot_be_read_is_named(data, changes, error, message):
    with pytest.raises(error, match=message):
        read(source(**changes), data)
    if error is SourceError:
        with pytest.raises(error, match=message):
            table_parts(source(**changes), data)


def test_a_file_that_is_no_database(data):
    (data / "shop.duckdb").write_bytes(b"no database" * 999)
    with pytest.raises(SourceError, match=r"shop\.duckdb: cannot be attached: .*not a valid DuckDB database"):
        table_parts(source(), data)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_extension_that_is_absent_is_named_with_the_way_to_get_it(data, kind, monkeypatch):
    monkeypatch.setenv("HOME", str(data))  # where DuckDB keeps what was installed
    with pytest.raises(SourceError, match=rf"needs DuckDB's extension {kind}_scanner, .* 'install {kind}_scanner'"):
        table_parts(source(database_type=kind), data)


def test_a_database_that_is_being_written_is_locked_for_now(data):
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(data / "shop.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        with pytest.raises(SourceError, match=rf"is locked: .*PID {writer.pid}.*Close it there and try again"):
            table_parts(source(), data)
        writer.stdin.close()
    assert table_parts(source(), data)


def test_the_part_is_the_rows_and_not_the_file(data):
    before = table_parts(source(), data)
    assert list(before) == ["rows of main.orders"]
    write(data, "create table other as select 1 as x", "checkpoint")
    assert table_parts(source(), data) == before
    write(data, "create or replace table orders as select * from orders order by order_id")
    assert table_parts(source(), data) == before
    write(data, "insert into orders values (3, 1)")
    assert table_parts(source(), data) != before


def test_a_file_that_was_not_written_to_is_not_read_again(data, tmp_path, monkeypatch):
    memory = tmp_path / "cache" / "tables.json"
    monkeypatch.setattr(source_tables, "_RACY_SECONDS", -1.0)
    first = table_parts(source(), data, memory)
    with monkeypatch.context() as patch:
        patch.setattr(source_tables, "connect", None)
        assert table_parts(source(), data, memory) == first
    write(data, "insert into orders values (3, 1)")
    assert table_parts(source(), data, memory) != first
    memory.write_text("damaged", encoding="utf-8")
    assert table_parts(source(), data, memory) != first


def test_a_file_written_just_now_is_read_again(data, tmp_path):
    memory = tmp_path / "tables.json"
    os.utime(data / "shop.duckdb")
    table_parts(source(), data, memory)
    assert not memory.exists()
