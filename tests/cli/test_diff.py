"""headrace diff: versions and environments."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def edited(built, capsys):
    """Promoted, then built again with an edit and new data."""
    built.run("promote", "dev", "prod")
    built.edit('pl.col("total").sum())', "2)")
    orders = built.root / "data" / "orders.csv"
    orders.write_text(orders.read_text() + "4,3,2026-01-05 10:00:00,9.5\n")
    built.run("build", "--quiet")
    capsys.readouterr()
    return built


def test_what_the_last_build_changed(edited, capsys):
    assert edited.run("diff", "totals") == 0
    out = capsys.readouterr().out
    assert "`share`" in out
    assert "2 -> 3 rows: 1 added, 2 changed (by customer_id)" in out
    assert "+ customer_id 3" in out
    assert "~ customer_id 1  share: 0.00803859 -> 5" in out


@pytest.mark.parametrize(
    "named", [["totals@env:prod", "totals@env:dev"], ["totals@previous"], ["totals@previous", "@current"]]
)
def test_the_same_by_other_names(edited, capsys, named):
    assert edited.run("diff", "totals", "--json") == 0
    whole = json.loads(capsys.readouterr().out)
    assert edited.run("diff", *named, "--json") == 0
    assert json.loads(capsys.readouterr().out) == whole
    table = whole["tables"]["data.parquet"]
    assert table["rows"] == {"before": 2, "now": 3, "added": 1, "removed": 0, "changed": 2, "rounding": 0}
    assert table["columns"][0]["examples"][0] == {"key": {"customer_id": 1}, "before": 10 / 1244, "now": 5.0}


def test_environments(edited, capsys):
    assert edited.run("diff", "prod", "dev") == 0
    out = capsys.readouterr().out
    assert "2 -> 3 rows; every column" in out
    assert "3 of 3 assets differ between prod and dev" in out
    assert edited.run("diff", "dev", "dev", "totals", "--all") == 0
    out = capsys.readouterr().out
    assert "same" in out.splitlines()[0]
    assert "0 of 1 assets differ" in out
    assert edited.run("diff", "prod", "dev", "totals", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["assets"]
    assert (one["relation"], one["rows"]) == ("differs", {"prod": 2, "dev": 3})


def test_one_and_the_same(built, capsys):
    assert built.run("diff", "totals@current", "totals@current") == 0
    assert "is one and the same version" in capsys.readouterr().out
    assert built.run("diff", "totals@current", "--json") == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["totals"], 1, "features/totals has had no version in dev but"),
        (["nothing"], 2, "No asset 'nothing'"),
        (["dev", "test"], 2, "No environment 'test' in this project's store. Environments: dev."),
        (["totals", "orders"], 1, "features/totals and orders are two assets"),
        (["totals@ffff"], 1, "features/totals has no stored version 'ffff'"),
        (["totals", "a", "b"], 2, "Give two environments, or one asset"),
    ],
)
def test_what_cannot_be_compared(built, capsys, arguments, code, message):
    assert built.run("diff", *arguments) == code
    assert message in capsys.readouterr().err
