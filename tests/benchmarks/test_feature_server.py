"""The load test in short: questions from other threads while other processes refill the store and are killed."""

from __future__ import annotations

from benchmarks.feature_server import under_load


def test_no_answer_is_lost_or_mixed_while_the_store_is_refilled():
    load = under_load(seconds=4, rate=50, customers=500, askers=4)
    assert (load.failed, load.mixed) == ([], [])
    assert len(load.seconds) == 200
    assert load.refills + load.killed > 0
