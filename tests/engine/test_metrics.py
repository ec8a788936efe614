"""Metrics against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from headrace.engine.metrics import measure

RANDOM = np.random.default_rng(3)


def test_two_classes():
    truth = RANDOM.random(200) < 0.4
    share = np.clip(truth * 0.3 + RANDOM.random(200) * 0.7, 0.01, 0.99).astype(np.float32)
    shares = np.stack([1 - share, share], axis=1)
    said = share > 0.5
    found = measure([False, True], truth.tolist(), said.tolist(), shares)
    assert found["rows"] == 200
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(truth, said), abs=1e-6)
    assert found["auc"] == pytest.approx(oracle.roc_auc_score(truth, share), abs=1e-6)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(truth, shares), abs=1e-5)
    assert found["average_precision"] == pytest.approx(oracle.average_precision_score(truth, share), abs=1e-6)


def test_several_classes():
    truth = RANDOM.integers(0, 3, 300)
    shares = RANDOM.dirichlet([1, 1, 1], 300)
    shares = (0.5 * shares + 0.5 * np.eye(3)[truth] * RANDOM.random((300, 1)) + 0.01).astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    found = measure(["a", "b", "c"], list(np.array(["a", "b", "c"])[truth]), ["a"] * 300, shares)
    expected = oracle.roc_auc_score(truth, shares, multi_class="ovr", average="weighted")
    assert found["auc"] == pytest.approx(expected, abs=1e-6)


def test_numbers():
    truth, said = RANDOM.normal(size=100), RANDOM.normal(size=100)
    found = measure(None, truth.tolist(), said.tolist(), None)
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(truth, said), abs=1e-6)
    assert found["rmse"] == pytest.approx(oracle.root_mean_squared_error(truth, said), abs=1e-6)
    assert found["r2"] == pytest.approx(oracle.r2_score(truth, said), abs=1e-6)


def test_nothing_to_measure_claims_nothing():
    assert measure([False, True], [], [], np.zeros((0, 2))) == {"rows": 0}


def test_a_class_never_seen_in_training_costs():
    shares = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = measure(["a", "b"], ["a", "new"], ["a", "b"], shares)
    assert found["accuracy"] == 0.5
    assert found["log_loss"] > 15
