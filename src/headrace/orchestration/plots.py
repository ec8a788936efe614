"""Small plots of models, as PNG of some 10 kB: they live in Dagster's event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from headrace.engine.stages import share_name
from headrace.orchestration.tables import cell

_INK, _PLAIN, _BAD = "#2f6f9f", "#9db8cc", "#c7673e"
_MOST_POINTS = 2000
_BINS = 20
_COLORS = 32
# The first of these that was measured everywhere is what a cascade is compared by; is more of it better?
_COMPARED = {"auc": True, "accuracy": True, "rmse": False}
_STYLE = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9}


def plot_stage(frame: pl.DataFrame, classes: Sequence[Any] | None) -> bytes | None:
    """How a stage answers rows it has not learnt from; None when there is no such row with a known target.

    Args:
        frame: its table: `split`, `target`, `prediction`, and `probability_*` for classes.
    """
    honest = frame if "fold" in frame.columns else frame.filter(pl.col("split") != "train")
    held_out = honest.filter(pl.col("split") != "train")
    rows = (held_out if held_out.height else honest).drop_nulls(["target", "prediction"])
    if not rows.height:
        return None
    with mpl.rc_context(_STYLE):
        if classes is None:
            return _numbers(rows)
        share = share_name(classes[-1])
        return _two_classes(rows, classes, share) if len(classes) == 2 and share in rows.columns else _confusion(rows)


def _two_classes(rows: pl.DataFrame, classes: Sequence[Any], share: str) -> bytes:
    """The score's histogram by class, and how often the second class was right where it was said with some score."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 1, _BINS + 1)
    for label, color in zip(classes, (_PLAIN, _INK), strict=True):
        scores = rows.filter(pl.col("target") == label)[share].to_numpy()
        left.hist(scores, edges, color=color, alpha=0.75, label=f"{cell(label)} ({len(scores)})")
    left.set(title=f"{share} by true class", xlabel="score", ylabel="rows")
    left.legend(frameon=False)
    scores, truth = rows[share].to_numpy(), (rows["target"] == classes[-1]).to_numpy()
    bins = np.clip((scores * 10).astype(int), 0, 9)
    used = np.unique(bins)
    right.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    right.plot(
        [scores[bins == one].mean() for one in used], [truth[bins == one].mean() for one in used], "o-", color=_INK
    )
    right.set(
        title="calibration", xlabel="mean score", ylabel=f"share of {cell(classes[-1])}", xlim=(0, 1), ylim=(0, 1)
    )
    return _png(figure)


def _confusion(rows: pl.DataFrame) -> bytes:
    """Shares of answers by true class."""
    rows = rows.with_columns(pl.col("target", "prediction").cast(pl.String))
    labels = sorted({*rows["target"].to_list(), *rows["prediction"].to_list()})[:_BINS]
    counts = {(t, p): n for t, p, n in rows.group_by("target", "prediction").len().iter_rows()}
    grid = np.array([[counts.get((truth, said), 0) for said in labels] for truth in labels], dtype=float)
    shares = grid / np.maximum(grid.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(shares):
        axes.text(column, row, f"{value:.0%}", ha="center", va="center", color="white" if value > 0.5 else "black")
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(title="answers by true class", xlabel="answer", ylabel="truth")
    return _png(figure)


def _numbers(rows: pl.DataFrame) -> bytes:
    """Predicted against true numbers."""
    step = max(1, rows.height // _MOST_POINTS)
    shown = rows.gather_every(step).select(pl.col("target", "prediction").cast(pl.Float64))
    truth, said = shown["target"].to_numpy(), shown["prediction"].to_numpy()
    figure = Figure(figsize=(3.6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.scatter(truth, said, s=4, alpha=0.4, color=_INK, linewidths=0)
    edges = [min(truth.min(), said.min()), max(truth.max(), said.max())]
    axes.plot(edges, edges, color="#bbbbbb", linewidth=1)
    axes.set(title=f"{len(truth)} rows not learnt from", xlabel="truth", ylabel="prediction")
    return _png(figure)


def plot_cascade(metrics: Mapping[str, Mapping[str, Mapping[str, float]]]) -> bytes | None:
    """End to end against the branches, one model without routing, and true routing; None without routing."""
    compared = {target: found for target, found in metrics.items() if len(found) > 1 and _shared(found)}
    if not compared:
        return None
    most = max(len(found) for found in compared.values())
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 0.7 + 0.3 * most * len(compared)), layout="constrained")
        for axes, (target, found) in zip(np.atleast_1d(figure.subplots(len(compared))), compared.items(), strict=True):
            _bars(axes, target, found)
        return _png(figure)


def _shared(found: Mapping[str, Mapping[str, float]]) -> str | None:
    return next((name for name in _COMPARED if all(name in values for values in found.values())), None)


def _bars(axes: Any, target: str, found: Mapping[str, Mapping[str, float]]) -> None:
    name = _shared(found) or ""
    labels = list(found)
    values = [found[label][name] for label in labels]
    colors = [_INK if label == "end to end" else _BAD if label.startswith("one model") else _PLAIN for label in labels]
    bars = axes.barh(range(len(labels)), values, color=colors)
    axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set(title=f"{target}: {name}, {'more' if _COMPARED[name] else 'less'} is better", xlim=(0, max(values) * 1.12))


def _png(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(_COLORS)
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
