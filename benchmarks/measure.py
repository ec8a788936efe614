"""Interleaved runs of contestants, their medians, and what the medians say."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "headrace"
ROUNDS = 3
# Ratios closer to one than this are the machine's noise, not a difference.
EVEN = 1.05


@dataclass(frozen=True)
class Timing:
    """Median seconds of one contestant; CPU seconds count every thread and every child process."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Case:
    """One comparison.

    Args:
        title: what is done, with its sizes.
        timings: medians by contestant; `OURS` is among them.
        compared: how the results were found to agree.
        floors: contestants that are a lower limit and not a rival: not counted as losses.
    """

    title: str
    timings: Mapping[str, Timing]
    compared: str
    floors: frozenset[str] = frozenset()

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
    return {name: _median(timings) for name, timings in found.items()}, results


def _run(contestant: Callable[[], Any], repeats: int) -> tuple[Timing, Any]:
    gc.collect()
    result = None
    cpu, wall = cpu_seconds(), time.perf_counter()
    for _ in range(repeats):
        result = contestant()
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return Timing(wall / repeats, cpu / repeats), result


def _median(timings: list[Timing]) -> Timing:
    return Timing(statistics.median(one.wall for one in timings), statistics.median(one.cpu for one in timings))


def cpu_seconds() -> float:
    """Of this process, its threads, and the children it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
