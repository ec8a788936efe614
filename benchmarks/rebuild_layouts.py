"""The 30 nodes as files of each tool's own kind of project: `{path: text}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rebuild_project import SOURCES, Node

Files = dict[str, str]


def write_files(folder: Path, files: Files) -> None:
    """Make `folder` hold these files; what is equal already is not touched, so that only an edit looks like one."""
    for name, text in files.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def headrace_files(nodes: Sequence[Node]) -> Files:
    """Settings, and an assets package with a module for each layer."""
    entities = ["customer", *(f"{source}_row" for source in SOURCES)]
    keys = ["customer_id", *(f"{source}_id" for source in SOURCES)]
    lines = [f'{name} = hr.Entity("{name}", keys=["{key}"])' for name, key in zip(entities, keys, strict=True)]
    lines += [
        f'{one} = hr.Source("{one}", path="{one}.parquet", keys=["{one}_id"], timestamp="seen_at")' for one in SOURCES
    ]
    files = {"pyproject.toml": "[tool.headrace]\n", "assets/__init__.py": "", "assets/sources.py": ""}
    files["assets/sources.py"] = "\n".join(["import headrace as hr", "", *lines, ""])
    homes = dict.fromkeys([*entities, *SOURCES], "sources") | {one.name: one.layer for one in nodes}
    entity = dict(zip(keys, entities, strict=True))
    for layer in dict.fromkeys(one.layer for one in nodes):
        inside = [one for one in nodes if one.layer == layer]
        names = {name for one in inside for name in (*one.inputs, entity[one.keys[0]])}
        imports = [f"from .{homes[name]} import {name}" for name in sorted(names)]
        views = [_view(one, entity[one.keys[0]]) for one in inside]
        files[f"assets/{layer}.py"] = "\n".join(["import headrace as hr", "", *imports, "", *views])
    return files


def _view(node: Node, entity: str) -> str:
    parameters = ", ".join(f"{name}={name}" for name in node.inputs)
    about = f"    # {node.about}\n" if node.about else ""
    sql = f'    return f"""\n{node.sql}\n"""\n'
    return f"\n@hr.feature_view(entity={entity})\ndef {node.name}({parameters}):\n{about}{sql}"


def raw_files(nodes: Sequence[Node], data: Path) -> Files:
    """One list of statements for `rebuild_raw`: each table's name, what it reads, its query, and its key."""
    made = [[source, [], f"select * from '{data / source}.parquet'", f"{source}_id"] for source in SOURCES]
    made += [[one.name, list(one.inputs), one.text(lambda name: name), one.keys[0]] for one in nodes]
    return {"statements.json": json.dumps(made, indent=1)}


def dbt_files(nodes: Sequence[Node], data: Path) -> Files:
    """A dbt project whose sources are external Parquet files, each loaded by a model."""
    tables = "".join(f"      - name: {source}\n" for source in SOURCES)
    files = {
        "dbt_project.yml": _DBT_PROJECT,
        "profiles.yml": _DBT_PROFILE,
        "models/sources.yml": _DBT_SOURCES.format(data=data, tables=tables),
    }
    for source in SOURCES:
        files[f"models/{source}.sql"] = f"select * from {{{{ source('files', '{source}') }}}}\n"
    for one in nodes:
        files[f"models/{one.name}.sql"] = one.text(lambda name: f"{{{{ ref('{name}') }}}}") + "\n"
    return files


_DBT_PROJECT = """name: shop
version: "1.0"
profile: shop
model-paths: [models]
models:
  +materialized: table
flags:
  send_anonymous_usage_stats: false
"""
_DBT_PROFILE = """shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 2}
"""
# dbt looks at no row and no file: what it can know of new data is the greatest timestamp.
_DBT_SOURCES = """sources:
  - name: files
    config:
      external_location: "{data}/{{name}}.parquet"
      loaded_at_field: seen_at
      freshness: {{warn_after: {{count: 10000, period: day}}}}
    tables:
{tables}"""


def sqlmesh_files(nodes: Sequence[Node], data: Path) -> Files:
    """A SQLMesh project: full models, the five sources too."""
    files = {"config.yaml": _SQLMESH_CONFIG}
    for source in SOURCES:
        query = f"select * from read_parquet('{data / source}.parquet')"
        files[f"models/{source}.sql"] = _sqlmesh_model(source, query)
    for one in nodes:
        files[f"models/{one.name}.sql"] = _sqlmesh_model(one.name, one.text(lambda name: f"shop.{name}"))
    return files


def _sqlmesh_model(name: str, query: str) -> str:
    return f"MODEL (name shop.{name}, kind FULL, start '2024-01-01', cron '@daily');\n\n{query}\n"


_SQLMESH_CONFIG = """gateways:
  here:
    connection: {type: duckdb, database: shop.duckdb}
default_gateway: here
disable_anonymized_analytics: true
model_defaults: {dialect: duckdb}
"""
