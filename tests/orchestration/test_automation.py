"""The sensor and the schedules: one run for all that is out of date, and a reason when there is none."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import duckdb
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.facts import ProjectFacts
from headrace.builder.project import project_from
from headrace.errors import DeclarationError
from headrace.orchestration import automation, liveness
from headrace.orchestration.automation import ON_CHANGE, WANTED_TAG, look, schedule_name
from headrace.orchestration.definitions import definitions
from headrace.orchestration.liveness import at_work
from headrace.orchestration.wanted import step_now, wanted
from headrace.store.failures import failed_marks, remember_failure
from tests.orchestration.fruit import declared, make_project, put

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
ALL = ["sources/names", "sources/prices", "features/double", "features/report"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    return make_project(tmp_path, monkeypatch)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def project_of(root, **changes):
    return project_from(declared(**changes), root)


def tick(project, instance, cursor="", now=NOON):
    return look(project, instance, cursor, now)[0]


def asked(answer) -> list[str]:
    assert isinstance(answer, dg.RunRequest), answer
    return ["/".join(key.path) for key in answer.asset_selection]


def run(root, instance, request: dg.RunRequest, **changes):
    """What the daemon does with a request, in this process."""
    job = definitions(declared(**changes)).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=request.asset_selection, tags=request.tags, raise_on_error=False
    )


def test_only_what_declares_a_refresh_is_automated(root):
    defs = definitions(declared(report=None))
    assert not defs.sensors
    assert not defs.schedules
    assert defs.resolve_job_def("build_all")


def test_sensor_and_schedules_run_unless_switched_off_and_show_what_they_are_for(root):
    defs = definitions(declared(double="0 6 * * mon-fri", prices=hr.Cron("@daily", "Europe/Berlin")))
    sensor = defs.resolve_sensor_def(ON_CHANGE)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.description.endswith("out of date: features/report.")
    schedules = {one.name: one for one in defs.schedules}
    assert set(schedules) == {"headrace_cron_0_6_x_x_mon_to_fri", "headrace_cron_0_0_x_x_x_europe_berlin"}
    daily = schedules["headrace_cron_0_0_x_x_x_europe_berlin"]
    assert daily.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (daily.cron_schedule, daily.execution_timezone) == ("0 0 * * *", "Europe/Berlin")


@pytest.mark.parametrize("expression", ["*/5 1-3,7 1 jan sun", "@hourly", "0 22-2/2 * * 7"])
def test_dagster_understands_every_cron_that_we_do(expression):
    schedule = dg.ScheduleDefinition(
        name=schedule_name(hr.Cron(expression)), target="*", cron_schedule=hr.Cron(expression).expression
    )
    assert schedule.name.startswith("headrace_cron_")


def test_ours_step_back_for_the_projects_own(root):
    @dg.sensor(name=ON_CHANGE, target="*")
    def mine(context):
        return dg.SkipReason("mine")

    own = dg.ScheduleDefinition(name="headrace_cron_0_6_x_x_x", target="*", cron_schedule="0 1 * * *")
    defs = definitions(declared(double="0 6 * * *"), also=dg.Definitions(sensors=[mine], schedules=[own]))
    assert [defs.resolve_sensor_def(ON_CHANGE), *defs.schedules] == [mine, own]


def test_everything_it_needs_is_asked_for_in_one_run_and_then_nothing(root, instance):
    project = project_of(root)
    request = tick(project, instance)
    assert sorted(asked(request)) == sorted(ALL)
    assert run(root, instance, request).success
    assert tick(project, instance).skip_message == "Everything is fresh."
    assert wanted(project, project.graph.keys).assets == ("features/other",)


def test_a_changed_file_rebuilds_its_cone_and_a_touched_one_nothing(root, instance):
    project = project_of(root)
    build(project)
    os.utime(root / "data" / "prices.csv", (1e9, 1e9))
    assert tick(project, instance).skip_message == "Everything is fresh."
    put(root, prices="1,4.5")
    request = tick(project, instance)
    assert asked(request) == ["sources/prices", "features/double", "features/report"]
    assert request.tags["headrace/reason"] == "sources/prices: prices.csv changed; 2 more may follow"
    result = run(root, instance, request)
    assert len(result.asset_materializations_for_node("features__report")) == 1
    assert tick(project, instance).skip_message == "Everything is fresh."


def test_changed_rows_of_an_attached_table_are_seen_and_another_table_is_not(root, instance):
    def write(statement):
        with duckdb.connect(str(root / "data" / "shop.duckdb")) as connection:
            connection.execute(statement).fetchall()

    write("create table prices as select 1 as item, 2.5 as price")
    source = hr.Source("prices", database="shop.duckdb", table="main.prices", refresh="on_change")
    project = project_from([source], root)
    build(project)
    write("create table other as select 1 as x")
    assert tick(project, instance).skip_message == "Everything is fresh."
    write("update prices set price = 3")
    request = tick(project, instance)
    assert asked(request) == ["sources/prices"]
    assert "rows of main.prices changed" in request.tags["headrace/reason"]


def test_changed_code_is_seen_and_an_edit_undone_is_worth_a_run_again(root, instance):
    for factor in (2, 3, 2):
        project = project_of(root, factor=factor)
        request = tick(project, instance)
        assert {"features/double", "features/report"} <= set(asked(request))
        assert run(root, instance, request, factor=factor).success
        assert isinstance(tick(project, instance), dg.SkipReason)


def test_what_was_wanted_before_comes_back_after_a_build_by_hand(root, instance):
    build(project_of(root))
    assert run(root, instance, tick(project_of(root, factor=3), instance), factor=3).success
    build(project_of(root))
    assert asked(tick(project_of(root, factor=3), instance))


def started(instance, **given) -> dg.DagsterRun:
    job = definitions(declared()).resolve_job_def("build_all")
    return instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, **given)


@pytest.mark.parametrize(
    "given",
    [{}, {"tags": {WANTED_TAG: "another"}}, {"asset_selection": {dg.AssetKey(["features", "report"])}}],
    ids=["build_all", "automatic", "by hand"],
)
def test_it_waits_for_a_run_in_progress_that_is_alive(root, instance, monkeypatch, given):
    project = project_of(root)
    going = started(instance, **given)
    assert tick(project, instance).skip_message.startswith(f"Run {going.run_id[:8]} is still in progress")
    monkeypatch.setattr(liveness, "_QUIET_SECONDS", 0.0)
    with at_work(project, going.run_id, "features/report"):
        assert "still in progress" in tick(project, instance).skip_message
    assert asked(tick(project, instance))  # killed: it does not compute, and was not heard of lately


def test_a_failing_asset_is_tried_once_until_something_changes(root, instance):
    project = project_of(root)
    put(root, names="1,boom")
    assert not run(root, instance, tick(project, instance)).success
    refused = tick(project, instance).skip_message
    assert refused.startswith("features/report failed on exactly these inputs at ")
    assert "no such fruit" in refused
    put(root, names="1,pear")
    request = tick(project, instance)
    assert asked(request) == ["sources/names", "features/report"]
    assert run(root, instance, request).success
    assert failed_marks(project.store, "dev") == {}


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED", "SUCCESS"])
def test_a_run_that_did_not_help_is_not_asked_for_again(root, instance, status):
    project = project_of(root)
    job = definitions(declared()).resolve_job_def("build_all")
    tags = tick(project, instance).tags
    ended = instance.create_run_for_job(job, status=dg.DagsterRunStatus[status], tags=tags)
    refused = tick(project, instance).skip_message
    assert refused.startswith(f"Run {ended.run_id[:8]} for exactly this ")
    put(root, names="1,pear")
    assert asked(tick(project, instance))


def test_what_failed_is_left_out_with_what_depends_on_it_and_the_rest_goes_on(root, instance):
    project = project_of(root, double="on_change")
    build(project)
    put(root, prices="1,7.5", names="1,plum")
    build(project, ["sources/prices"], only=True)
    failing(project, "features/double")
    assert asked(tick(project, instance)) == ["sources/names"]
    build(project, ["sources/names"], only=True)
    refused = tick(project, instance).skip_message
    assert refused.startswith("features/double failed on exactly these inputs at ")
    assert refused.endswith(
        " UTC (no room); 1 more wait for that. It is tried again once something changes, or when you build it."
    )
    put(root, prices="1,8.5")
    assert sorted(asked(tick(project, instance))) == ["features/double", "features/report", "sources/prices"]


def failing(project, key) -> None:
    """Remember that an asset failed on its inputs as they are."""
    step = step_now(project, ProjectFacts(project), key)
    remember_failure(project.store, "dev", key, step.fingerprint, ValueError("no room"))


def test_raw_data_that_cannot_be_read_is_tried_once(root, instance):
    project = project_of(root)
    build(project)
    path = root / "data" / "names.csv"
    content = path.read_text(encoding="utf-8")
    path.unlink()
    request = tick(project, instance)
    assert "names.csv: no such file" in request.tags["headrace/reason"]
    assert not run(root, instance, request).success
    assert "no such file" in tick(project, instance).skip_message
    path.write_text(content, encoding="utf-8")
    assert tick(project, instance).skip_message == "Everything is fresh."


def test_an_asset_with_a_time_of_its_own_is_left_to_it(root, instance):
    """`report` on change takes `double`, which has a schedule, as it is; but needs it once."""
    project = project_of(root, double="0 6 * * *")
    assert "features/double" in asked(tick(project, instance))
    build(project)
    put(root, prices="1,9.5")
    assert tick(project, instance).skip_message == "Everything is fresh."
    build(project, ["features/double"])
    assert asked(tick(project, instance)) == ["features/report"]


def test_at_most_once_in_a_while(root, instance):
    project = project_of(root, report=hr.OnChange(every="1h"))
    build(project)
    put(root, prices="1,4.5")
    answer, cursor = look(project, instance, "", NOON)
    assert asked(answer)
    assert run(root, instance, answer, report=hr.OnChange(every="1h")).success
    put(root, prices="1,5.5")
    answer, later = look(project, instance, cursor, NOON + timedelta(minutes=59))
    assert answer.skip_message == "Everything is fresh. Looked at again: features/report after 2026-08-01 13:00 UTC."
    assert later == cursor
    assert asked(look(project, instance, cursor, NOON + timedelta(minutes=60))[0])


def test_code_edited_since_it_was_loaded_waits_for_a_reload(root, instance, monkeypatch):
    def edited(*given):
        raise DeclarationError("FeatureView('double')", "assets/features.py was edited.", fix="Load it again.")

    monkeypatch.setattr(automation, "wanted", edited)
    answer = tick(project_of(root), instance)
    assert answer.skip_message == "FeatureView('double'): assets/features.py was edited. Load it again."


def test_a_schedule_asks_for_what_is_out_of_date_then(root, instance):
    changes = {"double": "0 6 * * *", "report": None}
    schedule = definitions(declared(**changes)).resolve_schedule_def("headrace_cron_0_6_x_x_x")

    def at_six():
        found = schedule.evaluate_tick(dg.build_schedule_context(instance))
        return [asked(one) for one in found.run_requests], found.skip_message

    assert at_six() == ([["sources/prices", "features/double"]], None)
    project = project_of(root, **changes)
    build(project, ["features/double"])
    assert at_six() == ([], "Everything is fresh.")
    put(root, prices="1,4.5")
    failing(project, "sources/prices")
    assert at_six() == ([["sources/prices", "features/double"]], None)


def test_the_sensor_of_the_definitions_looks_and_keeps_its_cursor(root, instance):
    sensor = definitions(declared(report=hr.OnChange(every="1h"))).resolve_sensor_def(ON_CHANGE)
    with dg.build_sensor_context(instance=instance) as context:
        assert len(asked(sensor(context))) == len(ALL)
        assert "features/report" in context.cursor
