"""First guess whether the customer is a minor, then let one of two recommenders rank the products."""

from sklearn.linear_model import LogisticRegression

import headrace as hr

from .matrices import age_matrix, purchase_matrix

recommend = hr.Cascade(
    "recommend",
    stages=[
        hr.Stage(
            "age_band",
            matrix=age_matrix,
            target="age_band",
            estimator=LogisticRegression(C=3.0, max_iter=2000),
            description="Is this customer under 18?",
        ),
        hr.Stage(
            "for_minors",
            matrix=purchase_matrix,
            target="bought",
            when={"age_band": "minor"},
            estimator=LogisticRegression(C=0.5, max_iter=2000),
            description="What minors buy.",
        ),
        hr.Stage(
            "for_adults",
            matrix=purchase_matrix,
            target="bought",
            when={"age_band": "adult"},
            estimator=LogisticRegression(C=0.5, max_iter=2000),
            description="What adults buy.",
        ),
    ],
    description="The chance that a customer buys a product, by a model of the customer's age band.",
    owners=["team:shop"],
)
