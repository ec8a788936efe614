from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from headrace.declarations.estimator import describe_estimator
from headrace.errors import DeclarationError


def test_says_class_and_parameters_of_every_level():
    found = describe_estimator("here", make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(C=3)))
    steps = found["parameters"]["steps"]
    assert steps[0][1]["parameters"]["func"] == {"name": "numpy.log1p"}
    assert steps[1][1]["class"].endswith("LogisticRegression")
    assert steps[1][1]["parameters"]["C"] == 3
    json.dumps(found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LogisticRegression(C=1), LogisticRegression(C=2)),
        (LogisticRegression(class_weight={1: 2}), LogisticRegression(class_weight={"1": 2})),
        (HistGradientBoostingClassifier(), HistGradientBoostingClassifier(categorical_features=np.array([0]))),
        (LogisticRegression(), HistGradientBoostingClassifier()),
        (make_pipeline(LogisticRegression(C=1)), make_pipeline(LogisticRegression(C=2))),
    ],
)
def test_tells_apart(one, other):
    assert describe_estimator("here", one) != describe_estimator("here", other)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LogisticRegression, "cannot be fitted. Give an unfitted"),
        ("logistic", "'logistic' cannot be fitted"),
        (FunctionTransformer(), "cannot be fitted"),
        (make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()), "<lambda>.* cannot be fingerprinted"),
        (LogisticRegression(random_state=object()), "cannot be fingerprinted"),
    ],
)
def test_mistakes(estimator, message):
    with pytest.raises(DeclarationError, match=f"here: .*{message}"):
        describe_estimator("here", estimator)
