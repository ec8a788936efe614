"""The demo: twice the same summary, the second time without computing anything."""

from __future__ import annotations

import sys

import pytest

from headrace.cli import demo
from headrace.cli.template import copy_template
from headrace.examples.shop_data import generate


@pytest.fixture
def shop(tmp_path, monkeypatch, recorded):
    """The reference project over a smaller shop."""
    copy_template(tmp_path / "shop")
    generate(tmp_path / "shop" / "data", customers=150, products=30, days=60, impressions=1_500)
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setattr(sys, "path", [*sys.path])
    others = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "assets"}
    for name in others:  # of a test that ran before in this process
        del sys.modules[name]
    yield recorded
    for name in [one for one in sys.modules if one.partition(".")[0] == "assets"]:
        del sys.modules[name]
    sys.modules.update(others)


def test_the_demo(shop, capsys):
    assert demo.main() == 0
    first = capsys.readouterr()
    assert "built    cascades/recommend" in first.err
    for text in (
        "Rows by layer",
        "How good is cascades/recommend?",
        "-> bought_probability_true",
        "read from the online store as of",
        "headrace dev",
    ):
        assert text in first.out
    assert demo.main() == 0
    again = capsys.readouterr()
    assert "24 fresh in " in again.out
    parts = [shown.out.partition("Rows by layer")[2] for shown in (first, again)]
    assert parts[0] == parts[1]
    assert len(shop) == 1


def test_outside_a_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert demo.main() == 1
    assert "is in no Headrace project" in capsys.readouterr().err
