"""Builds of the command line as Dagster sees them."""

from __future__ import annotations

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from headrace.builder.build import Report, build
from headrace.builder.outcome import Outcome
from headrace.builder.project import project_from
from headrace.orchestration.definitions import definitions
from headrace.orchestration.instance import instance_for
from headrace.orchestration.record import record_build


def statuses(project, declared) -> dict[str, str]:
    graph = definitions(declared).resolve_asset_graph()
    with instance_for(project) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        return {key.to_user_string(): resolver.get_status(key).value for key in graph.get_all_asset_keys()}


def events(project, key: str) -> list[dg.AssetMaterialization]:
    with instance_for(project) as instance:
        found = instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=9).records
        return [record.asset_materialization for record in found]


def report_of(project, state) -> Report:
    outcomes = [Outcome(key, state, project.store.current(key, "dev")) for key in project.graph.keys]
    return Report("run", outcomes)


@pytest.mark.parametrize("state", ["reused", "fresh"])
def test_what_was_built_is_fresh_for_dagster(built, project, declare, state):
    assert set(statuses(project, declare()).values()) == {"MISSING"}
    record_build(project, report_of(project, state))
    assert set(statuses(project, declare()).values()) == {"FRESH"}
    assert events(project, "features/activity")[0].tags["headrace/state"] == state


def test_what_dagster_knows_is_not_written_again(built, project):
    for _ in range(2):
        record_build(project, report_of(project, "fresh"))
    assert len(events(project, "features/activity")) == 1


def test_a_run_leaves_the_same_tags(built, project, declare):
    record_build(project, report_of(project, "built"))
    with instance_for(project) as instance:
        definitions(declare()).resolve_job_def("build_all").execute_in_process(instance=instance)
    for key in project.graph.keys:
        run, recorded = (_dagster_tags(one) for one in events(project, key))
        pointers = {name for name in run if name.startswith("dagster/input_event_pointer/")}
        assert {**run, **dict.fromkeys(pointers, "NULL")} == recorded
    record_build(project, report_of(project, "fresh"))
    assert len(events(project, "cascades/guess")) == 2


def _dagster_tags(event: dg.AssetMaterialization) -> dict[str, str]:
    return {name: value for name, value in event.tags.items() if name.startswith("dagster/")}


def test_a_declaration_that_changes_is_stale_until_it_is_built(built, project, declare):
    record_build(project, report_of(project, "built"))
    changed = project_from(declare(level=0.1), built)
    assert {key for key, one in statuses(changed, declare(level=0.1)).items() if one == "STALE"} == {
        "cascades/guess",
        "cascades/guess/model",
    }
    record_build(changed, build(changed))
    assert set(statuses(changed, declare(level=0.1)).values()) == {"FRESH"}


def test_failures_are_failed_checks_until_they_are_mended(built, project):
    path = built / "data" / "orders.parquet"
    content = path.read_bytes()
    pl.read_parquet(path).with_columns(amount=-pl.col("amount") - 1).write_parquet(path)
    record_build(project, build(project))
    assert check_of(project).passed is False
    assert check_of(project).metadata["failures"].records[0].data["column"] == "amount"
    path.write_bytes(content)
    record_build(project, build(project))
    assert check_of(project).passed is True


def check_of(project) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey(["sources", "orders"]), "schema")
    with instance_for(project) as instance:
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    return record.event.dagster_event.event_specific_data
