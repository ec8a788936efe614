"""Running declarations as Dagster assets."""

from __future__ import annotations

import dagster as dg
import polars as pl
import pytest

import headrace as hr
from headrace.orchestration.definitions import definitions

KEYS = 10


def run(declared, *, tags=None, selection=None, instance=None) -> dg.ExecuteInProcessResult:
    defs = definitions(declared)
    keys = [dg.AssetKey(key.split("/")) for key in selection] if selection else None
    job = defs.resolve_job_def("build_all")
    return job.execute_in_process(asset_selection=keys, tags=tags, instance=instance, raise_on_error=False)


def states(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        event.asset_key.to_user_string(): event.materialization.tags["headrace/state"]
        for event in result.get_asset_materialization_events()
    }


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    (event,) = [one for one in result.all_events if one.is_step_failure]
    return event.step_key, event.step_failure_data.error.message


def break_orders(folder) -> None:
    path = folder / "data" / "orders.parquet"
    pl.read_parquet(path).with_columns(amount=-pl.col("amount") - 1).write_parquet(path)


def test_a_run_builds_everything_and_the_next_one_computes_nothing(folder, declare, project):
    first = run(declare())
    assert first.success
    assert set(states(first).values()) == {"built"}
    versions = project.store.refs("dev").current()
    second = run(declare())
    assert states(second) == dict.fromkeys(versions, "fresh")
    for event in second.get_asset_materialization_events():
        assert event.materialization.metadata["headrace/state"].value == "fresh"
        assert {"dagster/row_count", "dagster/column_schema", "reasons"} <= set(event.materialization.metadata)
    assert project.store.refs("dev").current() == versions
    assert len(versions) == KEYS


def test_dagster_and_the_store_agree_on_the_data_version(built, declare, project):
    with dg.DagsterInstance.ephemeral() as instance:
        run(declare(), instance=instance)
        for key, version in project.store.refs("dev").current().items():
            event = instance.get_latest_materialization_event(dg.AssetKey(key.split("/")))
            tags = event.asset_materialization.tags
            assert tags["dagster/data_version"] == project.store.load(key, version).digest


def test_a_change_rebuilds_what_it_reaches_and_undoing_it_reuses(built, declare):
    changed = states(run(declare(level=0.1)))
    assert changed["cascades/guess"] == changed["cascades/guess/model"] == "built"
    assert {changed[key] for key in changed if not key.startswith("cascades/")} == {"fresh"}
    assert states(run(declare()))["cascades/guess"] == "reused"


def test_a_run_tag_forces_computation(built, declare):
    again = run(declare(), tags={"headrace/force": "true"}, selection=["sources/orders"])
    assert states(again) == {"sources/orders": "built"}


def test_broken_rows_fail_the_check_and_keep_the_last_good_version(built, declare, project):
    good = project.store.refs("dev").current()
    break_orders(built)
    result = run(declare())
    assert failure(result)[0] == "sources__orders"
    (check,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert check.asset_key == dg.AssetKey(["sources", "orders"])
    assert check.blocking
    rows = [record.data for record in check.metadata["failures"].records]
    assert [(row["column"], row["count"]) for row in rows] == [("amount", "60")]
    assert set(states(result)) == {"sources/customers", "sources/visits"}  # nothing downstream has run
    assert project.store.refs("dev").current() == good


def test_mending_the_data_passes_the_check_again(built, declare):
    content = (built / "data" / "orders.parquet").read_bytes()
    break_orders(built)
    run(declare())
    (built / "data" / "orders.parquet").write_bytes(content)
    result = run(declare())
    assert set(states(result).values()) == {"fresh"}
    assert len(result.get_asset_check_evaluations()) == KEYS
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_an_input_that_was_never_built_says_so(folder, declare):
    step, message = failure(run(declare(), selection=["features/activity"]))
    assert step == "features__activity"
    assert "sources/orders has no version in environment 'dev'" in message


def test_what_fails_in_a_users_function_keeps_its_traceback(folder):
    orders = hr.Source("orders", path="orders.parquet", keys=["order_id"])

    @hr.feature_view(entity=None, inputs={"orders": orders})
    def broken(orders: pl.DataFrame) -> pl.DataFrame:
        return orders.select(pl.lit(1) / len([]) if len(orders) == 0 else [][0])

    result = run([orders, broken])
    (event,) = [one for one in result.all_events if one.is_step_failure]
    cause = event.step_failure_data.error.cause
    assert "IndexError" in cause.message
    assert any("in broken" in line for line in cause.stack)


@pytest.mark.parametrize("change", [{"over": "14d"}, {"ttl": "1d"}])
def test_how_a_view_is_read_decides_its_training_sets(built, declare, change):
    assert states(run(declare(**change)))["training_sets/learning"] == "built"
