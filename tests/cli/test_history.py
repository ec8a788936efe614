"""headrace history: versions, newest first, with what made each differ."""

from __future__ import annotations

import json
import shutil


def versions(tiny, capsys, asset: str) -> list[dict[str, object]]:
    assert tiny.run("history", asset, "--json") == 0
    return json.loads(capsys.readouterr().out)["versions"]


def test_edits_and_new_data_are_named(built, capsys):
    built.edit('pl.col("total").sum())', "2)")
    built.run("build", "--quiet")
    orders = built.root / "data" / "orders.csv"
    orders.write_text(orders.read_text() + "4,3,2026-01-05 10:00:00,9.5\n")
    built.run("build", "--quiet")
    newest, edited, first = versions(built, capsys, "totals")
    assert newest["changes"] == ["sources/orders has 4 rows instead of 3"]
    assert any("`share` in " in change for change in edited["changes"])
    assert first["changes"] == ["first version"]
    assert [one["current"] for one in (newest, edited, first)] == [True, False, False]
    assert [one["rows"] for one in (newest, edited, first)] == [3, 2, 2]


def test_the_current_version_has_a_star(built, capsys):
    assert built.run("history", "orders") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("* ")
    assert line.endswith("first version")


def test_a_version_that_is_gone_is_said_to_be(built, capsys):
    before = versions(built, capsys, "totals")[0]["version"]
    built.edit('pl.col("total").sum())', "2)")
    built.run("build", "--quiet")
    shutil.rmtree(built.root / ".headrace" / "objects" / "features" / "totals" / str(before))
    newest, first = versions(built, capsys, "totals")
    assert newest["changes"] == ["one of the two versions is no longer stored"]
    assert first["rows"] is None
    built.run("history", "totals")
    assert "deleted" in capsys.readouterr().out


def test_never_built(tiny, capsys):
    assert tiny.run("history", "orders") == 1
    assert "has no version in environment 'dev'" in capsys.readouterr().err
