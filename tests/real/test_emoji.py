"""Picture, text and category together: both modalities say more than either."""

from __future__ import annotations

import pytest

from headrace.builder.build import build
from headrace.lineage.graph import Graph
from tests.real.emoji_project import FOLDS, MODALITIES, declarations


@pytest.fixture(scope="module")
def accuracies(make_project, shared_data):
    cascades = declarations()
    project = make_project(
        [*cascades, *(member for cascade in cascades for member in cascade.members)], shared_data / "emoji"
    )
    report = build(project)
    assert not report.failed, report.failed

    def accuracy(modality: str) -> float:
        found = [project.store.current(f"cascades/{modality}_{fold}", "dev") for fold in range(FOLDS)]
        return sum(one.details["metrics"]["category"]["end to end"]["accuracy"] for one in found) / FOLDS

    return {modality: accuracy(modality) for modality in MODALITIES}


def test_both_modalities_reach_the_published_mark(accuracies):
    assert accuracies["both"] > 0.70, accuracies


@pytest.mark.parametrize("alone", ["picture", "words"])
def test_both_modalities_beat_each_alone(accuracies, alone):
    assert accuracies["both"] > accuracies[alone] + 0.01, accuracies


def test_shared_steps_are_declared_once():
    keys = Graph(declarations()).keys
    assert sum(key.startswith("training_sets/") for key in keys) == FOLDS
