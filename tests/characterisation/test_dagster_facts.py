"""What we lean on in Dagster: an upgrade that changes it fails here first."""

# No `from __future__ import annotations`: see the test of the asset function's annotations.
import warnings
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

TAGS = ("dagster/code_version", "dagster/data_version", "dagster/data_version_is_user_provided")


def chain(middle: str = "1", values: dict[str, str] | None = None) -> dg.Definitions:
    """a -> b -> c; `values` are their data versions."""
    versions = {"a": "1", "b": "1", "c": "1", **(values or {})}

    def make(name: str, deps: list[str], code: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=deps, code_version=code)
        def one() -> dg.MaterializeResult:
            return dg.MaterializeResult(data_version=dg.DataVersion(versions[name]))

        return one

    return dg.Definitions([make("a", [], "1"), make("b", ["a"], middle), make("c", ["b"], "1")])


def run(defs: dg.Definitions, instance: dg.DagsterInstance, *names: str) -> dg.ExecuteInProcessResult:
    keys = [dg.AssetKey(name) for name in names] or None
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=keys, raise_on_error=False)


def statuses(defs: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, str]:
    graph = defs.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {key.path[-1]: resolver.get_status(key).value for key in sorted(graph.get_all_asset_keys())}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_a_materialisation_is_tagged_with_versions_of_code_data_and_inputs(instance):
    run(chain(), instance)
    tags = instance.get_latest_materialization_event(dg.AssetKey("b")).asset_materialization.tags
    assert {**dict.fromkeys(TAGS, "1"), TAGS[2]: "true", "dagster/input_data_version/a": "1"}.items() <= tags.items()
    assert tags["dagster/input_event_pointer/a"].isdigit()


def test_staleness_goes_one_hop(instance):
    assert statuses(chain(), instance) == {"a": "MISSING", "b": "MISSING", "c": "MISSING"}
    run(chain(), instance)
    assert statuses(chain("2"), instance) == {"a": "FRESH", "b": "STALE", "c": "FRESH"}


def test_an_equal_data_version_keeps_what_is_downstream_fresh(instance):
    run(chain(), instance)
    run(chain(), instance, "a")
    assert statuses(chain(), instance) == {"a": "FRESH", "b": "FRESH", "c": "FRESH"}
    run(chain(values={"a": "2"}), instance, "a")
    assert statuses(chain(), instance) == {"a": "FRESH", "b": "STALE", "c": "FRESH"}


@pytest.mark.parametrize(("pointer", "status"), [({"dagster/input_event_pointer/a": "NULL"}, "FRESH"), ({}, "STALE")])
def test_an_event_without_a_run_counts_and_needs_pointers_which_may_be_null(instance, pointer, status):
    run(chain(), instance, "a")
    tags = {**dict.fromkeys(TAGS, "1"), "dagster/input_data_version/a": "1", **pointer}
    instance.report_runless_asset_event(dg.AssetMaterialization("b", tags=tags))
    assert statuses(chain(), instance)["b"] == status


def test_records_of_many_assets_and_checks_come_in_one_query_each(instance):
    run(chain(), instance)
    key = dg.AssetCheckKey(dg.AssetKey("a"), "schema")
    instance.report_runless_asset_event(dg.AssetCheckEvaluation(key.asset_key, key.name, passed=False))
    records = instance.get_asset_records([dg.AssetKey("a"), dg.AssetKey("b")])
    assert len([one.asset_entry.last_materialization.asset_materialization for one in records]) == 2
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    assert found[key].status.value == "FAILED"


def test_a_check_yielded_before_a_failure_is_stored(instance):
    ran = []

    @dg.asset(check_specs=[dg.AssetCheckSpec("schema", asset="broken", blocking=True)])
    def broken() -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        yield dg.AssetCheckResult(passed=False, check_name="schema")
        raise dg.Failure("no", allow_retries=False) from None

    @dg.asset(deps=[broken])
    def after() -> None:
        ran.append("after")

    result = run(dg.Definitions([broken, after]), instance)
    assert [one.passed for one in result.get_asset_check_evaluations()] == [False]
    assert not result.success
    assert ran == []


def test_a_first_parameter_of_another_name_is_an_input():
    @dg.asset
    def one(ctx) -> None: ...

    assert [dep.asset_key.path for dep in next(iter(one.specs)).deps] == [["ctx"]]


def test_annotations_that_are_texts_are_refused():
    def compute(context: "dg.AssetExecutionContext") -> None: ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Cannot annotate `context` parameter"):
        dg.asset(compute)


def test_a_text_with_a_slash_is_no_key():
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="features/activity"):

        @dg.asset(deps=["features/activity"])
        def one() -> None: ...


def test_finding_definitions_in_modules_is_a_preview():
    with pytest.warns(dg.PreviewWarning, match="load_definitions_from_modules"):
        dg.load_definitions_from_modules([])


def test_definitions_refuse_two_executors_when_merged():
    one, other = dg.Definitions(executor=dg.in_process_executor), dg.Definitions(executor=dg.multiprocess_executor)
    with pytest.raises(dg.DagsterInvariantViolationError, match="executor"):
        dg.Definitions.merge(one, other)
    assert dg.Definitions.merge(one, dg.Definitions()).executor is dg.in_process_executor


def test_nothing_of_ours_is_deprecated():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dg.MetadataValue.table([dg.TableRecord({"a": "1"})], dg.TableSchema(columns=[dg.TableColumn("a")]))
        dg.AssetCheckSpec("schema", asset=["a", "b"], blocking=True)
