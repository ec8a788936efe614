"""Scoring: rows through the stages of a cascade, the same way in training, evaluation and serving."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse

from headrace.engine.arrays import objects
from headrace.engine.blocks import stack
from headrace.engine.encoders.base import Block
from headrace.engine.folds import fold_of, group_names
from headrace.engine.models import Answer, ask, load_model, save_model
from headrace.errors import CorruptObject, TrainingError

Encode = Callable[[str], dict[str, Block]]
_FILE = "stage.json"


@dataclass(frozen=True)
class FittedStage:
    """A trained stage.

    Attributes:
        classes: in the order of probabilities; None for a regressor.
        when, inputs: as declared: what routes rows here, and whose answers are further columns.
        model: trained on all training rows; `fold_models[k]` on those whose group is not in fold k.
        trained: the groups of the training rows, for which only a fold model gives an honest answer.
    """

    name: str
    target: str
    classes: list[Any] | None
    when: Mapping[str, Sequence[Any]]
    inputs: Sequence[str]
    transform: str
    sparse: bool
    groups: Sequence[str]
    model: Any
    fold_models: Sequence[Any] = ()
    trained: frozenset[str] = field(default=frozenset(), repr=False)

    def save(self, folder: Path, *, folds: bool = True) -> None:
        """Write the stage into `folder`; without `folds` only what serving needs."""
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.name, self.model, folder / "model.skops")
        for number, model in enumerate(self.fold_models if folds else ()):
            save_model(self.name, model, folder / f"fold_{number}.skops")
        facts = {
            "name": self.name,
            "target": self.target,
            "classes": self.classes,
            "when": {stage: list(answers) for stage, answers in self.when.items()},
            "inputs": list(self.inputs),
            "transform": self.transform,
            "sparse": self.sparse,
            "groups": list(self.groups),
            "folds": len(self.fold_models) if folds else 0,
            "trained": sorted(self.trained) if folds and self.fold_models else [],
        }
        (folder / _FILE).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def load_stage(folder: Path) -> FittedStage:
    """The stage saved in `folder`; raises CorruptObject when it is damaged."""
    try:
        facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptObject(f"{folder / _FILE} cannot be read: {error}.") from error
    folds = facts.pop("folds")
    return FittedStage(
        **{**facts, "trained": frozenset(facts["trained"])},
        model=load_model(folder / "model.skops"),
        fold_models=[load_model(folder / f"fold_{number}.skops") for number in range(folds)],
    )


def routed(stage: FittedStage, answers: Mapping[str, Answer], rows: int) -> npt.NDArray[np.bool_]:
    """Which rows the stage serves: those for which every router gave one of the wanted answers."""
    mask = np.ones(rows, dtype=bool)
    for upstream, wanted in stage.when.items():
        answer = answers[upstream]
        mask &= answer.served & np.isin(answer.values, objects(wanted))
    return mask


def stage_features(stage: FittedStage, blocks: Mapping[str, Block], answers: Mapping[str, Answer]) -> Any:
    """The stage's columns for every row: its matrix, then what its upstream stages said."""
    own = stack(blocks, sparse=stage.sparse)
    fed = [_as_columns(name, answers[name]) for name in stage.inputs]
    if not fed:
        return own
    if scipy.sparse.issparse(own):
        return scipy.sparse.hstack([own, *fed], format="csr")
    return np.hstack([own, *fed])


def _as_columns(name: str, answer: Answer) -> npt.NDArray[np.float64]:
    """Probabilities, or the number; zeros where the upstream did not serve the row."""
    if answer.shares is not None:
        return np.where(answer.served[:, None], answer.shares, 0.0).astype(np.float64)
    values = np.array([value if served else 0.0 for value, served in zip(answer.values, answer.served, strict=True)])
    if not np.issubdtype(values.dtype, np.number):
        problem = (
            f"stage {name!r} gives classes without probabilities, which cannot be further columns of another stage."
        )
        raise TrainingError(f"{problem} Use a classifier with predict_proba. Nothing was published.")
    return values.astype(np.float64).reshape(-1, 1)


def answer_rows(
    stage: FittedStage, features: Any, served: npt.NDArray[np.bool_], groups: Sequence[str] | None
) -> Answer:
    """The stage's answers for the served rows.

    Args:
        groups: the rows' groups, to be honest about rows the stage has learnt from: those are answered by the fold
            model that has not seen their group. None answers all rows with the final model, as serving does.
    """
    values = np.full(len(served), None, dtype=object)
    shares = None if stage.classes is None else np.zeros((len(served), len(stage.classes)), dtype=np.float32)
    has_shares = False
    for model, chosen in _models(stage, served, groups):
        if not chosen.any():
            continue
        found, portion = ask(model, stage.classes, features[np.flatnonzero(chosen)])
        values[chosen] = found.tolist()
        if portion is not None and shares is not None:
            shares[chosen], has_shares = portion, True
    return Answer(served, values, shares if has_shares or hasattr(stage.model, "predict_proba") else None)


def _models(
    stage: FittedStage, served: npt.NDArray[np.bool_], groups: Sequence[str] | None
) -> list[tuple[Any, npt.NDArray[np.bool_]]]:
    if groups is None or not stage.fold_models:
        return [(stage.model, served)]
    seen = np.array([group in stage.trained for group in groups], dtype=bool)
    folds = fold_of(groups, len(stage.fold_models))
    parts = [(model, served & seen & (folds == number)) for number, model in enumerate(stage.fold_models)]
    return [*parts, (stage.model, served & ~seen)]


def score(
    stages: Sequence[FittedStage],
    encode: Encode,
    rows: int,
    honest_about: pa.Table | None = None,
) -> dict[str, Answer]:
    """Every stage's answer for `rows` rows, upstream first.

    Args:
        encode: gives the blocks of a transform, named by its key, for these rows; called once a transform.
        honest_about: the rows' group columns, when they may be rows that stages have learnt from.
    """
    encoded: dict[str, dict[str, Block]] = {}
    answers: dict[str, Answer] = {}
    for stage in stages:
        if stage.transform not in encoded:
            encoded[stage.transform] = encode(stage.transform)
        served = routed(stage, answers, rows)
        features = stage_features(stage, encoded[stage.transform], answers)
        groups = None if honest_about is None else group_names(honest_about, stage.groups)
        answers[stage.name] = answer_rows(stage, features, served, groups)
    return answers
