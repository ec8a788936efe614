"""Online views in the webserver: filled by a run, replayed as a check, with their freshness."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg
import pytest

from headrace.builder.build import build
from headrace.declarations.online import online_view
from headrace.orchestration.definitions import definitions
from headrace.orchestration.describe import description
from headrace.orchestration.instance import instance_for
from headrace.orchestration.record import record_build
from headrace.store.online.base import Change
from headrace.store.online.open import open_online
from tests.builder.online_shop import activity, last_order, read, shop, write

KEY = dg.AssetKey(["online", "last_order"])


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    write(tmp_path)
    return shop(tmp_path)


def run(selection=None):
    job = definitions([last_order, activity]).resolve_job_def("build_all")
    return job.execute_in_process(asset_selection=selection, raise_on_error=False)


def checks(result):
    return {
        "/".join(one.asset_key.path): one for one in result.get_asset_check_evaluations() if one.check_name == "replay"
    }


def metadata(result, key=KEY):
    (event,) = [one for one in result.get_asset_materialization_events() if one.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_run_fills_and_replays(project):
    result = run()
    assert result.success
    assert read(project, "last_order", 1, 2) == [(20.0, "b"), (5.0, None)]
    found = checks(result)
    assert set(found) == {"online/last_order", "online/activity"}
    assert all(one.passed for one in found.values())
    assert "are what training rows see" in found["online/last_order"].description
    told = metadata(result)
    assert told["online entities changed"] == 2
    assert told["online latest event"] == datetime(2024, 1, 3, tzinfo=UTC).timestamp()
    assert told["online age of latest event (hours)"] > 0
    assert told["online version"] == project.store.refs("dev").current()["online/last_order"]


def test_a_run_with_nothing_to_compute_completes_the_store(project):
    build(project)
    for path in (project.store_folder / "online" / "dev").iterdir():
        path.unlink()
    assert metadata(run())["online entities changed"] == 2
    assert read(project, "last_order", 1) == [(20.0, "b")]


def test_what_differs_from_training_fails_the_check(project):
    build(project)
    with closing(open_online(project.store_folder, "dev")) as store:
        wrong = Change((1,), datetime(2024, 1, 2, 1, tzinfo=UTC), None, (21.0, "b"))
        store.apply("last_order", store.describe("last_order"), [wrong], None)
    result = run([KEY])
    assert result.success
    found = checks(result)["online/last_order"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert found.metadata["differing"].value == 2
    assert "2 of 8 values of 2 entities" in found.description


def test_a_build_from_the_command_line_records_its_replays(project):
    report = build(project)
    record_build(project, report)
    with instance_for(project) as instance:
        wanted = dg.AssetCheckKey(KEY, "replay")
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([wanted])
    assert found[wanted].status.value == "SUCCEEDED"


def test_the_page_says_what_is_served_and_how_fresh_it_is(project):
    """After a build from the command line as after a run; columns of the store's own are explained, not shown."""
    record_build(project, build(project))
    key = dg.AssetKey(["online", "activity"])
    with instance_for(project) as instance:
        event = instance.get_latest_materialization_event(key).asset_materialization
    told = {name: value.value for name, value in event.metadata.items()}
    assert told["online latest event"] == datetime(2024, 1, 3, tzinfo=UTC).timestamp()
    served = event.metadata["served features"].records
    assert [one.data["feature"] for one in served] == ["orders_1d", "orders_7d", "spend_7d", "last_note"]
    assert [one.data["window"] for one in served] == ["1d", "7d", "7d", "30d"]
    assert not [name for name in event.metadata["preview"].records[0].data if name.startswith("__")]
    columns = {one.name: one.description for one in event.metadata["dagster/column_schema"].value.columns}
    assert columns["customer_id"] == "key"
    assert columns["ordered_at"] == "event time"
    assert "pushed correction" in columns["__identity"]
    assert "counts" in columns["__where0"]


def test_descriptions_say_what_is_kept():
    view, kept = description(activity), description(online_view(activity))
    assert "- **kept beside it:** `online/activity`" in view
    assert "- **holds:** the events that windows still reach" in kept
    assert "- **serves:** `orders_1d`, `orders_7d`, `spend_7d`, `last_note`" in kept
    assert "- **holds:** the latest row of each entity" in description(online_view(last_order))
