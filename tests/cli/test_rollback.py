"""headrace rollback: back to what was current."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def edited(built, capsys):
    """Built again after an edit that concerns one asset."""
    built.edit('pl.col("total").sum())', "2)")
    built.run("build", "--quiet")
    capsys.readouterr()
    return built


def current(project):
    return json.loads((project.root / ".headrace" / "refs" / "dev.json").read_text())["assets"]


def test_back_and_forward_again(edited, capsys):
    now = current(edited)
    assert edited.run("rollback") == 0
    out = capsys.readouterr().out
    assert "1 moved back in dev" in out
    assert "The next build in dev moves forward again" in out
    assert current(edited) != now
    assert edited.run("build", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["reused"] == ["features/totals"]
    assert current(edited) == now


def test_for_programs(edited, capsys):
    now = current(edited)
    assert edited.run("rollback", "--dry-run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["asset"] for one in found["moved"]] == ["features/totals"]
    assert [one["states"] for one in found["undone"]] == [["built"]]
    assert (found["environment"], found["dry_run"], current(edited)) == ("dev", True, now)


def test_the_list_of_what_can_be_undone(edited, capsys):
    assert edited.run("rollback", "--list") == 0
    header, last, first = capsys.readouterr().out.splitlines()
    assert header.split() == ["back", "at", "run", "what", "assets"]
    assert (last.split()[-1], first.split()[-1]) == ("1", "3")
    assert edited.run("rollback", "--list", "--json", "orders") == 0
    assert [one["assets"] for one in json.loads(capsys.readouterr().out)["runs"]] == [["sources/orders"]]


def test_to_a_version_of_one_asset(edited, capsys):
    edited.run("history", "totals", "--json")
    first = json.loads(capsys.readouterr().out)["versions"][-1]["version"]
    assert edited.run("rollback", "totals", "--to", first[:8]) == 0
    assert current(edited)["features/totals"] == first


def test_nothing_left(built, capsys):
    assert built.run("rollback") == 0
    assert built.run("rollback") == 1
    assert "Nothing to undo in dev" in capsys.readouterr().err


def test_an_unknown_asset(built, capsys):
    assert built.run("rollback", "total") == 2
    assert "No asset 'total'" in capsys.readouterr().err
