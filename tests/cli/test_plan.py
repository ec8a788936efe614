"""headrace plan: states with reasons, for people and programs."""

from __future__ import annotations

import json
import re

import pytest

from headrace.cli.plan import reasons_text, roughly
from headrace.lineage.plan import Reason

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
    assert f"`share` in {tiny.package}/shop.py changed" in shown
    assert shown.splitlines()[-1].startswith("1 to build (about ")
    assert shown.endswith(" s), 2 fresh\n")


def test_pending_says_what_it_waits_for(built, capsys):
    (built.root / "data" / "orders.csv").write_text("order_id,customer_id,ordered_at,amount\n1,1,2026-01-01,1.5\n")
    built.run("plan", "activity")
    first, second, total = capsys.readouterr().out.splitlines()
    assert first == "sources/orders      build    orders.csv changed"
    assert second.startswith("features/activity   pending  only if sources/orders.")
    assert second.endswith("comes out different")
    assert re.fullmatch(r"1 to build \(about .* s\), 1 pending \(up to .* s\)", total)


def test_json_is_one_object(tiny, capsys):
    assert tiny.run("plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["environment"] == "dev"
    assert sorted(one["asset"] for one in plan["assets"]) == sorted(KEYS)
    assert plan["assets"][0]["reasons"] == [{"kind": "never_built", "detail": "never built"}]
    assert plan["assets"][0]["seconds"] is None
    assert plan["seconds"] == {"build": 0, "pending": 0}


def test_json_adds_up_what_the_last_builds_took(built, capsys):
    built.run("plan", "totals", "--force", "--json")
    plan = json.loads(capsys.readouterr().out)
    assert plan["seconds"] == {"build": plan["assets"][0]["seconds"], "pending": 0}
    assert plan["assets"][0]["seconds"] > 0


def test_what_was_never_built_is_counted_apart(built, capsys):
    built.edit("entity=customer)\ndef totals", 'entity=customer, name="sums")\ndef totals')
    built.run("plan", "--force")
    assert re.search(r"3 to build \(about .* s, 1 for the first time\)", capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["activity"],
        ["--select", "activity"],
        ["--select", "kind:parquet and not sources/*"],
        ["not", "(sources/* or totals)"],
    ],
)
def test_what_is_selected(tiny, capsys, arguments):
    assert tiny.run("plan", *arguments, "--only", "--json") == 0
    assert [one["asset"] for one in json.loads(capsys.readouterr().out)["assets"]] == ["features/activity"]


def test_only_leaves_the_inputs_out(tiny, capsys):
    tiny.run("plan", "activity", "--only", "--json")
    assert [one["asset"] for one in json.loads(capsys.readouterr().out)["assets"]] == ["features/activity"]


def test_force_builds_what_is_fresh(built, capsys):
    built.run("plan", "totals", "--force")
    assert capsys.readouterr().out.splitlines()[0] == "features/totals   build    forced"


def test_another_environment_reuses_what_is_stored(built, capsys):
    built.run("plan", "--env", "staging")
    assert "to reuse" in capsys.readouterr().out


def test_the_detailed_exit_code_tells_whether_there_is_work(tiny):
    assert tiny.run("plan", "--detailed-exitcode") == 2
    assert tiny.run("build", "--quiet") == 0
    assert tiny.run("plan", "--detailed-exitcode") == 0


def test_without_it_work_is_no_failure_and_bad_usage_is_2(tiny, capsys):
    assert tiny.run("plan") == 0
    assert tiny.run("plan", "nope") == 2
    assert tiny.run("plan", "(activity") == 2
    assert "Expected ')', but the selection ends here." in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        tiny.run("plan", "--nope")


def test_with_it_every_error_is_1(tiny):
    assert tiny.run("plan", "nope", "--detailed-exitcode") == 1
    assert tiny.run("plan", "activity and", "--detailed-exitcode") == 1
    with pytest.raises(SystemExit, match="1"):
        tiny.run("plan", "--nope", "--detailed-exit")
    tiny.edit("import polars as pl", "import polars as pl, nowhere")
    assert tiny.run("plan") == 2
    assert tiny.run("plan", "--detailed-exitcode") == 1


@pytest.mark.parametrize("flags", [[], ["--json"], ["--detailed-exitcode"]])
def test_raw_data_that_cannot_be_read_is_a_failure(tiny, capsys, flags):
    (tiny.root / "data" / "orders.csv").unlink()
    assert tiny.run("plan", *flags) == 1
    assert "orders.csv" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("waited", "text"),
    [
        ("a", "only if a comes out different"),
        ("ab", "only if a or b come out different"),
        ("abcde", "only if a, b, c or 2 more come out different"),
    ],
)
def test_what_is_waited_for_is_one_sentence(waited, text):
    assert reasons_text([Reason("upstream", f"only if {one} comes out different") for one in waited]) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.01, "0.1 s"), (3.24, "3.2 s"), (59.4, "59 s"), (60, "1 min 0 s"), (4000, "1 h 6 min")]
)
def test_estimates_have_few_digits(seconds, text):
    assert roughly(seconds) == text
