"""headrace sql: any query over the current tables, as text, JSON, CSV or a file."""

from __future__ import annotations

import json

import polars as pl
import pytest

QUERY = "select order_id, amount from sources.orders order by order_id"


def test_a_table(built, capsys):
    assert built.run("sql", f"{QUERY};") == 0
    assert capsys.readouterr().out.splitlines() == [
        "order_id  amount",
        "       1     5.5",
        "       2     4.5",
        "       3    1234",
    ]


def test_a_long_table_is_cut_and_says_so(built, capsys):
    built.run("sql", QUERY, "--rows", "2")
    assert capsys.readouterr().out.splitlines()[-1] == "first 2 of 3 rows"


def test_json(built, capsys):
    assert built.run("sql", "select ordered_at, 'x'::blob as b, null as n from sources.orders limit 1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"ordered_at": "2026-01-01T10:00:00", "b": "eA==", "n": None}]


def test_csv(built, capsys):
    assert built.run("sql", "select 'a,b' as x, null as y", "--csv") == 0
    assert capsys.readouterr().out == 'x,y\n"a,b",\n'


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.json", "out.jsonl"])
def test_into_a_file(built, name, capsys):
    assert built.run("sql", QUERY, "--output", name) == 0
    assert capsys.readouterr().out == f"3 rows in {name}\n"
    readers = {"parquet": pl.read_parquet, "csv": pl.read_csv, "json": pl.read_json, "jsonl": pl.read_ndjson}
    frame = readers[name.partition(".")[2]](built.root / name)
    assert frame.rows() == [(1, 5.5), (2, 4.5), (3, 1234.0)]
    assert not list(built.root.glob(".*.parquet"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("selec 1", "syntax error at or near"),
        ("from sources.ordres", "The current table is called sources.orders."),
        ("from zzz", "Current tables: features.activity, features.totals, sources.orders."),
        ("select 1/'x'", "Could not convert string 'x'"),
    ],
)
def test_an_error_is_one_message(built, query, message, capsys):
    assert built.run("sql", query) == 1
    shown = capsys.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_an_output_that_cannot_be_written(built, capsys):
    assert built.run("sql", QUERY, "--output", "no/such/folder.csv") == 1
    assert "no/such/folder.csv cannot be written" in capsys.readouterr().err


def test_it_needs_no_declarations(built, capsys):
    built.module.write_text("raise ValueError")
    assert built.run("sql", "select count(*) as n from sources.orders") == 0
    assert capsys.readouterr().out.split() == ["n", "3"]
