"""headrace promote: what moves, what comes along, and what is refused."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def promoted(built, capsys):
    assert built.run("promote", "dev", "prod") == 0
    assert "3 moved in prod" in capsys.readouterr().out
    return built


def refs(project, environment="prod"):
    return json.loads((project.root / ".headrace" / "refs" / f"{environment}.json").read_text())["assets"]


def test_all_and_again(promoted, capsys):
    assert refs(promoted) == refs(promoted, "dev")
    assert (promoted.root / "headrace.prod.duckdb").exists()
    assert promoted.run("promote", "dev", "prod") == 0
    assert capsys.readouterr().out == "3 the same in dev and prod already\n"


def test_a_selection_and_what_it_needs(promoted, capsys):
    orders = promoted.root / "data" / "orders.csv"
    orders.write_text(orders.read_text() + "4,3,2026-01-05 10:00:00,9.5\n")
    promoted.run("build", "--quiet")
    assert promoted.run("promote", "dev", "prod", "totals", "--dry-run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["asset"], one["because"]) for one in found["moved"]] == [
        ("sources/orders", "features/totals is made from it"),
        ("features/totals", ""),
    ]
    assert [one["asset"] for one in found["out_of_date"]] == ["features/activity"]
    assert (found["from"], found["to"], found["dry_run"]) == ("dev", "prod", True)
    assert refs(promoted) != refs(promoted, "dev")
    assert promoted.run("promote", "dev", "prod", "totals") == 0
    out = capsys.readouterr().out
    assert "2 moved in prod" in out
    assert "  features/activity (sources/orders)\n" in out


def test_what_is_out_of_date_in_from_is_refused(promoted, capsys):
    orders = promoted.root / "data" / "orders.csv"
    orders.write_text(orders.read_text() + "4,3,2026-01-05 10:00:00,9.5\n")
    promoted.run("build", "orders", "--quiet")
    before = refs(promoted)
    assert promoted.run("promote", "dev", "prod") == 1
    assert "is out of date in dev: made from sources/orders" in capsys.readouterr().err
    assert refs(promoted) == before


def test_an_unknown_environment(built, capsys):
    assert built.run("promote", "test", "prod") == 2
    assert "No environment 'test' in this project's store. Environments: dev." in capsys.readouterr().err


def test_never_built_and_no_longer_declared(built, capsys):
    built.edit("def totals(", "def sums(")
    assert built.run("promote", "dev", "prod") == 0
    out = capsys.readouterr().out
    assert "never built in dev: features/sums" in out
    assert "left alone, for this project no longer declares them: features/totals" in out
