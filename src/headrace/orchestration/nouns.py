"""What is particular to each noun: features, splits, fitted columns, blocks, metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import dagster as dg
import polars as pl

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.matrix import Matrix
from headrace.declarations.online import OnlineView
from headrace.declarations.source import Source
from headrace.declarations.split import SPLITS
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.declarations.transform import Transform
from headrace.orchestration.preview import picture
from headrace.orchestration.tables import cell, table
from headrace.store.manifest import Manifest

_MOST_FITTED = 50
_MOST_LABELS = 10
_MOST_FILES = 10


def noun_metadata(declaration: Declaration, manifest: Manifest, path: Path) -> dict[str, Any]:
    """The metadata that only this kind of declaration has; None where there is nothing to show."""
    if isinstance(declaration, Source):
        return _source(declaration, manifest)
    if isinstance(declaration, FeatureView):
        return _feature_view(declaration, manifest)
    if isinstance(declaration, TrainingSet):
        return _training_set(declaration, manifest, path)
    if isinstance(declaration, Transform):
        return _transform(manifest, path)
    if isinstance(declaration, Matrix):
        blocks = manifest.details.get("blocks", {})
        return {"blocks": table({"block": name, **_listed(facts)} for name, facts in blocks.items())}
    if isinstance(declaration, OnlineView):
        return _online(declaration.view, manifest)
    if isinstance(declaration, CascadeStage):
        return _stage(manifest, path)
    return _cascade(manifest) if isinstance(declaration, Cascade) else {}


def _source(source: Source, manifest: Manifest) -> dict[str, Any]:
    names = sorted(name.removeprefix("file ") for name in manifest.parts if name.startswith("file "))
    data = [name for name in names if PurePath(name).suffix == PurePath(source.path).suffix]
    return {
        "files": table(({"file": name} for name in data), most=_MOST_FILES),
        "image files": len(names) - len(data) if source.images else None,
    }


def _listed(facts: Mapping[str, Any]) -> dict[str, object]:
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in facts.items()}


def _feature_view(view: FeatureView, manifest: Manifest) -> dict[str, Any]:
    sql = view.derivation.sql if view.derivation else None
    return {
        "features": table(_windowed(view)),
        "events": manifest.details.get("events"),
        "sql": dg.MetadataValue.md(f"```sql\n{sql}\n```") if sql else None,
    }


def _windowed(view: FeatureView) -> Iterator[dict[str, object]]:
    conditional = any(one.where for one in view.windowed)
    for one in view.windowed:
        window = one.window or view.ttl or "for ever"
        facts = {"function": one.function, "column": one.column or "", "window": window}
        yield {"feature": one.name, **facts, **({"where": one.where or ""} if conditional else {})}


def _online(view: FeatureView, manifest: Manifest) -> dict[str, Any]:
    """What is answered, which for windows is not what is stored."""
    known = {str(one["feature"]): one for one in _windowed(view)}
    served = manifest.details.get("online", {}).get("features", ())
    rows = ({"feature": name, "type": kind, **known.get(name, {})} for name, kind in served)
    return {"served features": table(rows)}


def _training_set(training_set: TrainingSet, manifest: Manifest, path: Path) -> dict[str, Any]:
    counts: Mapping[str, int] = manifest.details.get("split", {})
    rows = [
        {"split": name, "rows": count, "share": f"{count / max(manifest.rows, 1):.1%}"}
        for name, count in sorted(counts.items(), key=lambda pair: SPLITS.index(pair[0]))
    ]
    labels = manifest.details.get("labels", {})
    found: dict[str, Any] = {
        "split": table(rows),
        "labels": table({"label": name, **facts} for name, facts in labels.items()),
    }
    few = [name for name in training_set.labels if labels.get(name, {}).get("distinct", 0) <= _MOST_LABELS]
    return found | {f"{name} by split": table(_label_shares(path, name)) for name in few}


def _label_shares(path: Path, label: str) -> Iterator[dict[str, object]]:
    frame = pl.read_parquet(path, columns=[label, SPLIT_COLUMN])
    counts = frame.group_by(pl.col(label).alias("label"), pl.col(SPLIT_COLUMN).alias("split")).len()
    known = {(row["label"], row["split"]): row["len"] for row in counts.to_dicts()}
    totals = {split: sum(count for (_, one), count in known.items() if one == split) for split in SPLITS}
    splits = [split for split in SPLITS if totals[split]]
    for value in sorted({one for one, _ in known}, key=lambda one: (one is None, str(one))):
        shares = {split: f"{known.get((value, split), 0) / totals[split]:.1%}" for split in splits}
        yield {label: value, **shares}


def _transform(manifest: Manifest, path: Path) -> dict[str, Any]:
    frame = pl.read_parquet(path)
    blocks = frame.group_by("block", "encoder", maintain_order=True).agg(
        pl.len().alias("columns"), pl.col("feature").unique(maintain_order=True).str.join(", ").alias("features")
    )
    fitted = manifest.details.get("fitted on", {})
    rows = (
        {"column": row["column"], "encoder": row["encoder"], "fitted": _fitted(row["fitted"])}
        for row in frame.iter_rows(named=True)
    )
    return {
        "fitted on": f"{fitted['rows']} rows of {fitted['asset']}, split {fitted['split']}" if fitted else None,
        "blocks": table(blocks.to_dicts()),
        "fitted state": table(rows, most=_MOST_FITTED),
    }


def _fitted(text: str) -> str:
    """A column's fitted values as people write them: `mean 2.5, scale 0.3`."""
    values = json.loads(text)
    return ", ".join(f"{name} {cell(value)}" for name, value in values.items())


def _stage(manifest: Manifest, path: Path) -> dict[str, Any]:
    from headrace.orchestration.plots import plot_stage

    details = manifest.details
    image = plot_stage(pl.read_parquet(path), details.get("classes"))
    return {
        "metrics": _metrics("rows of", details.get("metrics", {})),
        "plot": None if image is None else dg.MetadataValue.md(picture(image, "plot", "png")),
        "trained on": table([details["trained on"]]) if "trained on" in details else None,
        "estimator": details.get("estimator"),
        "classes": ", ".join(map(cell, details["classes"])) if details.get("classes") else None,
    }


def _cascade(manifest: Manifest) -> dict[str, Any]:
    from headrace.orchestration.plots import plot_cascade

    measured = manifest.details.get("metrics", {})
    metrics = {target: dict(sorted(found.items(), key=_whole_first)) for target, found in measured.items()}
    image = plot_cascade(metrics)
    tables = {f"metrics of {target}": _metrics("measured", found) for target, found in metrics.items()}
    return {**tables, "plot": None if image is None else dg.MetadataValue.md(picture(image, "plot", "png"))}


def _whole_first(entry: tuple[str, object]) -> tuple[bool, str]:
    return entry[0] != "end to end", entry[0]


def _metrics(title: str, found: Mapping[str, Mapping[str, float]]) -> dg.MetadataValue | None:
    """A row for each thing measured, a column for each metric; empty where it was not measured."""
    names = list(dict.fromkeys(name for values in ({"rows": 0}, *found.values()) for name in values))
    rows = [
        {title: label, **{name.replace("_", " "): _digits(values.get(name)) for name in names}}
        for label, values in found.items()
    ]
    return table(rows)


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else cell(value)
