from __future__ import annotations

import duckdb
import pytest

from headrace.builder.build import build
from headrace.builder.views import current_tables, refresh_views
from tests.builder.shop import left_overs, shop


def total(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql("select sum(total) from features.spend").fetchall()[0][0]


def test_any_client_reads_the_current_tables(tmp_path):
    project = shop(tmp_path)
    build(project)
    assert set(current_tables(project)) == set(project.graph.keys)
    assert total(project.views_file) == 35.5
    assert left_overs(project) == []


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_build_with_nothing_to_do_renews_what_a_killed_one_did_not(tmp_path, when):
    project = shop(tmp_path)
    build(project)
    if when == "before":
        project.store.refs("dev").move({"features/grown": None})  # as if its views had not been renewed yet
    else:
        (tmp_path / ".headrace.duckdb.draft").write_text("half a database")
    build(project, ["spend"])
    assert project.views_file.is_file()
    with duckdb.connect(str(project.views_file), read_only=True) as connection:
        shown = {row[0] for row in connection.sql("select view_name from duckdb_views() where not internal").fetchall()}
    assert shown == {key.partition("/")[2] for key in current_tables(project)}
    assert left_overs(project) == []


def test_a_client_that_has_it_open_keeps_its_tables_while_a_build_goes_on(tmp_path):
    project = shop(tmp_path)
    build(project)
    orders = project.data_folder / "orders.csv"
    with duckdb.connect(str(project.views_file), read_only=True) as connection:
        orders.write_text(orders.read_text().replace("10.5", "11.5"))
        report = build(project)
        assert not report.failed
        assert connection.sql("select sum(total) from features.spend").fetchall() == [(35.5,)]
    assert total(project.views_file) == 36.5


def test_what_a_killed_process_left_is_no_trouble(tmp_path):
    project = shop(tmp_path)
    build(project)
    (tmp_path / ".headrace.duckdb.draft").write_text("half a database")
    refresh_views(project)
    assert total(project.views_file) == 35.5
    assert left_overs(project) == []
