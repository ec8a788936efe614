"""How good predictions are: the usual figures for classes and for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def measure(
    classes: Sequence[Any] | None, truth: Sequence[Any], values: Sequence[Any], shares: npt.NDArray[Any] | None
) -> dict[str, float]:
    """Metrics of predictions against the truth; only `rows` when there is nothing to compare.

    For classes: accuracy, and with probabilities log_loss, auc (two classes; else one against rest, averaged by
    class frequency) and average_precision (two classes, of the second one). For numbers: mae, rmse, r2.
    """
    rows: dict[str, float] = {"rows": len(truth)}
    if not len(truth):
        return rows
    if classes is None:
        return {**rows, **_numbers(np.asarray(truth, dtype=np.float64), np.asarray(values, dtype=np.float64))}
    positions = {label: number for number, label in enumerate(classes)}
    known = np.array([positions.get(label, -1) for label in truth])
    said = np.array([positions.get(label, -1) for label in values])
    found = {
        "accuracy": float((known == said).mean()),
        "majority_share": float(np.bincount(known[known >= 0]).max() / len(known)),
    }
    return {**rows, **_rounded(found | (_shares(known, shares) if shares is not None else {}))}


def _numbers(truth: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> dict[str, float]:
    error = values - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    found = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    return _rounded(found | ({"r2": 1 - float((error**2).sum()) / spread} if spread else {}))


def _shares(known: npt.NDArray[Any], shares: npt.NDArray[Any]) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    given = np.where(
        known >= 0, shares[np.arange(len(known)), known], 0.0
    )  # a class never seen in training had no share
    picked = np.clip(given.astype(np.float64), 1e-15, 1.0)
    found = {"log_loss": float(-np.log(picked).mean())}
    known, shares = known[known >= 0], shares[known >= 0]
    if len(set(known.tolist())) < 2:
        return found
    if shares.shape[1] == 2:
        truth = known == 1
        found["auc"] = float(roc_auc_score(truth, shares[:, 1]))
        found["average_precision"] = float(average_precision_score(truth, shares[:, 1]))
        return found
    total = 0.0
    for number in sorted(set(known.tolist())):
        total += float(roc_auc_score(known == number, shares[:, number])) * float((known == number).mean())
    return found | {"auc": total}


def _rounded(found: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in found.items()}
