"""Warehouse: current tables for anybody's own code, without locks."""

from __future__ import annotations

import shutil

import duckdb
import pytest

import headrace as hr
from headrace.errors import ProjectError
from headrace.orchestration.definitions import definitions


def count(connection, table: str) -> int:
    return connection.sql(f"select count(*) from {table}").fetchall()[0][0]


def test_every_current_table_is_a_view(built, project):
    with hr.Warehouse(project=str(built / "data")).get_connection() as connection:
        assert count(connection, "features.activity") == 60
        assert count(connection, "cascades.guess__model") == 60
        found = connection.sql("select count(*) from duckdb_views() where not internal").fetchall()
        assert found == [(len(project.graph.keys),)]


def test_without_a_project_it_shows_the_working_directorys(built):
    with hr.Warehouse().get_connection() as connection:
        assert count(connection, "sources.orders") == 60


def test_definitions_tell_it_the_project(built, declare, monkeypatch, tmp_path_factory):
    defs = definitions(declare(), resources={"warehouse": hr.Warehouse(connection_config={"threads": 1})})
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    warehouse = defs.resources["warehouse"]
    assert (warehouse.project, warehouse.environment) == (str(built), "dev")
    with warehouse.get_connection() as connection:
        assert connection.sql("select current_setting('threads')").fetchall() == [(1,)]
        assert count(connection, "sources.orders") == 60


def test_another_environment_has_tables_of_its_own(built):
    with (
        hr.Warehouse(environment="live").get_connection() as connection,
        pytest.raises(duckdb.CatalogException, match="orders"),
    ):
        count(connection, "sources.orders")


def test_it_neither_waits_for_a_writer_nor_blocks_one(built):
    with duckdb.connect(str(built / "headrace.duckdb")) as writer, hr.Warehouse().get_connection() as connection:
        writer.execute("create table locked as select 1").fetchall()
        assert count(connection, "sources.orders") == 60
        shutil.rmtree(built / "data")
        with hr.Warehouse().get_connection() as another:
            assert count(another, "sources.orders") == 60


def test_it_is_always_in_memory():
    with pytest.raises(ProjectError, match=r"DuckDBResource"):
        hr.Warehouse(database="shop.duckdb")


def test_outside_a_project_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="is in no Headrace project"), hr.Warehouse().get_connection():
        pass
