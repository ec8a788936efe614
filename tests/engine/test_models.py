"""Estimators: seeds, refusals, and a round trip through files without pickle."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headrace.engine.folds import fold_of, group_names
from headrace.engine.models import ask, labels_array, load_model, save_model, train
from headrace.errors import CorruptObject, TrainingError

RANDOM = np.random.default_rng(5)
FEATURES = RANDOM.normal(size=(120, 4))
LABELS = np.where(FEATURES[:, 0] + 0.3 * RANDOM.normal(size=120) > 0, "yes", "no")
CLASSIFIERS = [
    LogisticRegression(),
    RandomForestClassifier(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=10),
    KNeighborsClassifier(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    RidgeClassifier(),
]


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda one: type(one).__name__)
def test_a_saved_model_answers_as_before(tmp_path, estimator):
    model = train("x", estimator, FEATURES, LABELS)
    save_model("x", model, tmp_path / "model.skops")
    before, after = (ask(one, ["no", "yes"], FEATURES) for one in (model, load_model(tmp_path / "model.skops")))
    assert before[0].tolist() == after[0].tolist()
    assert (before[1] is None and after[1] is None) or np.array_equal(before[1], after[1])


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda one: type(one).__name__)
def test_one_row_is_answered_as_among_many(estimator):
    model = train("x", estimator, FEATURES, LABELS)
    values, shares = ask(model, ["no", "yes"], FEATURES)
    for number in range(0, 120, 7):
        value, share = ask(model, ["no", "yes"], FEATURES[number : number + 1])
        assert value[0] == values[number]
        assert share is None or np.array_equal(share[0], shares[number])


def test_training_twice_gives_the_same_model_and_leaves_the_declared_one_alone():
    declared = RandomForestClassifier(n_estimators=5)
    first, second = (ask(train("x", declared, FEATURES, LABELS), ["no", "yes"], FEATURES)[1] for _ in range(2))
    assert np.array_equal(first, second)
    assert declared.random_state is None
    assert not hasattr(declared, "classes_")


def test_one_class_is_refused():
    with pytest.raises(TrainingError, match="all 3 training rows have the same target 'k'"):
        train("cascades/x/y", LogisticRegression(), FEATURES[:3], np.array(["k", "k", "k"]))


def test_no_rows_are_refused():
    with pytest.raises(TrainingError, match="no training row is left after routing"):
        train("cascades/x/y", LogisticRegression(), FEATURES[:0], LABELS[:0])


def test_a_refusal_of_the_estimator_names_the_stage():
    with pytest.raises(TrainingError, match=r"cascades/x/y: LinearRegression could not be fitted: .*NaN"):
        train("cascades/x/y", LinearRegression(), np.full((3, 1), np.nan), np.array([1.0, 2.0, 3.0]))


def test_a_regressor_refuses_text():
    with pytest.raises(TrainingError, match="Ridge predicts numbers, but its target is string"):
        labels_array(Ridge(), pa.chunked_array([["b", "c"]]))


class OfMyOwn(ClassifierMixin, BaseEstimator):
    """An estimator whose type is on nobody's list."""

    def fit(self, features, labels):
        self.classes_ = np.unique(labels)
        return self


def test_a_type_that_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(TrainingError, match=r"OfMyOwn holds .*OfMyOwn, which is not loaded from files"):
        save_model("x", OfMyOwn().fit(FEATURES, LABELS), tmp_path / "model.skops")
    assert not (tmp_path / "model.skops").exists()


def test_a_damaged_model_is_refused_by_name(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"nothing of the kind")
    with pytest.raises(CorruptObject, match=r"model\.skops cannot be loaded"):
        load_model(tmp_path / "model.skops")


def test_folds_keep_groups_together_and_depend_on_nothing_else():
    rows = pa.table({"a": [1, 2, 1, 3], "b": ["x", "y", "x", "y"]})
    groups = group_names(rows, ["a", "b"])
    folds = fold_of(groups, 5)
    assert folds[0] == folds[2]
    assert fold_of(groups[::-1], 5).tolist() == folds[::-1].tolist()
    assert group_names(pa.table({"a": ["1, 'x"], "b": [""]}), ["a", "b"]) != group_names(
        pa.table({"a": ["1"], "b": ["x"]}), ["a", "b"]
    )


def test_many_groups_spread_evenly():
    counts = np.bincount(fold_of([str(number) for number in range(5_000)], 5))
    assert counts.min() > 900
