"""headrace lineage: trees of assets and of columns."""

from __future__ import annotations

import json


def test_an_asset_up_and_down(tiny, capsys):
    assert tiny.run("lineage", "orders") == 0
    assert capsys.readouterr().out.splitlines() == [
        "sources/orders",
        "made from",
        "  (nothing)",
        "used by",
        "  ├── features/activity",
        "  └── features/totals",
    ]


def test_one_direction(tiny, capsys):
    assert tiny.run("lineage", "activity", "--up") == 0
    assert capsys.readouterr().out.splitlines() == ["features/activity", "made from", "  └── sources/orders"]


def test_a_column_is_traced_to_its_source(built, capsys):
    assert built.run("lineage", "activity.spend_7d", "--up") == 0
    shown = capsys.readouterr().out
    assert "├── sources/orders.amount" in shown
    assert "└── sources/orders.ordered_at" in shown


def test_what_is_made_from_a_column(built, capsys):
    assert built.run("lineage", "orders.amount", "--down", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "upstream" not in found
    assert {one["to"] for one in found["downstream"]} == {"features/activity.spend_7d", "features/totals.*"}


def test_python_reads_every_column(built, capsys):
    built.run("lineage", "totals.share", "--up")
    assert "└── sources/orders.*" in capsys.readouterr().out


def test_an_unknown_column(built, capsys):
    assert built.run("lineage", "orders.amuont") == 1
    assert "Did you mean 'amount'?" in capsys.readouterr().err


def test_columns_need_a_build(tiny, capsys):
    assert tiny.run("lineage", "orders.amount") == 1
    assert "headrace build sources/orders" in capsys.readouterr().err
