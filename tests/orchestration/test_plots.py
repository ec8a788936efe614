"""Plots are small pictures, and absent where there is nothing to plot."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from headrace.orchestration.plots import plot_cascade, plot_stage

LARGEST = 20_000
RANDOM = np.random.default_rng(0)
SCORES = RANDOM.random(500)


def stage_frame(target: list, prediction: list, **columns) -> pl.DataFrame:
    split = ["train" if number % 2 else "test" for number in range(len(target))]
    return pl.DataFrame({"split": split, "target": target, "prediction": prediction, **columns})


def proof(content: bytes | None) -> tuple[int, int]:
    assert content is not None
    assert len(content) < LARGEST
    with Image.open(io.BytesIO(content)) as image:
        return image.size


@pytest.mark.parametrize(
    ("frame", "classes"),
    [
        (stage_frame([*(SCORES > 0.4)], [*(SCORES > 0.5)], probability_true=SCORES), [False, True]),
        (stage_frame([*"abc"] * 100, [*"abb"] * 100), ["a", "b", "c"]),
        (stage_frame([*SCORES], [*(SCORES * 0.9)]), None),
        (stage_frame(["a", "b"] * 9, ["a", None] * 9), ["a", "b"]),
    ],
    ids=["two classes", "three classes", "numbers", "rows served by no branch"],
)
def test_a_stage_has_a_picture(frame, classes):
    assert min(proof(plot_stage(frame, classes))) > 100


def test_rows_that_were_learnt_from_are_not_plotted():
    frame = stage_frame([1.0, 2.0], [1.0, 2.0]).with_columns(split=pl.lit("train"))
    assert plot_stage(frame, None) is None
    assert plot_stage(frame.with_columns(fold=0), None) is not None


def measured(**values: float) -> dict[str, dict[str, float]]:
    return {label: {"rows": 10, "auc": value} for label, value in values.items()}


def test_a_cascade_is_compared_with_what_it_could_be():
    found = measured(**{"end to end": 0.7, "one model without routing": 0.6, "true routing": 0.8})
    assert min(proof(plot_cascade({"bought": found}))) > 100


@pytest.mark.parametrize("found", [{}, measured(whole=0.7), {"a": {"auc": 1.0}, "b": {"rows": 0}}])
def test_without_anything_to_compare_there_is_no_picture(found):
    assert plot_cascade({"bought": found}) is None
