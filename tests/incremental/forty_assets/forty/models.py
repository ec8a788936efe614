"""Two cascades: one that hands a prediction on, and one of a single stage."""

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import headrace as hr

from .training import customer_matrix, offer_matrix

taste = hr.Cascade(
    "taste",
    folds=2,
    stages=[
        hr.Stage(
            "likes",
            matrix=offer_matrix,
            target="bought",
            estimator=make_pipeline(StandardScaler(), LogisticRegression(C=1.0)),
        ),
        hr.Stage(
            "worth",
            matrix=offer_matrix,
            target="paid",
            inputs=["likes"],
            estimator=make_pipeline(StandardScaler(), Ridge(alpha=1.0)),
        ),
    ],
)
bands = hr.Cascade(
    "bands",
    folds=2,
    stages=[
        hr.Stage("band", matrix=customer_matrix, target="band", estimator=DecisionTreeClassifier(max_depth=3)),
    ],
)
