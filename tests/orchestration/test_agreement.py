"""What Dagster calls stale is what the plan calls out of date, when only some of the assets are built."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from headrace.builder.build import build, plan_project
from headrace.builder.project import project_from
from headrace.orchestration.agreement import agree
from headrace.orchestration.definitions import definitions
from headrace.orchestration.instance import instance_for
from headrace.orchestration.record import record_build
from tests.orchestration.fruit import declared, make_project, put

UPSTREAM = "sources/prices"


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        root = make_project(tmp_path_factory.mktemp("fruit"), patch)
        project = project_from(declared(), root)
        record_build(project, build(project))
    return root


@pytest.fixture
def project(built_once, tmp_path, monkeypatch):
    """Built and recorded."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(shutil.copytree(built_once, tmp_path, dirs_exist_ok=True))
    return project_from(declared(), tmp_path)


def by_command_line(project):
    record_build(project, build(project, [UPSTREAM]))


def by_webserver(project):
    job = definitions(declared()).resolve_implicit_global_asset_job_def()
    with instance_for(project) as instance:
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(UPSTREAM.split("/"))])


def stale(project) -> set[str]:
    graph = definitions(declared()).resolve_asset_graph()
    with instance_for(project) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        found = {key.to_user_string(): resolver.get_status(key).value for key in graph.get_all_asset_keys()}
    assert set(found.values()) <= {"FRESH", "STALE"}
    return {key for key, status in found.items() if status == "STALE"}


def planned(project) -> set[str]:
    return {step.asset for step in plan_project(project).work if step.state != "pending"}


def events(project, key: str) -> int:
    with instance_for(project) as instance:
        return len(instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=9).records)


@pytest.mark.parametrize("build_upstream", [by_command_line, by_webserver])
@pytest.mark.parametrize(
    ("row", "expected"),
    [("1,2.5,another note", {"features/other"}), ("1,3.5,x", {"features/double"}), ("1,2.5,x", set())],
    ids=["a column that one reads", "a column that the other reads", "nothing"],
)
def test_readers_of_other_columns_are_not_stale(project, build_upstream, row, expected):
    put(project.root, prices=row)
    build_upstream(project)
    assert planned(project) == expected
    assert stale(project) == expected


def test_only_those_of_which_dagster_knows_something_else_are_told(project):
    put(project.root, prices="1,2.5,another note")
    build(project, [UPSTREAM])
    with instance_for(project) as instance:
        assert agree(project, instance, [UPSTREAM], apart=["features/double"]) == ()
        assert agree(project, instance, [UPSTREAM]) == ("features/double",)
        assert agree(project, instance, [UPSTREAM]) == ()
    assert (events(project, "features/double"), events(project, "features/other")) == (2, 1)


def test_a_run_of_everything_tells_each_asset_once(project):
    put(project.root, prices="1,2.5,another note")
    with instance_for(project) as instance:
        definitions(declared()).resolve_job_def("build_all").execute_in_process(instance=instance)
    assert (events(project, "features/double"), events(project, "features/other")) == (2, 2)
    assert stale(project) == set()
