"""A race: contestants that do the same job, each in a process of its own, in turns, with answers that must agree."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Agree = Callable[[Any, Any], None]


@dataclass(frozen=True)
class Task:
    """A job made ready; only `call` is measured.

    Attributes:
        before: what has to be done ahead of each call.
        answer: the result of `call` in a form that can be compared and sent to another process.
        repeats: how often one measurement calls; times are divided by it.
    """

    call: Callable[[], Any]
    before: Callable[[], None] = lambda: None
    answer: Callable[[Any], Any] = lambda result: result
    repeats: int = 1


@dataclass(frozen=True)
class Contestant:
    """`prepare(*arguments)` gives the task; both must be picklable. A floor is a limit that does less than the job."""

    name: str
    prepare: Callable[..., Task]
    arguments: tuple[Any, ...] = ()
    floor: bool = False


@dataclass(frozen=True)
class Sample:
    """Seconds of wall clock and of CPU (all threads and child processes), and the process's peak memory in bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Result:
    """Medians of a contestant's samples; its greatest peak."""

    name: str
    wall: float
    cpu: float
    peak: int
    floor: bool


@dataclass(frozen=True)
class Race:
    """The results under one title, Headrace's own first."""

    title: str
    results: tuple[Result, ...]

    @property
    def best_other(self) -> Result | None:
        """The fastest contestant, by wall clock, that does the same job as Headrace."""
        return min((one for one in self.results[1:] if not one.floor), key=lambda one: one.wall, default=None)


def race(title: str, contestants: Sequence[Contestant], agree: Agree, *, runs: int = 3, isolated: bool = True) -> Race:
    """Measure the contestants in turns, `runs` times after a warm-up whose answers are compared with the first's.

    Args:
        agree: called with the first contestant's answer and another's; raises AssertionError when they differ.
        isolated: each contestant in a fresh process; otherwise all in this one, and peaks mean nothing.
    """
    with_process = _Process if isolated else _Inline
    runners = [with_process(one) for one in contestants]
    try:
        first = runners[0].warm_up()
        for one, runner in zip(contestants[1:], runners[1:], strict=True):
            _compare(title, agree, first, runner.warm_up(), f"{contestants[0].name} and {one.name}")
        samples: list[list[Sample]] = [[] for _ in runners]
        for turn in range(runs):
            order = range(len(runners)) if turn % 2 == 0 else reversed(range(len(runners)))
            for number in order:
                samples[number].append(runners[number].measure())
    finally:
        for runner in runners:
            runner.stop()
    return Race(title, tuple(map(_median, contestants, samples)))


def _compare(title: str, agree: Agree, first: Any, other: Any, who: str) -> None:
    try:
        agree(first, other)
    except AssertionError as error:
        raise AssertionError(f"{title}: the answers of {who} differ. {error}") from error


def _median(contestant: Contestant, samples: list[Sample]) -> Result:
    wall, cpu = (statistics.median(getattr(one, field) for one in samples) for field in ("wall", "cpu"))
    return Result(contestant.name, wall, cpu, max(one.peak for one in samples), contestant.floor)


class _Inline:
    """A contestant in this process."""

    def __init__(self, contestant: Contestant) -> None:
        self._task = contestant.prepare(*contestant.arguments)

    def warm_up(self) -> Any:
        self._task.before()
        return self._task.answer(self._task.call())

    def measure(self) -> Sample:
        task = self._task
        task.before()
        _forget_peak()
        cpu, wall = _cpu_seconds(), time.perf_counter()
        for _ in range(task.repeats):
            task.call()
        wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
        return Sample(wall / task.repeats, cpu / task.repeats, _peak())

    def stop(self) -> None:
        """Nothing runs between calls."""


class _Process:
    """A contestant in a fresh process, idle except when it is asked."""

    def __init__(self, contestant: Contestant) -> None:
        # spawn: a fork would inherit this process's memory and the threads' locks of its libraries
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(contestant, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def warm_up(self) -> Any:
        return self._ask("warm_up")

    def measure(self) -> Sample:
        sample: Sample = self._ask("measure")
        return sample

    def stop(self) -> None:
        """End the process, also one that hangs."""
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _ask(self, method: str) -> Any:
        try:
            self._pipe.send(method)
            return self._pipe.recv()
        except (EOFError, BrokenPipeError):
            raise RuntimeError("The contestant's process failed; its error is above.") from None


def _serve(contestant: Contestant, pipe: Connection) -> None:
    runner = _Inline(contestant)
    while True:
        try:
            method = pipe.recv()
        except EOFError:
            return
        pipe.send(getattr(runner, method)())


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


_STATUS = Path("/proc/self/status")


def _forget_peak() -> None:
    """Let the peak start anew from what is held now, where the system can: on Linux."""
    if _STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """Bytes. Linux's own ru_maxrss would include what the parent process held when it started this one."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    if not _STATUS.exists():
        return max(children, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return max(children, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")))
