"""Cascades: stages and transforms sealed into one bundle, measured end to end as they will serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from headrace.declarations.base import table_name
from headrace.declarations.cascade import Cascade, Stage
from headrace.declarations.training_set import SPLIT_COLUMN
from headrace.engine.arrays import known, objects
from headrace.engine.bundle import BUNDLE_FOLDER, Bundle, classes_of, combine, kind_of
from headrace.engine.fitting import STATE_FOLDER, FittedTransform, load_transform
from headrace.engine.matrices import load_matrix, read_rows
from headrace.engine.metrics import measure
from headrace.engine.models import labels_array, train
from headrace.engine.scoring import FittedStage, answer_rows, load_stage, stage_features
from headrace.engine.session import parquet
from headrace.engine.stages import MODEL_FOLDER, score_training_rows
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import HeadraceError
from headrace.lineage.canonical import digest
from headrace.store.digests import quote, table_digest


def compute_cascade(cascade: Cascade, bench: Workbench) -> Computed:
    """Seal the bundle, and write and measure the end-to-end answers for the held-out rows of every target."""
    stages = [load_stage(bench.folder(member.key) / MODEL_FOLDER) for member in cascade.members]
    transforms = {
        matrix.transform.key: load_transform(bench.folder(matrix.transform.key) / STATE_FOLDER)
        for matrix in cascade.matrices
    }
    bundle = Bundle(
        cascade.name, stages, transforms, _members(cascade, bench), _input_kinds(cascade, transforms, bench)
    )
    bundle.save(bench.draft / BUNDLE_FOLDER)
    frames, metrics = [], {}
    for target, alternatives in cascade.targets.items():
        bench.progress(f"measuring {target}", None)
        ended = _EndToEnd(cascade, target, alternatives, stages, bench)
        frames.append(ended.frame())
        metrics[target] = ended.metrics()
    pl.concat(frames).write_parquet(bench.main_table)
    rows = table_digest(bench.connection, parquet(bench.main_table))
    return Computed({"metrics": metrics, "members": dict(bundle.members)}, digest([rows, dict(bundle.members)]))


def _members(cascade: Cascade, bench: Workbench) -> dict[str, str]:
    return {key: folder.name for key, folder in bench.folders.items() if key in {one.key for one in cascade.inputs}}


def _input_kinds(cascade: Cascade, transforms: Mapping[str, FittedTransform], bench: Workbench) -> dict[str, str]:
    """What kind of value each required column held in training; two stages must agree."""
    kinds: dict[str, str] = {}
    for stage in cascade.stages:
        columns = transforms[stage.matrix.transform.key].required
        names = ", ".join(quote(name) for name in columns)
        query = f"select {names} from {table_name(stage.matrix.rows.key)} limit 0"
        for field in bench.connection.sql(query).to_arrow_table().schema:
            kind = kind_of(field.type)
            if kinds.setdefault(field.name, kind) != kind:
                problem = f"column {field.name!r} holds {kinds[field.name]} in one stage and {kind} in another."
                raise HeadraceError(f"cascades/{cascade.name}: {problem} Rename one of them.")
    return kinds


class _EndToEnd:
    """One target of a cascade, answered for the rows of its stages' matrix the way serving answers."""

    def __init__(
        self,
        cascade: Cascade,
        target: str,
        alternatives: Sequence[Stage],
        stages: Sequence[FittedStage],
        bench: Workbench,
    ) -> None:
        self._cascade, self._target, self._bench = cascade, target, bench
        self._lead = alternatives[0]
        names = {one.name for one in alternatives}
        needed = names.union(*({one.name for one in cascade.feeders(stage)} for stage in alternatives))
        self._stages = [stage for stage in stages if stage.name in needed]
        self._alternatives = [stage for stage in self._stages if stage.name in names]
        matrices = [cascade.stage(stage.name).matrix for stage in self._stages]
        self._answers = score_training_rows(self._lead.matrix.rows, matrices, self._stages, bench)
        columns = (*self._lead.matrix.rows.spine_columns(), SPLIT_COLUMN)
        self._rows = read_rows(self._lead.matrix.rows, columns, bench)
        self._truth = objects(self._rows.column(target).to_pylist())
        self._values, self._shares, self._by = combine(self._alternatives, self._answers, self._rows.num_rows)
        self._held_out = self._honest_rows()

    def _honest_rows(self) -> npt.NDArray[np.bool_]:
        """Held-out rows; where everything was trained on, all rows, whose answers are then out of fold."""
        split = np.array(self._rows.column(SPLIT_COLUMN).to_pylist())
        held_out = split == "test" if (split == "test").any() else split == "validation"
        honest = held_out if held_out.any() else np.ones(len(split), dtype=bool)
        return np.asarray(honest & known(self._truth) & known(self._by), dtype=np.bool_)

    def frame(self) -> pl.DataFrame:
        chosen = np.flatnonzero(self._held_out)
        classes = classes_of(self._alternatives)
        score = self._shares[chosen, -1] if len(classes) == 2 else np.full(len(chosen), np.nan, dtype=np.float32)
        return pl.DataFrame(
            {
                "output": [self._target] * len(chosen),
                "row": chosen.astype(np.int64),
                "split": [self._rows.column(SPLIT_COLUMN)[int(one)].as_py() for one in chosen],
                "stage": self._by[chosen].tolist(),
                "truth": [str(value) for value in self._truth[chosen]],
                "prediction": [str(value) for value in self._values[chosen]],
                "score": score,
            },
            schema_overrides={
                "output": pl.String,
                "split": pl.String,
                "stage": pl.String,
                "truth": pl.String,
                "prediction": pl.String,
            },
        ).with_columns(pl.col("score").fill_nan(None))

    def metrics(self) -> dict[str, Any]:
        """End to end, by branch, and against what would have been without the cascade or with perfect routing."""
        found = {"end to end": self._measure(self._values, self._shares, self._held_out)}
        if not any(stage.when for stage in self._alternatives):
            return found
        for stage in self._alternatives:
            branch = self._held_out & (self._by == stage.name)
            found[f"branch {stage.name}"] = self._measure(self._values, self._shares, branch)
        return {**found, **self._without_routing(), **self._true_routing()}

    def _measure(self, values: Any, shares: Any, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
        numbers = self._alternatives[0].classes is None
        classes = None if numbers else classes_of(self._alternatives) or sorted({*self._truth[self._held_out]})
        picked = None if shares is None else shares[chosen]
        return measure(classes, self._truth[chosen].tolist(), values[chosen].tolist(), picked)

    def _without_routing(self) -> dict[str, Any]:
        """One model of the lead alternative's recipe, trained on all training rows without routing."""
        if any(stage.transform != self._alternatives[0].transform or stage.inputs for stage in self._alternatives):
            return {}
        lead = self._alternatives[0]
        rows = self._rows
        blocks = self._lead_blocks()
        features = stage_features(lead, blocks, {})
        training = known(self._truth) & np.array([one == "train" for one in rows.column(SPLIT_COLUMN).to_pylist()])
        if (training & self._held_out).any():
            return {}
        labels = labels_array(self._lead.estimator, rows.column(self._target).filter(pa.array(training)))
        model = train(
            f"{self._cascade.key} (one model)", self._lead.estimator, features[np.flatnonzero(training)], labels
        )
        classes = None if lead.classes is None else sorted(set(labels.tolist()))
        alone = FittedStage("alone", self._target, classes, {}, (), lead.transform, lead.sparse, lead.groups, model)
        answer = answer_rows(alone, features, np.ones(rows.num_rows, dtype=bool), None)
        values, shares, _ = combine([alone], {"alone": answer}, rows.num_rows)
        return {"one model without routing": self._measure(values, shares, self._held_out)}

    def _lead_blocks(self) -> dict[str, Any]:
        blocks = load_matrix(self._bench.folder(self._lead.matrix.key)).blocks
        return {name: blocks[name] for name in self._lead.matrix.transform.encode}

    def _true_routing(self) -> dict[str, Any]:
        """What perfect routers would have given, on the rows whose true routes are known."""
        routers = dict.fromkeys(name for stage in self._alternatives for name in stage.when)
        truths = {name: self._true_answers(self._cascade.stage(name)) for name in routers}
        if any(stage.inputs for stage in self._alternatives):
            return {}
        blocks = self._lead_blocks()
        answers = {}
        for stage in self._alternatives:
            served = np.ones(self._rows.num_rows, dtype=bool)
            for name, wanted in stage.when.items():
                served &= np.isin(truths[name], np.array(list(wanted), dtype=object))
            answers[stage.name] = answer_rows(stage, stage_features(stage, blocks, {}), served, None)
        values, shares, by = combine(self._alternatives, answers, self._rows.num_rows)
        chosen = self._held_out & known(by)
        return {"true routing": self._measure(values, shares, chosen)} if chosen.any() else {}

    def _true_answers(self, router: Stage) -> npt.NDArray[np.object_]:
        """The router's true target for each row, by the router's own keys; None where it is not known."""
        keys = self._cascade.groups(router)
        columns = (*keys, router.target)
        labelled = read_rows(router.matrix.rows, columns, self._bench).to_pylist()
        truth = {tuple(row[key] for key in keys): row[router.target] for row in labelled}
        rows = self._rows.select(list(keys)).to_pylist()
        return objects(truth.get(tuple(row[key] for key in keys)) for row in rows)
