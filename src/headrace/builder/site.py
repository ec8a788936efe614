"""What the static catalogue shows: the catalogue with statistics, and every asset with its columns and lineage."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from headrace.builder.catalogue import catalogue, current_manifests, with_statistics
from headrace.builder.lineages import lineage_of
from headrace.builder.on_demand_entries import LAYER, on_demand_in
from headrace.builder.project import Project
from headrace.builder.sensitivity import Sensitivity, mask
from headrace.declarations.base import Declaration
from headrace.declarations.feature_service import FeatureService
from headrace.declarations.on_demand import OnDemand
from headrace.declarations.source import Source
from headrace.lineage.column_lineage import Lineage
from headrace.lineage.libraries import library_version
from headrace.store.manifest import MAIN_TABLE, Manifest

_MOST_ORIGINS = 12


def site_data(project: Project, samples: int = 0) -> dict[str, Any]:
    """Everything that the pages show, as JSON values.

    Args:
        samples: how many rows of each table to put in; values of sensitive columns are left out.
    """
    from headrace.engine.profiles import SHARES

    found = catalogue(project)
    manifests = current_manifests(project)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # DuckDB releases the interpreter
        views = [asdict(one) for one in pool.map(partial(with_statistics, project), found.views)]
    writer = _Assets(project, manifests, samples)
    assets = [writer.asset(key, one) for key, one in project.graph.nodes.items()]
    asked: list[OnDemand | FeatureService] = [*on_demand_in(project), *(project.services or ())]
    assets += [_asked(one) for one in asked]
    project.statements.save()
    return {
        "project": found.project,
        "environment": found.environment,
        "headrace": library_version("headrace"),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "shares": SHARES,
        "entities": [asdict(one) for one in found.entities],
        "services": [asdict(one) for one in found.services],
        "views": views,
        "assets": _with_readers(assets),
    }


def _asked(one: OnDemand | FeatureService) -> dict[str, Any]:
    """What has no data of its own, among the assets: on-demand features and services."""
    inputs = [view.key for view in (one.listed.views if isinstance(one, FeatureService) else one.inputs)]
    if isinstance(one, FeatureService):
        inputs += [f"{LAYER}/{other.name}" for other in one.listed.on_demand]
    return {
        "key": f"{LAYER if isinstance(one, OnDemand) else 'services'}/{one.name}",
        "description": one.description,
        "owners": one.owners,
        "tags": one.tags,
        "inputs": inputs,
        "columns": [],
        **dict.fromkeys(("origin", "sql", "version", "built_at", "seconds", "rows", "sample")),
    }


def _with_readers(assets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    readers: dict[str, list[str]] = {one["key"]: [] for one in assets}
    for one in assets:
        for key in one["inputs"]:
            readers[key].append(one["key"])
    return [{**one, "readers": readers[one["key"]]} for one in assets]


class _Assets:
    def __init__(self, project: Project, manifests: dict[str, Manifest], samples: int) -> None:
        self._project = project
        self._manifests = manifests
        self._samples = samples
        self._sensitivity = Sensitivity(project)

    def asset(self, key: str, declaration: Declaration) -> dict[str, Any]:
        graph, manifest = self._project.graph, self._manifests.get(key)
        derivation = getattr(declaration, "derivation", None)
        return {
            "key": key,
            "description": declaration.description,
            "owners": declaration.owners,
            "tags": declaration.tags,
            "inputs": graph.upstream[key],
            "origin": declaration.origin if isinstance(declaration, Source) else None,
            "sql": derivation.sql if derivation else None,
            "version": manifest.version if manifest else None,
            "built_at": manifest.created_at if manifest else None,
            "seconds": manifest.seconds if manifest else None,
            "rows": manifest.rows if manifest else None,
            "columns": self._columns(manifest) if manifest else [],
            "sample": self._sample(manifest) if manifest and self._samples else None,
        }

    def _columns(self, manifest: Manifest) -> list[dict[str, Any]]:
        lineage = lineage_of(self._project, manifest)
        kinds = dict(manifest.columns)
        return [
            {"name": name, "type": kinds.get(name, "block"), "from": _shortened(_origins(lineage, name))}
            for name in dict.fromkeys((*kinds, *lineage.values))
        ]

    def _sample(self, manifest: Manifest) -> dict[str, Any] | None:
        from headrace.engine.session import connect, parquet

        path = self._project.store.folder(manifest.asset, manifest.version) / MAIN_TABLE
        if not path.exists():
            return None
        names = [name for name, kind in manifest.columns if kind != "BLOB"]
        with connect() as connection:
            rows = connection.sql(f"select * from {parquet(path)} limit {self._samples}").fetchall()
        every = [name for name, _ in manifest.columns]
        shown = mask(rows, every, self._sensitivity.of(manifest))
        places = [every.index(name) for name in names]
        return {"columns": names, "rows": [[_text(row[place]) for place in places] for row in shown]}


def _origins(lineage: Lineage, name: str) -> list[str]:
    """What a column's values are made of; of a count, the assets whose rows it counts."""
    rows = dict.fromkeys(one.partition(".")[0] for one in lineage.rows.get(name, ()))
    return lineage.values.get(name) or list(rows)


def _shortened(origins: list[str]) -> list[str]:
    more = len(origins) - _MOST_ORIGINS
    return [*origins[:_MOST_ORIGINS], *([f"and {more} more"] if more > 0 else [])]


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:80]
