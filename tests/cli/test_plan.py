"""headrace plan: states with reasons, for people and programs."""

from __future__ import annotations

import json

KEYS = ["sources/orders", "features/activity", "features/totals"]


def test_nothing_is_built(tiny, capsys):
    assert tiny.run("plan") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sources/orders      build    never built"
    assert lines[-1] == "3 to build"
    assert not (tiny.root / ".headrace" / "objects").exists()


def test_states_and_reasons(built, capsys):
    tiny = built
    tiny.edit('pl.col("total") / pl.col("total").sum()', 'pl.col("total") / 2')
    assert tiny.run("plan") == 0
    shown = capsys.readouterr().out
    assert "features/totals     build    " in shown
    assert "share changed" in shown
    assert shown.endswith("1 to build, 2 fresh\n")


def test_pending_says_what_it_waits_for(built, capsys):
    (built.root / "data" / "orders.csv").write_text("order_id,customer_id,ordered_at,amount\n1,1,2026-01-01,1.5\n")
    built.run("plan", "activity")
    assert capsys.readouterr().out.splitlines() == [
        "sources/orders      build    orders.csv changed",
        "features/activity   pending  only if sources/orders comes out different",
        "1 to build, 1 pending",
    ]


def test_json_is_one_object(tiny, capsys):
    assert tiny.run("plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["environment"] == "dev"
    assert sorted(one["asset"] for one in plan["assets"]) == sorted(KEYS)
    assert plan["assets"][0]["reasons"] == [{"kind": "never_built", "detail": "never built"}]


def test_only_leaves_the_inputs_out(tiny, capsys):
    tiny.run("plan", "activity", "--only", "--json")
    assert [one["asset"] for one in json.loads(capsys.readouterr().out)["assets"]] == ["features/activity"]


def test_force_builds_what_is_fresh(built, capsys):
    built.run("plan", "totals", "--force")
    assert capsys.readouterr().out.splitlines() == ["features/totals   build    forced", "1 to build"]


def test_another_environment_reuses_what_is_stored(built, capsys):
    built.run("plan", "--env", "staging")
    assert "to reuse" in capsys.readouterr().out


def test_the_detailed_exit_code_tells_whether_there_is_work(tiny, capsys):
    assert tiny.run("plan", "--detailed-exitcode") == 2
    assert tiny.run("build", "--quiet") == 0
    assert tiny.run("plan", "--detailed-exitcode") == 0
