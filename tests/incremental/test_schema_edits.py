"""Statements that read more than the columns they name: an edit of a table's columns reaches whoever may notice it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import Project, project_from
from headrace.declarations.feature_view import FeatureView
from tests.incremental.contents import read_contents
from tests.incremental.incremental import assert_equal, succeeded

entity = hr.Entity("entity", keys=["k"])
one = hr.Source("one", path="one.parquet", keys=["k"])
two = hr.Source("two", path="two.parquet", keys=["k"])
ONE = pl.DataFrame({"k": [1, 2, 3], "x": [1, 2, 3], "z": [7, 8, 9], "note": ["a", "b", "c"]})
TWO = pl.DataFrame({"k": [1, 2, 4], "y": [4.0, 5.0, 6.0]})

STATEMENTS = {
    "natural join": "select k, x, y from {one} natural join {two}",
    "using": "select k, x, z from {one} join {two} using (k)",
    "star": "select * from {one}",
    "from first": "from {one}",
    "star of an alias": "select o.* from {one} as o join {two} as t on o.k = t.k",
    "exclude": "select * exclude (note) from {one}",
    "replace": "select * replace (x + 1 as x) from {one}",
    "rename": "select * rename (x as renamed) from {one}",
    "columns by pattern": "select k, columns('^(x|z)') from {one}",
    "columns by function": "select k, columns(lambda c: c like 'n%') from {one}",
    "whole row": "select k, o as row from {one} as o",
    "aggregate of every column": "select k % 2 as k, max(columns(* exclude (k))) from {one} group by 1",
    "union by name": "select * from {one} union all by name select * from {two}",
    "union of stars": "select k, x from {one} union all (select * from {two})",
    "all of a group": "select k, x, count(*) as n from {one} group by all",
    "order of all": "select * from (from {one} order by all limit 2)",
    "distinct rows in a subquery": "select k, count(*) as n from (select distinct * exclude (z) from {one}) group by k",
    "counted rows": "select 1 as k, count(*) as n from {one}",
    "exists": "select k, x from {one} as o where exists (select * from {two} as t where t.k = o.k)",
    "position": "select k, x as a, z from {one} order by 2 limit 2",
    "named window": "select k, sum(x) over w as s from {one} window w as (order by z)",
    "pivot": "from (pivot (select k, note, x from {one}) on note using sum(x))",
    "unpivot": "select k, name, value from (unpivot (select k, x, z from {one}) on x, z)",
    "lateral": "select k, doubled from {one}, (select x * 2 as doubled)",
    "alias of an alias": "select k, x + 1 as a, a * 2 as b from {one} where a > 2",
    "outer name in a subquery": "select k, x from {one} where x in (select k from {two} where y > z - 4)",
}
Edit = Callable[[pl.DataFrame, pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]
EDITS: dict[str, Edit] = {
    "column of one appears in two": lambda a, b: (a, b.with_columns(z=pl.Series([7, 0, 0]))),
    "column y appears in one": lambda a, b: (a.with_columns(y=pl.lit(4.0)), b),
    "columns change places": lambda a, b: (a.select(a.columns[::-1]), b),
    "columns exchange names": lambda a, b: (a.rename({"x": "z", "z": "x"}), b),
    "type of z": lambda a, b: (a.cast({"z": pl.Int16}), b),
    "note is gone": lambda a, b: (a.drop("note"), b),
    "value of z": lambda a, b: (a.with_columns(z=pl.Series([9, 8, 7])), b),
    "row is gone": lambda a, b: (a[:2], b),
}


def _view(name: str, statement: str) -> FeatureView:
    def view(one=one, two=two):
        return statement.format(one=one, two=two)

    return hr.feature_view(entity=entity, name=name.replace(" ", "_"))(view)


VIEWS = [_view(name, statement) for name, statement in STATEMENTS.items()]


def _write(root: Path, *tables: pl.DataFrame) -> Project:
    (root / "data").mkdir(parents=True, exist_ok=True)
    for table, name in zip(tables, ("one", "two"), strict=True):
        table.write_parquet(root / "data" / f"{name}.parquet")
    return project_from(VIEWS, root)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("schema") / "base"
    succeeded(build(_write(root, ONE, TWO)))
    return root


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_whoever_may_notice_an_edit_of_columns_does(edit: Edit, base: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(base, tmp_path / "project"))
    project = _write(root, *edit(ONE, TWO))
    failed = set(build(project).failed)
    (tmp_path / "full").mkdir()
    full = _write(tmp_path / "full", *edit(ONE, TWO))
    assert failed == set(build(full).failed)
    found, expected = (read_contents(each, without=failed) for each in (project, full))
    assert_equal(found, expected)
    assert build(project).keys("built") == []
