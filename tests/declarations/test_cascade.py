from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression

import headrace as hr
from headrace.declarations.matrix import Matrix
from headrace.errors import DeclarationError

source = hr.Source("rows", path="r.csv", keys=["id"])


def matrix(name: str, *keep: str) -> Matrix:
    rows = hr.TrainingSet(name, spine=source, label=["band", "bought"], keep=keep)
    encoding = hr.Transform(name, fit_on=rows, encode={"numbers": hr.Standardize(*keep)})
    return hr.Matrix(name, rows=rows, transform=encoding)


wide, thin = matrix("wide", "price", "age"), matrix("thin", "price")


def stage(name: str = "first", **changes) -> hr.Stage:
    return hr.Stage(**{"name": name, "matrix": wide, "target": "band", "estimator": LogisticRegression(), **changes})


band = stage("band")
minors = stage("minors", target="bought", when={"band": "minor"})
adults = stage("adults", target="bought", when={"band": ["adult", "senior"]}, inputs="band")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matrix": "wide"}, "matrix is a str. Give a Matrix"),
        ({"target": "bougth"}, "unknown target 'bougth'. Did you mean 'bought'"),
        ({"when": {"band": []}}, "names no answer"),
        ({"when": {"band": 1.5}}, "names no answer"),
        ({"inputs": ["band", "band"]}, "inputs repeats band"),
        ({"estimator": LogisticRegression}, "cannot be fitted"),
    ],
)
def test_mistakes_of_a_stage(changes, message):
    with pytest.raises(DeclarationError, match=rf"Stage\('first'\): .*{message}"):
        stage(**changes)


@pytest.mark.parametrize(
    ("stages", "changes", "message"),
    [
        ([], {}, "has no stages"),
        ([band], {"folds": 1}, "folds=1 leaves nothing out"),
        ([band, band], {}, "stages repeats band"),
        ([band, stage("second", target="bought", inputs="bnad")], {}, "unknown stage 'bnad'. Did you mean 'band'"),
        ([stage("a", inputs="b"), stage("b", target="bought", inputs="a")], {}, "in a circle: a -> b -> a|b -> a -> b"),
        ([stage("a", inputs="a")], {}, "unknown stage 'a'"),
        ([band, stage("other")], {}, "several stages predict 'band'"),
        ([band], {"group": "customer"}, "unknown group column 'customer'"),
        (
            [band, stage("second", matrix=thin, target="bought", inputs="band")],
            {},
            "is fed by 'band', so training_sets/thin must carry what 'band' reads: unknown column 'age'",
        ),
    ],
)
def test_mistakes_of_a_cascade(stages, changes, message):
    with pytest.raises(DeclarationError, match=message):
        hr.Cascade("scores", stages=stages, **changes)


def test_stages_stand_upstream_first_however_they_are_written():
    found = hr.Cascade("scores", stages=[adults, minors, band])
    assert found.stages[0] is band
    assert {target: len(stages) for target, stages in found.targets.items()} == {"band": 1, "bought": 2}


def test_members_are_assets_that_depend_on_their_feeders():
    found = hr.Cascade("scores", stages=[band, minors, adults])
    inputs = {one.name: [each.key for each in one.inputs] for one in found.members}
    assert "cascades/scores/band" in inputs["minors"]
    assert "cascades/scores/band" not in inputs["band"]
    assert {"cascades/scores/band", "cascades/scores/minors", "cascades/scores/adults"} <= {
        one.key for one in found.inputs
    }
