"""headrace explain: why an asset is as it is, and what would change it."""

from __future__ import annotations

import json
import re
import shutil

CHEAPER = ('pl.col("total") / pl.col("total").sum()', 'pl.col("total") / 2')


def explained(tiny, capsys, asset: str, *options: str) -> dict:
    capsys.readouterr()
    assert tiny.run("explain", asset, "--json", *options) == 0
    return json.loads(capsys.readouterr().out)


def details(reasons) -> list[str]:
    return [one["detail"] for one in reasons]


def test_a_first_version(built, capsys):
    found = explained(built, capsys, "totals")
    assert (found["state"], found["reasons"]) == ("fresh", [])
    assert details(found["version"]["why"]) == ["never built"]
    assert found["version"]["replaced"] is None
    assert found["version"]["run_id"] == found["version"]["built_by"] != ""
    assert found["changed_by"]["code"] == {f"{built.package}/shop.py": ["share", "totals"]}
    (only,) = found["inputs"]
    assert (only["asset"], only["columns"], only["changed"]) == ("sources/orders", None, [])
    assert only["version"] == only["current"]


def test_what_reads_it(built, capsys):
    found = explained(built, capsys, "orders")
    readers = {one["asset"]: one["columns"] and sorted(one["columns"]) for one in found["readers"]}
    assert readers == {"features/activity": ["amount", "customer_id", "ordered_at"], "features/totals": None}
    assert found["downstream"] == ["features/activity", "features/totals"]
    assert found["changed_by"]["files"] == ["orders.csv"]
    assert "path" in found["changed_by"]["fields"]


def test_an_edit_is_the_reason_then_and_after(built, capsys):
    before = explained(built, capsys, "totals")["version"]["version"]
    built.edit(*CHEAPER)
    changed = f"`share` in {built.package}/shop.py changed"
    found = explained(built, capsys, "totals")
    assert (found["state"], details(found["reasons"])) == ("build", [changed])
    built.run("build", "--quiet")
    found = explained(built, capsys, "totals")
    assert (found["state"], details(found["version"]["why"])) == ("fresh", [changed])
    assert found["version"]["replaced"] == before


def test_a_version_that_was_moved_to_says_what_it_differs_in(built, capsys):
    built.edit(*CHEAPER)
    built.run("build", "--quiet")
    built.edit(*CHEAPER[::-1])
    built.run("build", "--quiet")
    found = explained(built, capsys, "totals")
    assert found["version"]["state"] == "reused"
    assert details(found["version"]["why"]) == [f"`share` in {built.package}/shop.py changed"]


def test_inputs_tell_which_columns_changed(built, capsys):
    orders = built.root / "data" / "orders.csv"
    orders.write_text(orders.read_text().replace("4.5", "5.5"))
    assert built.run("build", "orders", "--quiet") == 0
    found = explained(built, capsys, "activity")
    assert details(found["reasons"]) == ["sources/orders.amount changed"]
    (only,) = found["inputs"]
    assert only["changed"] == ["amount"]
    assert only["version"] != only["current"]
    built.run("build", "--quiet")
    assert details(explained(built, capsys, "activity")["version"]["why"]) == ["sources/orders.amount changed"]


def test_a_column_that_is_not_read_leaves_it_as_it_is(built, capsys):
    orders = built.root / "data" / "orders.csv"
    orders.write_text(orders.read_text().replace("\n3,2,", "\n9,2,"))
    built.run("build", "orders", "--quiet")
    found = explained(built, capsys, "activity")
    assert (found["state"], found["inputs"][0]["changed"]) == ("fresh", [])
    assert explained(built, capsys, "totals")["inputs"][0]["changed"] == ["order_id"]


def test_the_version_before_may_be_gone(built, capsys):
    gone = explained(built, capsys, "totals")["version"]["version"]
    built.edit(*CHEAPER)
    built.run("build", "--quiet", "--env", "other")
    shutil.rmtree(built.root / ".headrace" / "objects" / "features" / "totals" / gone)
    built.run("build", "--quiet")
    found = explained(built, capsys, "totals")
    assert found["version"]["why"], found
    assert built.run("explain", "totals") == 0


def test_never_built(tiny, capsys):
    found = explained(tiny, capsys, "totals")
    assert (found["state"], found["version"]) == ("build", None)
    assert found["inputs"][0]["version"] is None
    assert tiny.run("explain", "totals") == 0
    assert "not built yet" in capsys.readouterr().out


def test_text_for_people(built, capsys):
    built.edit(*CHEAPER)
    built.run("build", "--quiet")
    capsys.readouterr()
    assert built.run("explain", "totals") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("features/totals  in dev:  fresh\n\nwhy version ")
    assert f"  `share` in {built.package}/shop.py changed\n  built " in shown
    assert re.search(r"\n  built .* by run \w{8} in .* s: 2 rows\n  built .*, in place of \w{8}\n", shown)
    assert "\nwhat it reads\n  sources/orders " in shown
    assert f"  code in {built.package}/shop.py:  `share`, `totals`\n" in shown
    assert shown.endswith("\nnothing depends on it\n")


def test_raw_data_that_cannot_be_read(built, capsys):
    (built.root / "data" / "orders.csv").unlink()
    found = explained(built, capsys, "orders")
    assert (found["state"], found["reasons"][0]["kind"]) == ("build", "unreadable")
    assert found["changed_by"]["files"] == ["orders.csv"]


def test_an_unknown_asset(tiny, capsys):
    assert tiny.run("explain", "total") == 2
    assert "Did you mean 'features/totals'" in capsys.readouterr().err
