"""headrace lineage: trees of assets and of columns."""

from __future__ import annotations

import json

SQL = """
@hr.feature_view(entity=None)
def large(orders=orders):
    return f"select order_id as number, customer_id from {orders} where amount > 3"


@hr.feature_view(entity=None)
def counted(large=large):
    return f"select count(*) as n from {large}"


"""


def test_an_asset_up_and_down(tiny, capsys):
    assert tiny.run("lineage", "orders") == 0
    assert capsys.readouterr().out.splitlines() == [
        "sources/orders",
        "made from",
        "  └── orders.csv",
        "used by",
        "  ├── features/activity",
        "  └── features/totals",
    ]


def test_one_direction(tiny, capsys):
    assert tiny.run("lineage", "activity", "--up") == 0
    assert capsys.readouterr().out.splitlines() == [
        "features/activity",
        "made from",
        "  └── sources/orders",
        "      └── orders.csv",
    ]


def test_a_column_is_traced_to_its_files(built, capsys):
    assert built.run("lineage", "activity.spend_7d", "--up") == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  ├── sources/orders.amount",
        "  │   └── orders.csv",
        "  └── sources/orders.customer_id, .ordered_at  (by filter or join)",
        "      └── orders.csv",
    ]


def test_what_is_made_from_a_column(built, capsys):
    assert built.run("lineage", "orders.amount", "--down") == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  ├── features/activity.spend_7d",
        "  └── features/totals.*",
    ]


def test_json_names_every_column_and_how_it_counts(built, capsys):
    assert built.run("lineage", "activity.spend_7d", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["asset"], found["column"], found["downstream"]) == ("features/activity", "spend_7d", [])
    into = {one["from"]: one["via"] for one in found["upstream"] if one["to"] == "features/activity.spend_7d"}
    assert into == {
        "sources/orders.amount": "value",
        "sources/orders.customer_id": "rows",
        "sources/orders.ordered_at": "rows",
    }
    assert {"from": "file orders.csv", "to": "sources/orders.amount", "via": "value"} in found["upstream"]


def test_python_reads_every_column(built, capsys):
    built.run("lineage", "totals.share", "--up")
    assert "└── sources/orders.*" in capsys.readouterr().out


def test_a_filter_is_marked_and_a_count_follows_the_rows(tiny, capsys):
    tiny.edit("def share(frame)", SQL + "def share(frame)")
    assert tiny.run("build", "--quiet") == 0
    capsys.readouterr()
    assert tiny.run("lineage", "counted.n", "--up") == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  └── the number of rows of features/large",
        "      └── sources/orders.amount  (by filter or join)",
        "          └── orders.csv",
    ]
    assert tiny.run("lineage", "orders.amount", "--down", "--json") == 0
    edges = {(one["from"], one["to"]) for one in json.loads(capsys.readouterr().out)["downstream"]}
    assert {("sources/orders.amount", "features/large"), ("features/large", "features/counted.n")} <= edges
    assert tiny.run("lineage", "orders.order_id", "--down") == 0
    assert "features/counted" not in capsys.readouterr().out


def test_an_unknown_column(built, capsys):
    assert built.run("lineage", "orders.amuont") == 1
    assert "Did you mean 'amount'?" in capsys.readouterr().err


def test_columns_need_a_build(tiny, capsys):
    assert tiny.run("lineage", "orders.amount") == 1
    assert "headrace build sources/orders" in capsys.readouterr().err
