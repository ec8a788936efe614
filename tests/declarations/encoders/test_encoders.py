"""Encoders are checked where they are written."""

from __future__ import annotations

import pytest

import headrace.declarations.encoders as enc
from headrace.engine.encoders import ENGINES
from headrace.errors import DeclarationError

ALL = [
    enc.Impute("a"),
    enc.Standardize("a"),
    enc.OneHot("a"),
    enc.BagOfWords("a"),
    enc.TfIdf("a"),
    enc.ImagePixels("a"),
    enc.ColorHistogram("a"),
    enc.GradientHistogram("a"),
]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.kind)
def test_an_encoder_is_a_comparable_hashable_printable_value(spec: enc.Encoder) -> None:
    again = type(spec)("a")
    assert again == spec
    assert hash(again) == hash(spec)
    assert type(spec)("b") != spec
    assert repr(spec).startswith(f"{type(spec).__name__}(columns=('a',)")
    assert "columns" not in spec.parameters()
    with pytest.raises(AttributeError, match="cannot assign"):
        spec.columns = ("b",)  # type: ignore[misc]


def test_every_kind_has_an_engine() -> None:
    assert {spec.kind for spec in ALL} == set(ENGINES)


def test_parameters_tell_encoders_apart() -> None:
    assert enc.TfIdf("a", ngrams=(1, 2)).parameters()["ngrams"] == [1, 2]
    assert enc.Standardize("a", missing_flag=True) != enc.Standardize("a")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: enc.Standardize(), "Standardize: has no columns"),
        (lambda: enc.Standardize("a", "a"), "columns repeats a"),
        (lambda: enc.Standardize(["a", "b"]), r"columns must be column names, got \['a', 'b'\]"),
        (lambda: enc.Standardize("a", missing_flag=1), "missing_flag must be True or False, got 1"),
        (lambda: enc.Standardize("a", "a:missing", missing_flag=True), "missing flag of 'a'"),
        (lambda: enc.Impute("a", strategy="avg"), "unknown strategy 'avg'.*constant, mean, median"),
        (lambda: enc.Impute("a", value=1.0), "strategy 'mean' takes no value"),
        (lambda: enc.Impute("a", strategy="constant"), "needs a finite number as value, got None"),
        (lambda: enc.Impute("a", strategy="constant", value=float("nan")), "finite number as value, got nan"),
        (lambda: enc.Impute("a", strategy="constant", value=True), "finite number as value, got True"),
        (lambda: enc.OneHot("a", max_categories=0), "max_categories must be an integer of at least 1, got 0"),
        (lambda: enc.OneHot("a", min_count=1.5), "min_count must be an integer of at least 1, got 1.5"),
        (lambda: enc.OneHot("a", unseen="others"), "unknown unseen 'others'. Did you mean 'other'"),
        (lambda: enc.TfIdf("a", min_df=0.0), "min_df as a share of the rows"),
        (lambda: enc.TfIdf("a", max_features=-1), "max_features must be an integer of at least 1"),
        (lambda: enc.BagOfWords("a", ngrams=2), r"ngrams must be \(shortest, longest\) in words, got 2"),
        (lambda: enc.ImagePixels("a", color="grey"), "unknown color 'grey'. Did you mean 'gray'"),
        (lambda: enc.ImagePixels("a", size=True), "size must be an integer from 1 to 512, got True"),
        (lambda: enc.ColorHistogram("a", bins=300), "bins must be an integer from 2 to 256, got 300"),
        (lambda: enc.GradientHistogram("a", orientations=1), "orientations must be an integer from 2 to 36"),
    ],
)
def test_a_mistake_is_named_where_it_is_written(make, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        make()
