from __future__ import annotations

import pytest

import headrace as hr
from headrace.errors import DeclarationError

source = hr.Source("rows", path="r.csv", keys=["id"])
training = hr.TrainingSet("rows", spine=source, label="sold", keep=["price"])
narrow = hr.TrainingSet("narrow", spine=source, label="sold", keep=["prize"])
encoding = hr.Transform("encoding", fit_on=training, encode={"price": hr.Standardize("price")})


def test_reads_its_rows_and_its_transform():
    matrix = hr.Matrix("numbers", rows=training, transform=encoding)
    assert matrix.inputs == (training, encoding)
    assert matrix.key == "matrices/numbers"


@pytest.mark.parametrize(
    ("rows", "transform", "message"),
    [
        (source, encoding, "needs rows=TrainingSet and transform=Transform"),
        (training, training, "needs rows=TrainingSet and transform=Transform"),
        (narrow, encoding, "rows=training_sets/narrow: unknown column 'price'. Did you mean 'prize'"),
    ],
)
def test_mistakes(rows, transform, message):
    with pytest.raises(DeclarationError, match=message):
        hr.Matrix("numbers", rows=rows, transform=transform)
