"""What Dagster shows of a version: where it comes from, what is in it, and why it was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from headrace.builder.materialize import Outcome
from headrace.builder.project import Project
from headrace.declarations.base import Declaration, table_name
from headrace.declarations.transform import Transform
from headrace.engine.session import MAIN_TABLE
from headrace.orchestration.checks import say_check
from headrace.orchestration.nouns import noun_metadata
from headrace.orchestration.preview import column_ranges, first_rows, pictures, preview
from headrace.orchestration.tables import present, size, table
from headrace.store.manifest import Manifest

STATE = "headrace/state"
_MOST_COLUMNS = 200


def metadata_of(project: Project, declaration: Declaration, outcome: Outcome) -> dict[str, Any]:
    """Everything that a person wants to see of an asset's current version. Reads its manifest and a few rows."""
    manifest = outcome.manifest
    path = project.store.folder(manifest.asset, manifest.version) / MAIN_TABLE
    return present(
        {
            **_origin(outcome),
            "dagster/row_count": manifest.rows,
            "dagster/table_name": table_name(manifest.asset),
            "dagster/uri": path.as_uri(),
            "dagster/column_schema": _schema(declaration, manifest),
            "dagster/column_lineage": _column_lineage(manifest),
            **noun_metadata(declaration, manifest, path),
            **({} if isinstance(declaration, Transform) else _look(manifest, path)),
            "column lineage": _lineage_table(manifest),
            "inputs": table({"asset": key, "version": one["version"]} for key, one in manifest.inputs.items()),
        }
    )


def _look(manifest: Manifest, path: Path) -> dict[str, Any]:
    """Some rows, pictures, and the range of each column (not of nested ones, whose parts are stored apart)."""
    frame, ranges = first_rows(path), column_ranges(path)
    columns = ({"column": name, "type": kind, **ranges[name]} for name, kind in manifest.columns if name in ranges)
    return {"preview": preview(frame), **pictures(frame), "columns": table(columns)}


def _origin(outcome: Outcome) -> dict[str, Any]:
    manifest = outcome.manifest
    reasons = "; ".join(reason.detail for reason in outcome.reasons)
    return {
        STATE: outcome.state,
        "reasons": reasons or "nothing changed since it was built",
        "version": manifest.version,
        "previous version": outcome.previous if outcome.previous != manifest.version else None,
        "seconds to compute": float(manifest.seconds),
        "size": size(sum(int(facts["bytes"]) for facts in manifest.files.values())),
        "built at": manifest.created_at.replace("T", " ").partition(".")[0] + " UTC",
    }


def _schema(declaration: Declaration, manifest: Manifest) -> dg.TableSchema:
    rules: Mapping[str, Any] = (getattr(declaration, "rules", None) or {}).get("columns", {})
    columns = [
        dg.TableColumn(name, kind, description=_role(declaration, name), constraints=_constraints(rules.get(name)))
        for name, kind in manifest.columns
    ]
    return dg.TableSchema(columns=columns)


def _constraints(rules: Mapping[str, Any] | None) -> dg.TableColumnConstraints | None:
    if rules is None:
        return None
    others = [say_check(check) for check in rules["checks"]]
    return dg.TableColumnConstraints(nullable=rules["nullable"], unique=rules["unique"], other=others)


def _role(declaration: Declaration, column: str) -> str | None:
    """What a column is for, where the declaration says so."""
    roles = {
        "key": getattr(declaration, "keys", ()),
        "event time": (getattr(declaration, "timestamp", None),),
        "known since": (getattr(declaration, "created", None),),
        "label": getattr(declaration, "labels", ()),
    }
    return ", ".join(role for role, names in roles.items() if column in names) or None


def _origins(manifest: Manifest) -> dict[str, list[str]]:
    found: dict[str, list[str]] = manifest.details.get("column lineage", {})
    return dict(list(found.items())[:_MOST_COLUMNS])


def _column_lineage(manifest: Manifest) -> dg.TableColumnLineage | None:
    """Dagster's form of it, which names columns one by one: what reads a whole table is only in the readable one."""
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for column, origins in _origins(manifest).items():
        pairs = [origin.partition(".") for origin in origins]
        deps[column] = [dg.TableColumnDep(dg.AssetKey(key.split("/")), name) for key, _, name in pairs if name != "*"]
    known = {column: found for column, found in deps.items() if found}
    return dg.TableColumnLineage(known) if known else None


def _lineage_table(manifest: Manifest) -> dg.MetadataValue | None:
    def say(origin: str) -> str:
        key, _, name = origin.partition(".")
        return f"every column of {key}" if name == "*" else origin

    origins = _origins(manifest).items()
    return table({"column": column, "comes from": ", ".join(map(say, found)) or "none"} for column, found in origins)
