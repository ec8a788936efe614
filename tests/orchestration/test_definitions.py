"""The asset graph of a project as Dagster loads it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import dagster as dg
import pytest

import headrace as hr
from headrace.errors import ProjectError
from headrace.orchestration.definitions import definitions

GRAPH = {
    "sources/customers": [],
    "sources/orders": [],
    "sources/visits": [],
    "features/activity": ["sources/orders"],
    "features/daily": ["sources/orders"],
    "training_sets/learning": ["features/activity", "features/daily", "sources/visits"],
    "transforms/encoding": ["training_sets/learning"],
    "matrices/matrix": ["training_sets/learning", "transforms/encoding"],
    "cascades/guess/model": ["matrices/matrix"],
    "cascades/guess": ["cascades/guess/model", "matrices/matrix", "training_sets/learning", "transforms/encoding"],
}
KINDS = {
    "sources/customers": {"duckdb", "csv"},
    "features/daily": {"duckdb", "sql"},
    "training_sets/learning": {"duckdb", "parquet"},
    "matrices/matrix": {"numpy", "arrow"},
    "cascades/guess": {"scikitlearn"},
}


def graph_of(defs: dg.Definitions):
    return defs.resolve_asset_graph()


def code_versions(defs: dg.Definitions) -> dict[str, str | None]:
    graph = graph_of(defs)
    return {key.to_user_string(): graph.get(key).code_version for key in graph.get_all_asset_keys()}


def test_every_declaration_is_an_asset_with_its_inputs(folder, declare):
    graph = graph_of(definitions(declare()))
    found = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert found == GRAPH


def test_groups_checks_kinds_owners_and_description(folder, declare):
    graph = graph_of(definitions(declare("What was ordered.")))
    for key in graph.get_all_asset_keys():
        assert graph.get(key).group_name == key.path[0]
    checks = {(one.asset_key.to_user_string(), one.name): graph.get(one).blocking for one in graph.asset_check_keys}
    assert checks == {(key, "schema"): True for key in GRAPH}
    found = {key: graph.get(dg.AssetKey(key.split("/"))).kinds for key in KINDS}
    assert found == KINDS
    orders = graph.get(dg.AssetKey(["sources", "orders"]))
    assert orders.owners == ["team:shop"]
    assert orders.description.startswith("What was ordered.\n\n- **files:** `orders.parquet`")
    assert orders.metadata["dagster/table_name"] == "sources.orders"


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"about": "another description"}, set()),
        ({"over": "14d"}, {"features/activity", "training_sets/learning"}),
        ({"ttl": "3d"}, {"features/daily", "training_sets/learning"}),
        ({"level": 2.0}, {"cascades/guess", "cascades/guess/model"}),
    ],
)
def test_code_versions_change_only_with_what_decides_data(folder, declare, change, changed):
    before, after = code_versions(definitions(declare())), code_versions(definitions(declare(**change)))
    assert {key for key in before if before[key] != after[key]} == changed


def test_one_job_builds_everything_in_one_process(folder, declare):
    defs = definitions(declare())
    job = defs.resolve_job_def("build_all")
    assert len(job.asset_layer.selected_asset_keys) == len(GRAPH)
    assert job.executor_def is dg.in_process_executor


def test_further_definitions_are_merged_and_their_executor_is_kept(folder, declare):
    mine = dg.define_asset_job("build_all", selection="sources/orders")
    also = dg.Definitions(jobs=[mine], executor=dg.multiprocess_executor)
    defs = definitions(declare(), also=also)
    assert defs.resolve_job_def("build_all").executor_def is dg.multiprocess_executor
    with pytest.raises(dg.DagsterInvariantViolationError, match="executor"):
        definitions(declare(), also=also, executor=dg.in_process_executor)


def test_without_a_project_nothing_is_defined(tmp_path, monkeypatch, declare):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="is in no Headrace project"):
        definitions(declare())


PACKAGE = {
    "pyproject.toml": "[tool.headrace]\n",
    "data/prices.csv": "item,price\n1,2.5\n2,3.5\n",
    "shelf/__init__.py": "",
    "shelf/tables.py": 'import headrace as hr\nprices = hr.Source("prices", path="prices.csv", keys=["item"])\n',
    "shelf/own.py": """
import dagster as dg
import headrace as hr
from .tables import prices

@dg.asset(deps=[dg.AssetKey(prices.key.split("/"))])
def dearest(warehouse: hr.Warehouse) -> float:
    with warehouse.get_connection() as connection:
        return connection.sql("select max(price) from sources.prices").fetchall()[0][0]

every_day = dg.ScheduleDefinition(name="every_day", cron_schedule="0 0 * * *", target="*")
""",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("shelf")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shelf"]:
        del sys.modules[name]


def test_dagster_assets_of_the_package_stand_beside_declarations(package):
    defs = hr.definitions(package, resources={"warehouse": hr.Warehouse()})
    assert set(code_versions(defs)) == {"sources/prices", "dearest"}
    assert defs.resolve_schedule_def("every_day").name == "every_day"
    result = defs.resolve_job_def("build_all").execute_in_process()
    assert result.output_for_node("dearest") == 3.5


def test_loading_opens_nothing_and_warns_of_nothing(package, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hr.definitions(package)
    assert not (tmp_path / ".headrace").exists()


def test_headrace_alone_does_not_import_dagster():
    code = "import sys, headrace; assert not {'dagster', 'duckdb', 'polars'} & set(sys.modules); headrace.definitions"
    subprocess.run([sys.executable, "-c", code + "; assert 'dagster' in sys.modules"], check=True)
