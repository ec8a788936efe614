"""Where the project's Dagster instance is."""

from __future__ import annotations

import yaml
from dagster._core.run_coordinator import DefaultRunCoordinator

from headrace.orchestration.instance import dagster_home, instance_for


def test_without_dagster_home_it_is_a_folder_of_the_store(project):
    home = dagster_home(project)
    assert home == project.store_folder / "dagster"
    settings = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    assert settings["telemetry"] == {"enabled": False}
    assert settings["run_coordinator"]["class"] == "DefaultRunCoordinator"


def test_settings_that_stand_are_kept(project):
    home = dagster_home(project)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: true\n", encoding="utf-8")
    assert "true" in (dagster_home(project) / "dagster.yaml").read_text(encoding="utf-8")


def test_dagster_home_is_used_and_left_as_it_is(project, monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "mine"))
    assert dagster_home(project) == tmp_path / "mine"
    assert list((tmp_path / "mine").iterdir()) == []


def test_the_instance_starts_runs_at_once_and_remembers(project):
    with instance_for(project) as instance:
        assert not instance.telemetry_enabled
        assert isinstance(instance.run_coordinator, DefaultRunCoordinator)
        assert not instance.is_ephemeral
