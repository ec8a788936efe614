"""A process that waits with everything imported, does one task at a time and says what it took.

Both ends are here. It needs nothing beyond Python, so that it runs in a peer's environment as well as in ours.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.measure import Timing, cpu_seconds

_ROOT = Path(__file__).parents[1]
Task = Callable[..., Any]


@dataclass(frozen=True)
class Answer:
    """What a task returned and took; `peak` is the most that its process ever held, in megabytes."""

    result: Any
    timing: Timing
    peak: float


class Worker:
    """A process of `python` that serves the tasks of a module of `benchmarks`; one that fails raises RuntimeError."""

    def __init__(self, python: str | Path, module: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._name = module
        self._log = (folder / "said.txt").open("w+", encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": _path(python), "DAGSTER_HOME": ""}
        command = [str(python), "-m", __name__, f"benchmarks.{module}"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._log}
        self._process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # at which it ends
        with self._process:
            self._log.close()

    def ask(self, task: str, **given: Any) -> Answer:
        """Do a task. `given` and its result are plain data."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"task": task, **given}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            self._log.seek(0)
            raise RuntimeError(f"{task} of {self._name} failed: {answer['error']}\n{self._log.read()[-4000:]}")
        return Answer(answer["result"], Timing(answer["wall"], answer["cpu"]), answer["peak"])


def _path(python: str | Path) -> str:
    """Our own packages are for our own Python; the working directory of a worker is another."""
    ours = os.environ.get("PYTHONPATH", "").split(os.pathsep) if str(python) == sys.executable else []
    return os.pathsep.join([str(_ROOT), *(str(Path(one).resolve()) for one in ours if one)])


def serve(tasks: Mapping[str, Task]) -> None:
    """Answer lines of stdin until it ends.

    A task may return a function: what that returns is the result, and its time is not counted.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        given = json.loads(line)
        try:
            said = _done(tasks[given.pop("task")], given)
        except Exception:  # noqa: BLE001  # whatever it is, the other end raises it
            said = {"error": traceback.format_exc()}
        print(json.dumps(said), file=answers, flush=True)


def _done(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = task(**given)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    peak = peak_megabytes()
    return {"result": result() if callable(result) else result, "wall": wall, "cpu": cpu, "peak": peak}


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    # Linux hands a parent's ru_maxrss down to its children; VmHWM is of this process alone.
    status = Path("/proc/self/status")
    if status.exists():
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(found.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20) if sys.platform == "darwin" else most / 1024


def percentiles(task: Callable[[Any], Any], questions: list[Any]) -> dict[str, float]:
    """Seconds of single calls, in the median and at the 99th percentile, and CPU seconds of one."""
    task(questions[0])
    found = []
    cpu = cpu_seconds()
    for one in questions:
        started = time.perf_counter()
        task(one)
        found.append(time.perf_counter() - started)
    cpu = (cpu_seconds() - cpu) / len(questions)
    found.sort()
    return {"p50": found[len(found) // 2], "p99": found[int(len(found) * 0.99)], "cpu": cpu}


if __name__ == "__main__":
    serve(importlib.import_module(sys.argv[1]).TASKS)
