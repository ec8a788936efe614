"""What the medians say, for people."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.measure import EVEN, OURS, ROUNDS, Case, Timing

LIBRARIES = ("headrace", "duckdb", "polars", "numpy", "scikit-learn", "pyarrow")


def page(found: Mapping[str, Sequence[Case]], about: Mapping[str, str]) -> str:
    """Markdown: where and when, wins and losses, then a table for each case."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        "# Benchmarks",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}. Python {platform.python_version()}, {versions}. {os.cpu_count()} cores.",
        "",
        f"Medians of {ROUNDS} interleaved runs of everyone in the same invocation; CPU seconds count all threads and",
        "children. A ratio is the contestant's time over ours: above 1, Headrace is faster. Absolute times move with",
        f"the machine, ratios less; within {EVEN - 1:.0%} counts as even. Run `python -m benchmarks`.",
        "",
        "## Where Headrace wins and loses",
        "",
        *_verdicts(found),
    ]
    for name, cases in found.items():
        lines += ["", f"## {name}", "", about[name]]
        for case in cases:
            lines += ["", *_table(case)]
    return "\n".join(lines) + "\n"


def _verdicts(found: Mapping[str, Sequence[Case]]) -> Iterator[str]:
    for name, cases in found.items():
        for case in cases:
            rivals = [rival for rival in case.timings if rival not in {OURS, *case.floors, *case.variants}]
            for rival in rivals:
                yield f"- {_word(case.ratio(rival))} {name}, {case.title}: {_sentence(case, rival)}"
            if not rivals:
                ours = case.timings[OURS]
                yield f"- No rival here. {name}, {case.title}: {_seconds(ours.wall)}."


def _word(ratio: float) -> str:
    return "**Even.**" if 1 / EVEN <= ratio <= EVEN else "**Wins.**" if ratio > 1 else "**Loses.**"


def _sentence(case: Case, rival: str) -> str:
    wall, cpu = case.ratio(rival), case.cpu_ratio(rival)
    speed = f"{wall:.3g}x faster than" if wall >= 1 else f"{1 / wall:.3g}x slower than"
    if 1 / EVEN <= wall <= EVEN:
        speed = "the same time as"
    load = f"{cpu:.3g}x less CPU" if cpu >= 1 else f"{1 / cpu:.3g}x more CPU"
    return f"{speed} {rival}, {load}."


def _table(case: Case) -> Iterator[str]:
    yield f"### {case.title[0].upper()}{case.title[1:]}"
    yield ""
    peaks = any(timing.peak for timing in case.timings.values())
    yield f"| | wall | CPU | wall ratio | CPU ratio |{' peak memory |' if peaks else ''}"
    yield f"|---|---|---|---|---|{'---|' if peaks else ''}"
    for name, timing in case.timings.items():
        yield _row(case, name, timing) + (f" {timing.peak:,.0f} MB |" if peaks else "")
    yield ""
    yield f"Compared: {case.compared}."


def _row(case: Case, name: str, timing: Timing) -> str:
    label = f"floor: {name}" if name in case.floors else name
    ratios = "1 | 1" if name == OURS else f"{case.ratio(name):.3g} | {case.cpu_ratio(name):.3g}"
    return f"| {label} | {_seconds(timing.wall)} | {_seconds(timing.cpu)} | {ratios} |"


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"
