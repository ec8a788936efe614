"""Interleaved runs of contestants, their medians, and what the medians say."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OURS = "headrace"
ROUNDS = 3
# Ratios closer to one than this are the machine's noise, not a difference.
EVEN = 1.05


@dataclass(frozen=True)
class Timing:
    """Median seconds of one contestant; CPU seconds count every thread and every child process.

    Attributes:
        peak: the most megabytes that its process held; 0 where it is not measured.
    """

    wall: float
    cpu: float
    peak: float = 0.0


@dataclass(frozen=True)
class Case:
    """One comparison.

    Args:
        title: what is done, with its sizes.
        timings: medians by contestant; `OURS` is among them.
        compared: how the results were found to agree.
        floors: contestants that are a lower limit and not a rival: not counted as losses.
        variants: contestants that are ours as well, and no rival either.
    """

    title: str
    timings: Mapping[str, Timing]
    compared: str
    floors: frozenset[str] = frozenset()
    variants: frozenset[str] = frozenset()

    def ratio(self, name: str) -> float:
        """Wall seconds of a contestant over ours: above 1, we are faster."""
        return self.timings[name].wall / self.timings[OURS].wall

    def cpu_ratio(self, name: str) -> float:
        """CPU seconds of a contestant over ours: above 1, we need less."""
        return self.timings[name].cpu / self.timings[OURS].cpu


def interleave(
    contestants: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = ROUNDS,
    repeats: Mapping[str, int] | None = None,
    warm: bool = True,
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Run everyone once a round, each round begun by another, so that drift of the machine falls on all alike.

    Args:
        repeats: calls a run for what is too short to measure once; times are given for one call.
        warm: run everyone once before, unmeasured.

    Returns:
        medians, and each contestant's last result.
    """
    names = list(contestants)
    results = {name: contestants[name]() for name in names} if warm else {}
    found: dict[str, list[Timing]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            # The last result is let go first: its memory is not part of the next run.
            results.pop(name, None)
            timing, results[name] = _run(contestants[name], (repeats or {}).get(name, 1))
            found[name].append(timing)
    return {name: median(timings) for name, timings in found.items()}, results


def _run(contestant: Callable[[], Any], repeats: int) -> tuple[Timing, Any]:
    gc.collect()
    result = None
    cpu, wall = cpu_seconds(), time.perf_counter()
    for _ in range(repeats):
        result = contestant()
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return Timing(wall / repeats, cpu / repeats), result


def median(timings: Sequence[Timing]) -> Timing:
    """Of the seconds; of the peaks the greatest."""
    wall, cpu = (statistics.median(getattr(one, name) for one in timings) for name in ("wall", "cpu"))
    return Timing(wall, cpu, max(one.peak for one in timings))


def cpu_seconds() -> float:
    """Of this process, its threads, and the children it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
