"""Evaluation: a cascade answers held-out rows the way it will serve, and is held against what else could be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from headrace.declarations.cascade import Cascade, Stage
from headrace.declarations.training_set import SPLIT_COLUMN
from headrace.engine.arrays import known, objects
from headrace.engine.bundle import classes_of, combine
from headrace.engine.encoders.base import Block
from headrace.engine.matrices import load_matrix, read_rows
from headrace.engine.metrics import measure
from headrace.engine.models import Answer, labels_array, train
from headrace.engine.scoring import FittedStage, answer_rows, stage_features
from headrace.engine.stages import score_training_rows
from headrace.engine.workbench import Workbench

_TEXTS = ("output", "split", "stage", "truth", "prediction")


class Evaluation:
    """The alternatives for one target on the test rows; else on the validation rows; else, out of fold, on all.

    Args:
        alternatives: the stages that predict the target, over the same rows.
        stages: every trained stage of the cascade, upstream first.
    """

    def __init__(
        self, cascade: Cascade, alternatives: Sequence[Stage], stages: Sequence[FittedStage], bench: Workbench
    ) -> None:
        self._cascade, self._alternatives, self._bench = cascade, alternatives, bench
        self._lead = alternatives[0]
        self._target = self._lead.target
        names = {one.name for one in alternatives}
        self._models = [stage for stage in stages if stage.name in names]
        needed = names.union(*({one.name for one in cascade.feeders(stage)} for stage in alternatives))
        asked = [stage for stage in stages if stage.name in needed]
        rows = self._lead.matrix.rows
        self._all = read_rows(rows, tuple(dict.fromkeys((*rows.spine_columns(), SPLIT_COLUMN))), bench)
        self._positions = self._held_out()
        self._rows = self._all.take(self._positions)
        self._truth = objects(self._rows.column(self._target).to_pylist())
        matrices = [cascade.stage(stage.name).matrix for stage in asked]
        self._answers = score_training_rows(rows, matrices, asked, bench, self._positions)
        self._values, self._shares, self._by = combine(self._models, self._answers, len(self._truth))

    @cached_property
    def _split(self) -> npt.NDArray[np.str_]:
        return np.array(self._all.column(SPLIT_COLUMN).to_pylist())

    @cached_property
    def _labelled(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self._all.column(self._target).is_valid(), dtype=np.bool_)

    def _held_out(self) -> npt.NDArray[np.int64]:
        for split in ("test", "validation"):
            if (self._labelled & (self._split == split)).any():
                return np.flatnonzero(self._labelled & (self._split == split))
        return np.flatnonzero(self._labelled)

    def frame(self) -> pl.DataFrame:
        """The answers: output, row (position in the training set), split, stage, truth, prediction, score."""
        binary = self._shares is not None and self._shares.shape[1] == 2
        served = known(self._by)
        scores = [float(one) for one in self._shares[:, 1]] if binary else [None] * len(self._truth)
        return pl.DataFrame(
            {
                "output": [self._target] * len(self._truth),
                "row": self._positions,
                "split": self._split[self._positions].tolist(),
                "stage": self._by.tolist(),
                "truth": [str(value) for value in self._truth],
                "prediction": [None if value is None else str(value) for value in self._values],
                "score": [one if was else None for one, was in zip(scores, served, strict=True)],
            },
            schema_overrides={**dict.fromkeys(_TEXTS, pl.String), "score": pl.Float64},
        )

    def metrics(self) -> dict[str, Any]:
        """End to end, by branch, and against what would have been without the cascade or with perfect routing."""
        served = known(self._by)
        found: dict[str, Any] = {"end to end": self._measure(self._values, self._shares, served)}
        if not served.all():
            found["not served"] = {"rows": int((~served).sum())}
        if not any(stage.when for stage in self._alternatives):
            return found
        for stage in self._alternatives:
            found[f"branch {stage.name}"] = self._measure(self._values, self._shares, self._by == stage.name)
        return {**found, **self._without_routing(), **self._with_true_routing()}

    def _measure(self, values: Any, shares: Any, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
        classes = classes_of(self._models) or sorted({one for model in self._models for one in model.classes or ()})
        picked = None if shares is None or not shares.shape[1] else shares[chosen]
        return measure(classes or None, self._truth[chosen].tolist(), values[chosen].tolist(), picked)

    def _blocks(self, stage: Stage) -> Mapping[str, Block]:
        return load_matrix(self._bench.folder(stage.matrix.key)).blocks

    def _without_routing(self) -> dict[str, Any]:
        """One model of the first alternative's recipe, trained on all training rows, whatever their route."""
        training = np.flatnonzero(self._labelled & (self._split == "train"))
        if self._lead.inputs or np.intersect1d(training, self._positions).size:
            return {}
        lead = next(model for model in self._models if model.name == self._lead.name)
        features = stage_features(lead, self._blocks(self._lead), {})
        labels = labels_array(self._lead.estimator, self._all.column(self._target).take(pa.array(training)))
        model = train(f"{self._cascade.key} (one model)", self._lead.estimator, features[training], labels)
        classes = None if lead.classes is None else sorted(set(labels.tolist()))
        alone = FittedStage("alone", self._target, classes, {}, (), lead.transform, lead.sparse, lead.groups, model)
        everything = np.ones(len(self._positions), dtype=bool)
        answer = answer_rows(alone, features[self._positions], everything, None)
        values, shares, _ = combine([alone], {"alone": answer}, len(self._positions))
        return {"one model without routing": self._measure(values, shares, known(self._by))}

    def _with_true_routing(self) -> dict[str, Any]:
        """What perfect routers would have given, on the rows whose true routes are known."""
        if any(stage.inputs for stage in self._alternatives):
            return {}
        routers = dict.fromkeys(name for stage in self._alternatives for name in stage.when)
        truths = {name: self._true_answers(self._cascade.stage(name)) for name in routers}
        answers: dict[str, Answer] = {}
        for stage, model in zip(self._alternatives, self._models, strict=True):
            served = np.ones(len(self._positions), dtype=bool)
            for name, wanted in stage.when.items():
                served &= np.isin(truths[name], objects(wanted))
            features = stage_features(model, self._blocks(stage), {})[self._positions]
            answers[model.name] = answer_rows(model, features, served, None)
        values, shares, by = combine(self._models, answers, len(self._positions))
        return {"true routing": self._measure(values, shares, known(by))} if known(by).any() else {}

    def _true_answers(self, router: Stage) -> npt.NDArray[np.object_]:
        """The router's true target for each row, by the router's own keys; None where it is not known."""
        keys = self._cascade.groups(router)
        labelled = read_rows(router.matrix.rows, (*keys, router.target), self._bench).to_pylist()
        truth = {tuple(row[key] for key in keys): row[router.target] for row in labelled}
        return objects(truth.get(tuple(row[key] for key in keys)) for row in self._rows.select(list(keys)).to_pylist())
