"""Values of sensitive columns are not printed."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import make_project

DECLARATIONS = """
import headrace as hr
import pandera.polars as pa
import polars as pl


class People(pa.DataFrameModel):
    id: pl.Int64
    email: pl.String = pa.Field(str_contains="@")


person = hr.Entity("person", keys=["id"])
people = hr.Source("people", path="people.csv", keys=["id"], schema=People, sensitive=["email"])


@hr.feature_view(entity=person)
def contact(people=people):
    return f"select id, lower(email) as address from {people}"
"""
ROWS = "id,email\n1,Ann@b.org\n2,Bob@d.org\n"


@pytest.fixture
def made(tmp_path, monkeypatch, recorded):
    project = make_project(tmp_path / "project", DECLARATIONS)
    (project.root / "data" / "people.csv").write_text(ROWS)
    monkeypatch.chdir(project.root)
    monkeypatch.syspath_prepend(project.root)
    return project


def test_rows_are_shown_without_them(made, capsys):
    assert made.run("build", "--quiet") == 0
    for asset in ("people", "contact"):
        assert made.run("show", asset) == 0
        shown = capsys.readouterr().out
        assert "(sensitive)" in shown
        assert "b.org" not in shown.lower()
    assert made.run("show", "contact", "--json") == 0
    assert json.loads(capsys.readouterr().out)["preview"][0] == {"id": 1, "address": "(sensitive)"}


def test_differences_are_shown_without_them(made, capsys):
    made.run("build", "--quiet")
    (made.root / "data" / "people.csv").write_text(ROWS.replace("Ann", "Anne") + "3,Eve@f.org\n")
    made.run("build", "--quiet")
    for more in ([], ["--json"]):
        assert made.run("diff", "people", *more) == 0
        shown = capsys.readouterr().out
        assert "(sensitive)" in shown
        assert "org" not in shown


@pytest.mark.parametrize("before", [[], ["build"]], ids=["at first", "later"])
def test_a_failed_check_is_told_without_them(made, capsys, before):
    for command in before:
        made.run(command, "--quiet")
    (made.root / "data" / "people.csv").write_text(ROWS + "3,secret\n")
    assert made.run("build") == 1
    said = capsys.readouterr()
    assert "first: ['(sensitive)']" in said.err
    assert "secret" not in said.err + said.out


@pytest.mark.parametrize(
    ("raw", "sql"),
    [
        ("id,email\n1,a@b\nsecret,a@b\n", "lower(email) as address"),
        ("id,email\n1,secret@b\n", "email::int as address"),
        ("id,email\n1,secret@b\n", "email::timestamp as address"),
        ("id,email\n1,secret@b\n", "email::decimal(4, 1) as address"),
    ],
)
def test_what_cannot_be_converted_is_told_without_its_value(made, capsys, raw, sql):
    made.edit("lower(email) as address", sql)
    made.edit('sensitive=["email"]', 'sensitive=["id", "email"]')
    (made.root / "data" / "people.csv").write_text(raw)
    assert made.run("build") == 1
    said = capsys.readouterr()
    assert "(sensitive)" in said.err
    assert "secret" not in said.err + said.out
