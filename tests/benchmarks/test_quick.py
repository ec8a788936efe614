"""Every benchmark runs and compares its results, at a size that takes no time."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as command
from benchmarks.measure import OURS, Case, Timing, interleave
from benchmarks.report import page


@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_a_benchmark_runs_and_its_contestants_agree(name):
    cases = command.BENCHMARKS[name].run(quick=True)
    for case in cases:
        assert case.compared
        assert len(case.timings) > 1
        assert all(timing.wall > 0 for timing in case.timings.values())
        assert next(iter(case.timings)) == OURS
    assert f"## {name}" in page({name: cases}, {name: ""})


def test_losses_are_said():
    timings = {OURS: Timing(2.0, 2.0), "rival": Timing(1.0, 4.0), "other": Timing(5.0, 1.0), "limit": Timing(0.1, 0.1)}
    text = page({"race": [Case("a mile", timings, "same mile", frozenset({"limit"}))]}, {"race": ""})
    assert "- **Loses.** race, a mile: 2x slower than rival, 2x less CPU." in text
    assert "- **Wins.** race, a mile: 2.5x faster than other, 2x more CPU." in text
    assert "than limit" not in text


def test_everyone_runs_once_a_round_and_another_begins_each():
    order = []
    timings, results = interleave({name: lambda name=name: order.append(name) or name for name in "abc"}, warm=False)
    assert order == list("abcbcacab")
    assert results == {"a": "a", "b": "b", "c": "c"}
    assert set(timings) == set("abc")


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["nonsense"])
    said = capsys.readouterr().err
    assert "unknown: nonsense. Known: point_in_time, windows, transforms, build, rebuild, incremental_shop" in said
