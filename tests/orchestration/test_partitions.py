"""Partitioned assets in Dagster: definitions, mappings, runs of one partition and of many, and what is stale."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

import headrace as hr
from headrace.builder.build import build
from headrace.orchestration.automation import look
from headrace.orchestration.checks import asset_key
from headrace.orchestration.record import record_build
from tests.builder.parted import START, day, declared, make_root, project_at, put

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
DAYS = [day(number) for number in range(4)]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    logging.disable(logging.INFO)
    yield make_root(tmp_path, days=4)
    logging.disable(logging.NOTSET)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def run(instance, *keys, first=None, last=None, tags=None):
    """One run of some assets, for one partition or for several."""
    repository = hr.definitions(declared()).get_repository_def()
    chosen = {asset_key(key) for key in keys}
    job = repository.get_implicit_job_def_for_assets(chosen).get_subset(asset_selection=chosen)
    tags = tags or ({FIRST: first, LAST: last or first} if first else {})
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def statuses(instance, key, labels=DAYS):
    """What Dagster calls each partition, in one letter."""
    graph = hr.definitions(declared()).get_repository_def().asset_graph
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return "".join(resolver.get_status(asset_key(key), label).value[0] for label in labels)


def versions(instance, key):
    """The data version of each partition, as Dagster last heard."""
    graph = hr.definitions(declared()).get_repository_def().asset_graph
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {label: resolver.get_current_data_version(asset_key(key), label).value for label in DAYS}


def digests(root, key):
    partitions = project_at(root).store.current(key, "dev").partitions
    return {label: one["digest"] for label, one in partitions.items()}


def test_definitions_and_mappings(root):
    graph = hr.definitions(declared()).get_repository_def().asset_graph
    orders, activity, total = (
        graph.get(asset_key(f"{key}")) for key in ("sources/orders", "features/activity", "features/total")
    )
    assert orders.partitions_def == dg.DailyPartitionsDefinition(START, end_offset=1)
    assert activity.backfill_policy == dg.BackfillPolicy.single_run()
    assert total.partitions_def is None
    assert activity.partition_mappings[orders.key] == dg.TimeWindowPartitionMapping(
        start_offset=-2, allow_nonexistent_upstream_partitions=True
    )
    assert total.partition_mappings[asset_key("features/demand")] == dg.AllPartitionMapping()


@pytest.mark.parametrize(
    ("partitions", "kind"),
    [
        (hr.Hourly(start="2024-01-01"), dg.HourlyPartitionsDefinition("2024-01-01-00:00", end_offset=1)),
        (hr.Monthly(start="2024-01-01"), dg.MonthlyPartitionsDefinition("2024-01-01", end_offset=1)),
        (hr.ByKey("customer", values=["a", "b"]), dg.StaticPartitionsDefinition(["a", "b"])),
        (hr.ByKey("customer"), dg.DynamicPartitionsDefinition(name="sources/orders")),
    ],
)
def test_kinds_of_partitions(root, partitions, kind):
    source = hr.Source("orders", path="orders/*.csv", timestamp="seen", partitions=partitions)
    graph = hr.definitions([source]).get_repository_def().asset_graph
    assert graph.get(asset_key("sources/orders")).partitions_def == kind


def test_labels_are_those_of_dagster():
    hours, months = hr.Hourly(start="2024-01-01"), hr.Monthly(start="2024-01-01", timezone="Europe/Berlin")
    moment = datetime(2024, 3, 31, 22, 30, tzinfo=UTC)
    theirs = (
        dg.HourlyPartitionsDefinition("2024-01-01-00:00"),
        dg.MonthlyPartitionsDefinition("2024-01-01", timezone="Europe/Berlin"),
    )
    for ours, kind in zip((hours, months), theirs, strict=True):
        label = ours.label(moment)
        window = kind.time_window_for_partition_key(label)
        assert [one.timestamp() for one in ours.span(label)] == [window.start.timestamp(), window.end.timestamp()]


def test_a_run_of_one_partition_leaves_the_others(root, instance):
    assert run(instance, "sources/orders", first=DAYS[1]).success
    assert statuses(instance, "sources/orders") == "MFMM"
    assert [*digests(root, "sources/orders")] == [DAYS[1]]
    assert run(instance, "sources/orders", first=DAYS[2]).success
    assert [*digests(root, "sources/orders")] == DAYS[1:3]


def test_a_run_without_data_fails(root, instance):
    result = run(instance, "sources/orders", first=day(9))
    assert not result.success
    assert "has no data for partition" in str(
        [event.message for event in result.all_events] + [str(event.event_specific_data) for event in result.all_events]
    )


def test_a_backfill_in_one_run_gives_each_partition_its_own_version(root, instance):
    assert run(instance, "sources/orders", "features/activity", first=DAYS[0], last=DAYS[3]).success
    for key in ("sources/orders", "features/activity"):
        assert versions(instance, key) == digests(root, key)
        assert len({*digests(root, key).values()}) == len(DAYS)


def test_dagster_and_the_plan_agree_on_what_a_late_file_makes_stale(root, instance):
    assert run(instance, "sources/orders", "features/activity", "features/demand", first=DAYS[0], last=DAYS[3]).success
    put(root, 1, 70)
    assert run(instance, "sources/orders", first=DAYS[1]).success
    assert statuses(instance, "features/activity") == "FSSS"
    assert statuses(instance, "features/demand") == "FSFF"
    # A change that a view does not read makes nothing stale.
    path = root / f"data/orders/{DAYS[3]}.csv"
    path.write_text(path.read_text().replace(",note\n", ",other\n").replace("amount,other", "amount,note"))
    assert run(instance, "sources/orders", first=DAYS[3]).success
    assert statuses(instance, "features/demand") == "FSFF"


def test_the_command_line_tells_dagster_of_each_partition(root, instance, monkeypatch):
    monkeypatch.setattr("headrace.orchestration.record.instance_for", lambda project: _given(instance))
    record_build(project_at(root), build(project_at(root)))
    assert versions(instance, "features/activity") == digests(root, "features/activity")
    put(root, 2, 70)
    record_build(project_at(root), build(project_at(root), ["orders"]))
    assert statuses(instance, "features/activity") == "FFSS"
    record_build(project_at(root), build(project_at(root)))
    assert statuses(instance, "features/activity") == "FFFF"


class _given:
    def __init__(self, instance):
        self.instance = instance

    def __enter__(self):
        return self.instance

    def __exit__(self, *error):
        return None


def refreshed():
    """The same project, refreshed on change."""
    found = declared()
    for one in found:
        object.__setattr__(one, "refresh", hr.OnChange())
    return found


def test_the_sensor_asks_for_one_run_of_the_partitions_that_changed(root, instance):
    from headrace.builder.project import project_from

    def tick():
        return look(project_from(refreshed(), root), instance, "", datetime.now(UTC))[0]

    first = tick()
    assert (first.tags[FIRST], first.tags[LAST]) == (DAYS[0], DAYS[3])
    keys = ["/".join(key.path) for key in first.asset_selection]
    assert keys == ["sources/orders", "features/activity", "features/demand", "features/total"]
    assert run(instance, *keys, tags=first.tags).success
    assert isinstance(tick(), dg.SkipReason)
    put(root, 2, 70)
    late = tick()
    assert (late.tags[FIRST], late.tags[LAST]) == (DAYS[2], DAYS[3])
    assert run(instance, *keys, tags=late.tags).success
    assert isinstance(tick(), dg.SkipReason)
    assert versions(instance, "features/activity") == digests(root, "features/activity")


def test_two_kinds_of_partitions_are_run_one_after_the_other(root, instance):
    from headrace.builder.project import project_from

    def both():
        other = hr.Source("people", path="orders/*.csv", partitions=hr.ByKey("customer"), refresh="on_change")
        return [*refreshed(), other]

    definitions = hr.definitions(both())
    assert {"build_all", "build_partitions_1", "build_partitions_2"} <= {
        job.name for job in definitions.resolve_all_job_defs()
    }
    answer, _ = look(project_from(both(), root), instance, "", datetime.now(UTC))
    keys = ["/".join(key.path) for key in answer.asset_selection]
    assert ("sources/people" in keys) != ("sources/orders" in keys)
