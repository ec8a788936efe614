"""The facts of the catalogue in Dagster."""

from __future__ import annotations

import dataclasses

import pytest

from headrace.builder.outcome import Outcome
from headrace.builder.project import project_from
from headrace.errors import GovernanceError
from headrace.orchestration.definitions import definitions
from headrace.orchestration.metadata import metadata_of


def metadata(project, key, **options):
    return metadata_of(
        project, project.graph.nodes[key], Outcome(key, "built", project.store.current(key, "dev")), **options
    )


def rows(value):
    return [dict(record.data) for record in value.records]


def test_a_view_shows_statistics_and_readers_once_they_were_made(built, project):
    assert "statistics" not in metadata(project, "features/activity")
    for options in ({"look": True}, {}):
        found = metadata(project, "features/activity", **options)
        (row,) = rows(found["statistics"])
        assert (row["feature"], row["is"], row["greatest"]) == ("spend", "sum(amount) over 7d", "9")
        assert found["newest event"] == "2026-03-01T00:00:00"
        assert found["read by"] == "training_sets/learning, cascades/guess/model, cascades/guess"


def test_other_assets_have_none_of_it(built, project):
    assert not {"statistics", "read by", "contract"} & set(metadata(project, "sources/orders", look=True))


def test_sensitive_columns_are_named_and_not_shown(built, declare, folder):
    declared = declare()
    daily = dataclasses.replace(declared[1], sensitive=["n"])
    project = project_from([daily], folder)
    found = metadata(project, "features/daily", look=True)
    assert rows(found["sensitive columns"]) == [{"column": "n", "comes from": "features/daily.n"}]
    assert "n" not in {row["column"] for row in rows(found["columns"])}
    assert rows(found["statistics"])[0] | {"nulls": ""} == {
        **{"feature": "n", "type": "BIGINT", "is": "", "nulls": "", "least": "", "mean": "", "greatest": ""},
        **{"distinct": "", "sensitive": "yes"},
    }
    assert "n" not in str(next(iter(found["preview"].records)).data.keys())


def test_a_run_in_dagster_makes_them_and_records_contracts(folder, declare):
    from headrace.builder.contracts import contracts

    declared = declare()
    activity = dataclasses.replace(declared[2].stages[0].matrix.rows.selections[0].view, version=3)
    project = project_from([activity], folder)
    result = definitions([activity]).resolve_implicit_global_asset_job_def().execute_in_process()
    assert result.success
    events = [one for one in result.get_asset_materialization_events() if one.asset_key.path[0] == "features"]
    assert "statistics" in events[0].materialization.metadata
    assert contracts(project)["features/activity"].version == 3


def test_governance_is_asked_for_when_definitions_load(folder, declare):
    (folder / "pyproject.toml").write_text("[tool.headrace.governance]\nrequire_owners = ['features']\n")
    with pytest.raises(GovernanceError, match=r"FeatureView\('daily'\) has no owners"):
        definitions(declare())
