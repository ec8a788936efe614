"""The user's own code in schemas and estimators: an edit of it is an edit of the declaration."""

from __future__ import annotations

import importlib
import sys
import textwrap

import pytest

import headrace as hr
from headrace.lineage.code import code_parts
from headrace.lineage.user_code import check_functions, estimator_code

LIMITS = """
LIMIT = 1

def above(data):
    return data.lazyframe.select(data.lazyframe.collect_schema().names()[0])

def bound(data, k):
    return above(data)
"""

SCHEMAS = """
import functools
import pandera.polars as pa
import polars as pl
from . import limits

def near(value):
    return value < 1

class Check:
    def __init__(self, k): self.k = k
    def __call__(self, data): return data

class Model(pa.DataFrameModel):
    \"\"\"Rows.\"\"\"
    a: int = pa.Field(ge=0)

    @classmethod
    def most(cls):
        return 3

    @pa.check("a")
    def small(cls, data):
        return data.lazyframe.select(pl.col("a") < cls.most())

    @pa.dataframe_check
    def whole(cls, data):
        return data.lazyframe.select(pl.col("a") < limits.LIMIT)

schema = Model
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Module `shop_code.main` with this text, beside `limits`."""
    made = 0

    def imported(text: str, limits: str = LIMITS):
        nonlocal made
        made += 1
        folder = tmp_path / str(made) / "shop_code"
        folder.mkdir(parents=True)
        for name, content in (("__init__", ""), ("main", text), ("limits", limits)):
            (folder / f"{name}.py").write_text(textwrap.dedent(content))
        forget()
        monkeypatch.syspath_prepend(folder.parent)
        return importlib.import_module("shop_code.main")

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "shop_code"]:
            del sys.modules[name]

    yield imported
    forget()


def schema_parts(module) -> dict[str, str]:
    view = hr.FeatureView("v", entity=None, source=hr.Source("s", path="s.csv"), features=["a"], schema=module.schema)
    return code_parts("here", *check_functions(view.schema))


def column(check: str) -> str:
    return SCHEMAS.replace("schema = Model", f"schema = pa.DataFrameSchema({{'a': pa.Column(int, {check})}})")


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (SCHEMAS, 'pl.col("a") < cls', 'pl.col("a") <= cls'),
        (SCHEMAS, "return 3", "return 4"),
        (SCHEMAS, '"a") < limits', '"a") > limits'),
        (column("pa.Check(lambda data: near(data))"), "value < 1", "value < 2"),
        (column("pa.Check(near, element_wise=True)"), "element_wise=True", "element_wise=False"),
        (column("pa.Check(near, raise_warning=True)"), "raise_warning=True", "raise_warning=False"),
        (column("pa.Check(limits.bound, k=1)"), "k=1", "k=2"),
        (column("pa.Check(functools.partial(limits.bound, k=1))"), "k=1", "k=2"),
        (column("pa.Check(Check(1))"), "Check(1)", "Check(2)"),
        (column("pa.Check(Check(1))"), "return data\n", "return -data\n"),
    ],
)
def test_an_edit_of_a_check_is_seen(load, text, before, after):
    assert before in text
    assert schema_parts(load(text)) != schema_parts(load(text.replace(before, after, 1)))


def test_a_constant_of_another_module_is_seen_through_a_check(load):
    before, after = schema_parts(load(SCHEMAS)), schema_parts(load(SCHEMAS, LIMITS.replace("LIMIT = 1", "LIMIT = 2")))
    changed = {name for name in before if before[name] != after[name]}
    assert "code shop_code.main:Model.whole.limits.LIMIT" in changed
    assert all(name.endswith("limits.LIMIT") for name in changed)


@pytest.mark.parametrize(
    ("before", "after"), [("Rows.", "Lines."), ("return data\n", "return -data\n"), ("value < 1", "value < 2")]
)
def test_what_a_schema_does_not_use_is_not_seen(load, before, after):
    assert schema_parts(load(SCHEMAS)) == schema_parts(load(SCHEMAS.replace(before, after, 1)))


def test_no_schema_has_no_code():
    assert check_functions(None) == ()


ESTIMATORS = """
import functools
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

def ratio(x):
    return x + 1

class Shift(BaseEstimator):
    def __init__(self, by=1): self.by = by
    def fit(self, x, y=None): return self
    def transform(self, x): return x + self.by

class Mine(ClassifierMixin, BaseEstimator):
    def __init__(self, k=1): self.k = k
    def fit(self, x, y):
        self.seen_ = ratio(x)
        return self
    def predict(self, x): return x

class Held:
    def __init__(self, k): self.k = k
    def apply(self, x): return x * self.k

estimator = Pipeline([
    ("both", FeatureUnion([("f", FunctionTransformer(ratio)), ("s", Shift(by=2))])),
    ("held", FunctionTransformer(Held(5).apply)),
    ("model", HistGradientBoostingClassifier(max_depth=3)),
])
mine = Mine()
"""


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("estimator", "return x + 1", "return x - 1"),
        ("estimator", "x + self.by", "x - self.by"),
        ("estimator", "x * self.k", "x / self.k"),
        ("estimator", "Held(5)", "Held(6)"),
        ("mine", "seen_ = ratio", "seen_ = -ratio"),
        ("mine", "return x + 1", "return x - 1"),
        ("mine", "k=1", "k=2"),
    ],
)
def test_an_edit_of_code_in_an_estimator_is_seen(load, name, before, after):
    def parts(text: str) -> dict[str, str]:
        return code_parts("here", *estimator_code(getattr(load(text), name)))

    assert parts(ESTIMATORS) != parts(ESTIMATORS.replace(before, after, 1))


@pytest.mark.parametrize("parameter", ["both__s__by", "model__max_depth", "model__learning_rate"])
def test_a_nested_parameter_is_data_of_the_declaration(load, parameter):
    from headrace.declarations.estimator import describe_estimator

    def described(value) -> str:
        module = load(ESTIMATORS.replace("FunctionTransformer(Held(5).apply)", "'passthrough'"))
        return str(describe_estimator("here", module.estimator.set_params(**{parameter: value})))

    assert described(0.5) != described(0.25)
