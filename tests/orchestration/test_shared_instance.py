"""Dagster's own commands, started in the project's folder, keep their records where the command line keeps its own."""

from __future__ import annotations

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator

from headrace.builder.project import project_from
from headrace.orchestration.instance import instance_for
from tests.conftest import REPOSITORY


def test_a_webserver_without_dagster_home_sees_what_the_command_line_recorded(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    key = dg.AssetKey(["sources", "orders"])
    with instance_for(project_from([], tmp_path)) as recorded:
        recorded.report_runless_asset_event(dg.AssetMaterialization(key))
    (tmp_path / "temporary").mkdir()
    # As the webserver does where DAGSTER_HOME is not set.
    reference = InstanceRef.from_dir(str(tmp_path / "temporary"), config_dir=str(REPOSITORY))
    with dg.DagsterInstance.from_ref(reference) as webserver:
        assert webserver.get_latest_materialization_event(key) is not None
        assert not isinstance(webserver.run_coordinator, QueuedRunCoordinator)  # which would wait for a daemon
        assert not webserver.telemetry_enabled
