"""Cascades: stages and transforms sealed into one bundle, and measured as they will serve."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from headrace.declarations.cascade import Cascade
from headrace.engine.bundle import BUNDLE_FOLDER, Bundle
from headrace.engine.evaluation import Evaluation
from headrace.engine.fitting import STATE_FOLDER, FittedTransform, load_transform
from headrace.engine.scoring import load_stage
from headrace.engine.session import parquet
from headrace.engine.stages import MODEL_FOLDER
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import HeadraceError
from headrace.lineage.canonical import digest
from headrace.store.digests import table_digest


def compute_cascade(cascade: Cascade, bench: Workbench) -> Computed:
    """Seal the bundle, and write and measure the end-to-end answers for the held-out rows of every target."""
    stages = [load_stage(bench.folder(member.key) / MODEL_FOLDER) for member in cascade.members]
    transforms = {
        matrix.transform.key: load_transform(bench.folder(matrix.transform.key) / STATE_FOLDER)
        for matrix in cascade.matrices
    }
    members = {key: folder.name for key, folder in bench.folders.items()}
    bundle = Bundle(cascade.name, stages, transforms, members, _input_kinds(cascade, transforms))
    bundle.save(bench.draft / BUNDLE_FOLDER)
    frames, metrics = [], {}
    for target, alternatives in cascade.targets.items():
        bench.progress(f"measuring {target}", None)
        evaluation = Evaluation(cascade, alternatives, stages, bench)
        frames.append(evaluation.frame())
        metrics[target] = evaluation.metrics()
    pl.concat(frames).write_parquet(bench.main_table)
    rows = table_digest(bench.connection, parquet(bench.main_table))
    return Computed({"metrics": metrics, "members": members}, digest([rows, dict(bench.digests)]))


def _input_kinds(cascade: Cascade, transforms: Mapping[str, FittedTransform]) -> dict[str, str]:
    """What kind of value each required column held in training; two stages must agree."""
    kinds: dict[str, str] = {}
    for stage in cascade.stages:
        for name, kind in transforms[stage.matrix.transform.key].kinds.items():
            if kinds.setdefault(name, kind) != kind:
                problem = f"column {name!r} holds {kinds[name]} in one stage and {kind} in another."
                raise HeadraceError(f"cascades/{cascade.name}: {problem} Rename one of them.")
    return kinds
