"""Bundle: a cascade's stages and transforms in one folder, the unit that is published, loaded and served."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import scipy.sparse

from headrace.engine.encoders.base import Block
from headrace.engine.fitting import FittedTransform, load_transform
from headrace.engine.models import Answer
from headrace.engine.scoring import FittedStage, load_stage, score
from headrace.engine.stages import share_name
from headrace.engine.value_kinds import kind_of
from headrace.errors import CorruptObject, ValidationError, closest

BUNDLE_FOLDER = "bundle"
_FILE = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """A cascade ready to answer.

    Attributes:
        stages: upstream first; transforms: by asset key.
        members: the versions of the assets it was made of, by key.
        columns: `{column: kind}` that rows must have; kinds are number, text, boolean, time and bytes.
    """

    cascade: str
    stages: Sequence[FittedStage]
    transforms: Mapping[str, FittedTransform]
    members: Mapping[str, str]
    columns: Mapping[str, str]

    @property
    def targets(self) -> dict[str, list[FittedStage]]:
        """What it predicts, each with the stages that are alternatives for it."""
        names = dict.fromkeys(stage.target for stage in self.stages)
        return {target: [stage for stage in self.stages if stage.target == target] for target in names}

    def save(self, folder: Path) -> None:
        for stage in self.stages:
            stage.save(folder / "stages" / stage.name, folds=False)
        for key, fitted in self.transforms.items():
            fitted.save(folder / "transforms" / key.rpartition("/")[2])
        facts = {
            "cascade": self.cascade,
            "stages": [stage.name for stage in self.stages],
            "transforms": list(self.transforms),
            "members": dict(self.members),
            "columns": dict(self.columns),
        }
        (folder / _FILE).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")

    def predict(self, rows: pa.Table) -> pl.DataFrame:
        """Answers for many rows at once, in their order: see `columns_of` for the columns.

        Raises ValidationError for missing columns or columns of another kind than in training, and EncodingError for
        values that cannot be encoded.
        """
        self.check(rows.schema)

        def encode(key: str) -> dict[str, Block]:
            return self.transforms[key].encode(rows)

        return self._frame(score(self.stages, encode, rows.num_rows), rows.num_rows)

    def row_predictor(self) -> RowPredictor:
        """A function for one row at a time, compiled once."""
        return RowPredictor(self)

    def check(self, schema: pa.Schema) -> None:
        """Refuse rows that lack a column, or hold another kind of value than the cascade was trained on."""
        failures: list[dict[str, object]] = []
        for name, kind in self.columns.items():
            if name not in schema.names:
                near = closest(name, schema.names)
                hint = f" (did you mean {near!r}?)" if near else ""
                failures.append({"column": name, "check": f"is missing{hint}", "count": "all"})
                continue
            found = kind_of(schema.field(name).type)
            if found not in (kind, "null"):
                failures.append({"column": name, "check": f"holds {found}, but {kind} in training", "count": "all"})
        if failures:
            raise ValidationError(
                f"rows for cascades/{self.cascade}", failures, "Mend the rows. Nothing was predicted."
            )

    def _frame(self, answers: Mapping[str, Answer], rows: int) -> pl.DataFrame:
        series: list[pl.Series] = []
        for target, stages in self.targets.items():
            series += _target_columns(target, stages, answers, rows)
        return pl.DataFrame(series)


class RowPredictor:
    """Answers for one row given as a mapping, equal to what `Bundle.predict` gives for it."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._encoders = {
            key: [(name, encoder, len(fitted.columns(name))) for name, encoder in fitted.row_encoders().items()]
            for key, fitted in bundle.transforms.items()
        }

    def __call__(self, row: Mapping[str, object]) -> dict[str, Any]:
        """The answer for `row`, by output column."""
        missing = [name for name in self._bundle.columns if name not in row]
        if missing:
            failures: list[dict[str, object]] = [
                {"column": name, "check": "is missing", "count": 1} for name in missing
            ]
            raise ValidationError(f"a row for cascades/{self._bundle.cascade}", failures, "Nothing was predicted.")

        def encode(key: str) -> dict[str, Block]:
            return {name: _one_row(encoder(row), width) for name, encoder, width in self._encoders[key]}

        answers = score(self._bundle.stages, encode, 1)
        return self._bundle._frame(answers, 1).row(0, named=True)


def _one_row(encoded: Any, width: int) -> Block:
    if isinstance(encoded, tuple):
        indices, values = encoded
        parts = (
            np.array(values, dtype=np.float32),
            np.array(indices, dtype=np.int32),
            np.array([0, len(indices)], dtype=np.int32),
        )
        return scipy.sparse.csr_matrix(parts, shape=(1, width))
    return np.array([encoded], dtype=np.float32)


def load_bundle(folder: Path) -> Bundle:
    """The bundle saved in `folder`; raises CorruptObject when a member is missing, damaged or of another kind."""
    try:
        facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptObject(f"{folder / _FILE} cannot be read: {error}.") from error
    stages = [load_stage(folder / "stages" / name) for name in facts["stages"]]
    transforms = {key: load_transform(folder / "transforms" / key.rpartition("/")[2]) for key in facts["transforms"]}
    for stage in stages:
        if stage.transform not in transforms:
            raise CorruptObject(
                f"{folder}: stage {stage.name} reads {stage.transform}, which the bundle does not hold."
            )
    return Bundle(facts["cascade"], stages, transforms, facts["members"], facts["columns"])


def combine(stages: Sequence[FittedStage], answers: Mapping[str, Answer], rows: int) -> tuple[Any, Any, Any]:
    """The answer of whichever alternative served each row: (values, shares, stage names), None where none did."""
    values = np.full(rows, None, dtype=object)
    by = np.full(rows, None, dtype=object)
    classes = classes_of(stages)
    shares = np.zeros((rows, len(classes)), dtype=np.float32) if classes else None
    for stage in stages:
        answer = answers[stage.name]
        values[answer.served], by[answer.served] = answer.values[answer.served], stage.name
        if shares is not None and answer.shares is not None and stage.classes is not None:
            positions = [classes.index(one) for one in stage.classes]
            shares[np.flatnonzero(answer.served)[:, None], positions] = answer.shares[answer.served]
    return values, shares, by


def classes_of(stages: Sequence[FittedStage]) -> list[Any]:
    """Every class that an alternative knows and gives a probability for, sorted; empty for numbers."""
    known = {one for stage in stages for one in stage.classes or () if hasattr(stage.model, "predict_proba")}
    return sorted(known)


def _target_columns(
    target: str, stages: Sequence[FittedStage], answers: Mapping[str, Answer], rows: int
) -> list[pl.Series]:
    values, shares, by = combine(stages, answers, rows)
    kind = pl.Float64 if stages[0].classes is None else None
    columns = [pl.Series(target, values.tolist(), dtype=kind)]
    served = pl.Series([one is not None for one in by.tolist()], dtype=pl.Boolean)
    for number, label in enumerate(classes_of(stages)):
        share = pl.Series(f"{target}_{share_name(label)}", shares[:, number])
        columns.append(pl.select(pl.when(served).then(share).alias(share.name)).to_series())
    if any(stage.when for stage in stages):
        columns.append(pl.Series(f"{target}_stage", by.tolist(), dtype=pl.String))
    return columns
