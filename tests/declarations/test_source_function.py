"""Sources whose rows a function gives, as they are written."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.errors import DeclarationError


def rows():
    """What an API says."""
    return {}


def test_the_function_names_and_describes_the_source():
    source = hr.source(keys=["id"], timestamp="at", every="1h", owners=["team:shop"])(rows)
    assert (source.name, source.key, source.description) == ("rows", "sources/rows", "What an API says.")
    assert (source.origin, source.format, source.keys) == ("rows()", "function", ("id",))


def test_equal_sources_have_equal_data():
    assert hr.source()(rows).data() == hr.source()(rows).data() != hr.source(every="1h")(rows).data()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"every": "soon"}, "every|duration|soon"),
        ({"every": "0h"}, "no time at all"),
        ({"timestamp": "at", "schema": 3}, "schema"),
    ],
)
def test_mistakes_are_named(given, said):
    with pytest.raises(DeclarationError, match=said):
        hr.source(**given)(rows)


def test_it_takes_no_parameters():
    with pytest.raises(DeclarationError, match="no function without parameters"):
        hr.source()(lambda table: table)


@pytest.mark.parametrize("given", [{"path": "a.csv"}, {"database": "a.duckdb", "table": "t"}])
def test_rows_come_from_one_place(given):
    with pytest.raises(DeclarationError, match="either a path or a database"):
        hr.Source("rows", function=rows, **given)


@pytest.mark.parametrize("given", [{"changed": rows}, {"every": "1h"}])
def test_files_need_nobody_to_say_that_they_changed(given):
    with pytest.raises(DeclarationError, match="but no function"):
        hr.Source("rows", path="a.csv", **given)


@pytest.mark.parametrize("given", [{"images": ["photo"]}, {"partitions": hr.Daily(start="2024-01-01")}])
def test_what_only_files_have(given):
    with pytest.raises(DeclarationError, match="files"):
        hr.Source("rows", function=rows, timestamp="at", **given)
