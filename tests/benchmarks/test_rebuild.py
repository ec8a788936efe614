"""The 30-node project of the rebuild benchmark: every edit runs the nodes that it must, and the result is exact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from benchmarks.rebuild_contestants import Forked, Place, RawSqlHere
from benchmarks.rebuild_course import Course, same
from benchmarks.rebuild_layouts import headrace_files
from benchmarks.rebuild_project import COLD, JOINS, SCENARIOS, SOURCES, Edit, make_nodes
from benchmarks.rebuild_scale import many_files, parents

ROWS = 400
WHAT_RUNS = {
    "a leaf": {"wide"},
    "refactored, same output": {"orders_lines"},
    "new rows in a source": {
        *("visits", "visits_facts", "visits_marks", "visits_totals", "visits_habits"),
        *("attention", "wide"),
    },
    "a column few read": {"orders_lines", "orders_totals", "money", "wide"},
    "a column nobody reads": {"orders_lines"},
    "column added": {"orders_lines"},
    "few read, in the data": {"visits", "visits_marks", "visits_habits", "attention"},
    "nobody reads, in the data": {"visits"},
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """The project built cold, with Headrace alone: raw SQL gives the reference."""
    course = Course(tmp_path_factory.mktemp("rebuild"), ROWS, RawSqlHere)
    ours = Forked(course.folder / "ours", course.data)
    course.contestants = [ours]
    cold = course.race(COLD, [ours])[ours.name]
    assert cold.exact
    assert len(cold.built) == COLD.ideal
    return course


@pytest.mark.parametrize("scenario", SCENARIOS[1:], ids=lambda one: one.name)
def test_an_edit_runs_what_it_must_and_nothing_else(course, scenario):
    (result,) = course.race(scenario, course.contestants).values()
    assert result.exact
    assert {key.partition("/")[2] for key in result.built} == WHAT_RUNS.get(scenario.name, set())
    assert len(result.built) == scenario.ideal


def test_there_are_thirty_nodes():
    layers = [one.layer for one in make_nodes()]
    assert [layers.count(layer) for layer in ("staging", "features", "joins", "wide")] == [10, 10, len(JOINS), 1]
    assert len(SOURCES) + len(layers) == COLD.ideal


def test_an_edit_of_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="wide does not say 'nonsense'"):
        Edit("wide", "nonsense", "sense").apply(make_nodes())


def test_a_difference_in_one_cell_is_seen(tmp_path):
    rows = "select i as customer_id, i / 3 as share, 'a' as name from range(5) as t(i)"
    changes = {"one": "", "noise": " + 1e-13", "other": " + (customer_id = 3)::int * 1e-6"}
    for name, change in changes.items():
        query = f"select customer_id, share{change} as share, name from ({rows})"
        duckdb.sql(f"copy ({query}) to '{tmp_path / name}.parquet' (format parquet)")
    one, noise, other = (Place(tmp_path / f"{name}.parquet") for name in changes)
    with duckdb.connect() as connection:
        assert same(connection, one, noise)
        assert not same(connection, one, other)


def test_the_generated_thousands_are_one_graph():
    files = many_files(1_000)
    assert sum(text.count("@hr.feature_view") for text in files.values()) == 999
    assert all(parent < number for number in range(999) for parent in parents(number))


def test_the_project_is_plain_python():
    for name, text in headrace_files(make_nodes()).items():
        if name.endswith(".py"):
            compile(text, str(Path(name)), "exec")
