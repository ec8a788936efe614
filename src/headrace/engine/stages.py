"""Stages: one model of a cascade, trained on what its upstream stages say of rows they have not learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from headrace.declarations.cascade import CascadeStage
from headrace.declarations.matrix import Matrix
from headrace.declarations.split import SPLITS
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.engine.arrays import known, objects
from headrace.engine.encoders.base import Block
from headrace.engine.fitting import STATE_FOLDER, load_transform
from headrace.engine.folds import fold_of, group_names
from headrace.engine.matrices import encode_rows, load_matrix, read_rows
from headrace.engine.metrics import measure
from headrace.engine.models import Answer, ask, is_classifier, labels_array, takes_sparse, train
from headrace.engine.scoring import FittedStage, answer_rows, load_stage, routed, score, stage_features
from headrace.engine.session import parquet
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import TrainingError
from headrace.lineage.canonical import digest
from headrace.store.digests import table_digest

MODEL_FOLDER = "model"


def compute_stage(member: CascadeStage, bench: Workbench) -> Computed:
    """Train the stage and write its honest answers for every row of its matrix.

    Rows it has learnt from are answered out of fold; so what a downstream stage learns from looks like what it will
    get when serving (Wolpert 1992, "Stacked generalization").
    """
    stage = member.stage
    matrix = load_matrix(bench.folder(stage.matrix.key))
    blocks = matrix.blocks
    answers = upstream_answers(member, bench)
    model = _Training(member, matrix.rows, blocks, answers, bench).fit()
    model.save(bench.draft / MODEL_FOLDER)
    features = stage_features(model, blocks, answers)
    served = routed(model, answers, matrix.rows.num_rows)
    groups = group_names(matrix.rows, model.groups)
    answer = answer_rows(model, features, served, groups)
    table = _table(member, matrix.rows, answer, model, groups)
    table.write_parquet(bench.main_table)
    facts = {**_facts(model, matrix.rows, answer, groups), "trained on": _support(member, matrix.rows, served)}
    content = digest(
        [table_digest(bench.connection, parquet(bench.main_table)), _final_answers(model, features, served)]
    )
    return Computed(facts, content)


def upstream_answers(member: CascadeStage, bench: Workbench) -> dict[str, Answer]:
    """What the stages that feed `member` say, honestly, of the rows of its matrix."""
    feeders = member.feeders
    if not feeders:
        return {}
    bench.progress("asking upstream stages", None)
    stages = [load_stage(bench.folder(one.key) / MODEL_FOLDER) for one in feeders]
    return score_training_rows(member.stage.matrix.rows, [one.stage.matrix for one in feeders], stages, bench)


def score_training_rows(
    rows: TrainingSet,
    matrices: Sequence[Matrix],
    stages: Sequence[FittedStage],
    bench: Workbench,
    chosen: npt.NDArray[np.int64] | None = None,
) -> dict[str, Answer]:
    """Honest answers of `stages` for rows of a training set, each row encoded by each stage's own transform.

    Args:
        matrices: those of the stages; where one has these very rows, its blocks are mapped instead of encoded again.
        chosen: positions of the wanted rows; None for all.
    """
    ready = {one.transform.key: load_matrix(bench.folder(one.key)).blocks for one in matrices if one.rows == rows}
    keys = dict.fromkeys(one.transform.key for one in matrices)
    transforms = {key: load_transform(bench.folder(key) / STATE_FOLDER) for key in keys}
    read = [name for key, fitted in transforms.items() if key not in ready for name in fitted.required]
    groups = [name for stage in stages for name in stage.groups]
    whole = read_rows(rows, tuple(dict.fromkeys((*read, *groups))), bench)
    table = whole if chosen is None else whole.take(chosen)

    def encode(key: str) -> dict[str, Block]:
        fitted = transforms[key]
        if key not in ready:
            return encode_rows(rows.key, fitted, table)
        return {name: block if chosen is None else block[chosen] for name, block in ready[key].items()}

    return score(stages, encode, table.num_rows, honest_about=table)


class _Training:
    """One stage's training: which rows, which folds."""

    def __init__(
        self,
        member: CascadeStage,
        rows: pa.Table,
        blocks: Mapping[str, Block],
        answers: Mapping[str, Answer],
        bench: Workbench,
    ) -> None:
        self._member, self._rows, self._bench = member, rows, bench
        self._blocks, self._answers = blocks, answers
        stage = member.stage
        column = rows.column(stage.target)
        self._known = column.is_valid().to_numpy()
        self._labels = labels_array(stage.estimator, column.filter(column.is_valid()))
        self._classes = sorted(set(self._labels.tolist())) if is_classifier(stage.estimator) else None

    def fit(self) -> FittedStage:
        stage, estimator = self._member.stage, self._member.stage.estimator
        bare = FittedStage(
            name=stage.name,
            target=stage.target,
            classes=self._classes,
            when=stage.when,
            inputs=stage.inputs,
            transform=stage.matrix.transform.key,
            sparse=takes_sparse(estimator),
            groups=self._member.cascade.groups(stage),
            model=None,
        )
        features = stage_features(bare, self._blocks, self._answers)
        split = np.array(self._rows.column(SPLIT_COLUMN).to_pylist())
        chosen = routed(bare, self._answers, len(split)) & (split == "train") & self._known
        self._bench.progress(f"training on {int(chosen.sum())} rows", None)
        model = self._train(features, chosen, "all training rows")
        parts: dict[str, Any] = {**bare.__dict__, "model": model}
        if self._member.needs_folds(bool((split != "train").any())):
            groups = np.array(group_names(self._rows, bare.groups), dtype=object)
            parts |= {"fold_models": self._folds(features, chosen, groups), "trained": frozenset(groups[chosen])}
        return FittedStage(**parts)

    def _train(self, features: Any, chosen: npt.NDArray[np.bool_], part: str) -> Any:
        labels = self._labels[chosen[self._known]]
        return train(
            f"{self._member.key} ({part})", self._member.stage.estimator, features[np.flatnonzero(chosen)], labels
        )

    def _folds(self, features: Any, chosen: npt.NDArray[np.bool_], groups: npt.NDArray[Any]) -> list[Any]:
        count = self._member.cascade.folds
        folds = fold_of(groups.tolist(), count)
        models = []
        for number in range(count):
            self._bench.progress(f"training without fold {number + 1} of {count}", number / count)
            kept = chosen & (folds != number)
            if not kept.any():
                problem = f"{self._member.key}: fold {number} holds every training row."
                raise TrainingError(f"{problem} Use another group= or fewer folds=. Nothing was published.")
            models.append(self._train(features, kept, f"without fold {number}"))
        return models


def share_name(label: Any) -> str:
    """The column that holds the probability of a class.

    >>> share_name(True)
    'probability_true'
    """
    return f"probability_{str(label).lower() if isinstance(label, bool) else label}"


def _table(member: CascadeStage, rows: pa.Table, answer: Answer, model: FittedStage, groups: list[str]) -> pl.DataFrame:
    keys = [name for name in (*member.stage.matrix.rows.keys, SPLIT_COLUMN) if name in rows.column_names]
    frame = pl.DataFrame(rows.select(dict.fromkeys(keys)))
    truth = pl.Series("target", rows.column(model.target).to_pylist(), strict=False)
    values = pl.Series("prediction", answer.values.tolist(), dtype=truth.dtype if model.classes else pl.Float64)
    added = [truth, values]
    if answer.shares is not None and model.classes is not None:
        for number, label in enumerate(model.classes):
            share = pl.Series(share_name(label), answer.shares[:, number])
            added.append(pl.select(pl.when(pl.Series(answer.served)).then(share).alias(share.name)).to_series())
    if model.fold_models:
        seen = np.array([group in model.trained for group in groups])
        folds = pl.Series("fold", np.where(seen, fold_of(groups, len(model.fold_models)), -1), dtype=pl.Int32)
        added.append(folds.set(folds < 0, None))
    return frame.with_columns(added)


def _facts(model: FittedStage, rows: pa.Table, answer: Answer, groups: list[str]) -> dict[str, Any]:
    """Metrics by split; the training rows count only where their answers are out of fold."""
    split = np.array(rows.column(SPLIT_COLUMN).to_pylist())
    truth = objects(rows.column(model.target).to_pylist())
    measurable = answer.served & known(truth)
    found: dict[str, Any] = {}
    for name in SPLITS:
        chosen = measurable & (split == name)
        if (name == "train" and not model.fold_models) or not chosen.any():
            continue
        label = "out of fold" if name == "train" else name
        shares = None if answer.shares is None else answer.shares[chosen]
        found[label] = measure(model.classes, truth[chosen].tolist(), answer.values[chosen].tolist(), shares)
    estimator = {"estimator": type(model.model).__name__, "classes": model.classes}
    return {"metrics": found, **estimator}


def _support(member: CascadeStage, rows: pa.Table, served: npt.NDArray[np.bool_]) -> dict[str, int]:
    column = rows.column(member.stage.target)
    chosen = served & np.array([one == "train" for one in rows.column(SPLIT_COLUMN).to_pylist()])
    valid = column.is_valid().to_numpy()
    return {
        "rows": int((chosen & valid).sum()),
        "without target": int((chosen & ~valid).sum()),
        "rows routed here": int(served.sum()),
    }


def _final_answers(model: FittedStage, features: Any, served: npt.NDArray[np.bool_]) -> str:
    """A hash of what the final model says, so that a model that answers otherwise counts as another model."""
    if not served.any():
        return ""
    values, shares = ask(model.model, model.classes, features[np.flatnonzero(served)])
    content = shares.tobytes() if shares is not None else repr(values.tolist()).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()
