"""headrace show: the list of assets, and one asset in full."""

from __future__ import annotations

import json

import pytest


def test_all_assets(built, capsys):
    assert built.run("show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["asset", "version", "rows", "age", "state"]
    assert lines[1].startswith("sources/orders")
    assert all(line.endswith("fresh") for line in lines[1:])


def test_assets_that_were_never_built(tiny, capsys):
    assert tiny.run("show") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["sources/orders", "build"]


def test_all_as_json(built, capsys):
    built.run("show", "--json")
    assets = json.loads(capsys.readouterr().out)["assets"]
    assert [one["rows"] for one in assets if one["asset"] == "sources/orders"] == [3]


def test_one_asset(built, capsys):
    assert built.run("show", "orders", "--rows", "1") == 0
    shown = capsys.readouterr().out
    for text in ("sources/orders  What was ordered.", "3 rows, 4 columns", "files read: 1", "amount       DOUBLE"):
        assert text in shown
    assert shown.splitlines()[-1].split() == ["1", "1", "2026-01-01", "10:00:00", "5.5"]


def test_inputs_have_versions(built, capsys):
    built.run("show", "activity", "--json")
    found = json.loads(capsys.readouterr().out)
    assert list(found["inputs"]) == ["sources/orders"]
    assert found["columns"][-1] == {"name": "spend_7d", "type": "DOUBLE"}
    assert len(found["preview"]) == found["rows"] == 3


@pytest.mark.parametrize(
    ("asset", "code", "message"), [("orders", 1, "headrace build sources/orders"), ("x", 2, "No asset")]
)
def test_what_cannot_be_shown(tiny, capsys, asset, code, message):
    assert tiny.run("show", asset) == code
    assert message in capsys.readouterr().err
