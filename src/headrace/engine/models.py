"""Estimators: fitted with fixed seeds, asked for answers, saved with skops and never pickled."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import CorruptObject, TrainingError

# scikit-learn types that skops does not trust by itself but that are plain data: trees, neighbours, optimisers.
TRUSTED = (
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
SEED = 0


@dataclass(frozen=True)
class Answer:
    """What a stage says of n rows.

    Attributes:
        served: bool (n,); rows that routing sent to the stage. Elsewhere the other arrays mean nothing.
        values: object (n,); the predicted class or number, None where not served.
        shares: float32 (n, classes), the probability of each class, or None for regressors and plain classifiers.
    """

    served: npt.NDArray[np.bool_]
    values: npt.NDArray[np.object_]
    shares: npt.NDArray[np.float32] | None


def is_classifier(estimator: Any) -> bool:
    """Whether an estimator predicts classes."""
    from sklearn.base import is_classifier as check

    return bool(check(estimator))


def takes_sparse(estimator: Any) -> bool:
    """Whether an estimator accepts CSR matrices."""
    from sklearn.utils import get_tags

    return bool(get_tags(estimator).input_tags.sparse)


def labels_array(estimator: Any, column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Labels as scikit-learn wants them: numbers for regressors, texts, booleans or integers as classes."""
    if not is_classifier(estimator):
        try:
            return np.asarray(column.cast(pa.float64()), dtype=np.float64)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            problem = f"{type(estimator).__name__} predicts numbers, but its target is {column.type}: {error}."
            raise TrainingError(f"{problem} Use a classifier. Nothing was published.") from error
    values = column.to_pylist()
    return np.array(values) if values else np.array([], dtype=object)


def train(where: str, estimator: Any, features: Any, labels: npt.NDArray[Any]) -> Any:
    """A fitted copy of `estimator`; every unset random_state becomes the same seed, so that reruns agree."""
    from sklearn.base import clone

    if len(labels) == 0:
        raise TrainingError(f"{where}: no training row is left after routing and null targets. Nothing was published.")
    if is_classifier(estimator) and len(set(labels.tolist())) < 2:
        problem = f"{where}: all {len(labels)} training rows have the same target {labels.tolist()[0]!r}."
        raise TrainingError(f"{problem} A classifier needs two classes. Nothing was published.")
    model = clone(estimator)
    unset = {
        name: SEED for name, value in model.get_params().items() if name.endswith("random_state") and value is None
    }
    try:
        return model.set_params(**unset).fit(features, labels)
    except (ValueError, TypeError) as error:
        raise TrainingError(
            f"{where}: {type(model).__name__} could not be fitted: {error} Nothing was published."
        ) from error


def ask(
    model: Any, classes: list[Any] | None, features: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32] | None]:
    """Predictions and class probabilities, in the order of `classes`.

    Probabilities are float32: computed in float64, they come out alike for one row and for many, whatever order the
    linear algebra sums in.
    """
    if classes is None:
        return np.asarray(model.predict(features), dtype=np.float32).astype(np.float64), None
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(features)), None
    shares = np.zeros((features.shape[0], len(classes)), dtype=np.float32)
    positions = [classes.index(one) for one in model.classes_.tolist()]
    shares[:, positions] = model.predict_proba(features).astype(np.float32)
    return np.array(classes, dtype=object)[shares.argmax(axis=1)], shares


def save_model(where: str, model: Any, path: Path) -> None:
    """Save a fitted estimator; refuses one with types that could not be loaded again."""
    import skops.io

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = skops.io.dumps(model)
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
    if unknown:
        fix = "Use scikit-learn's own estimators and parameters. Nothing was published."
        raise TrainingError(
            f"{where}: {type(model).__name__} holds {', '.join(unknown)}, which is not loaded from files. {fix}"
        )
    path.write_bytes(data)


def load_model(path: Path) -> Any:
    """The estimator saved at `path`; only types of the fixed list are ever loaded."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(path.read_bytes(), trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise CorruptObject(f"{path} holds types that are not loaded from files: {error}.") from error
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CorruptObject(f"{path} cannot be loaded: {error}. Build the cascade again.") from error
