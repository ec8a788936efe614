"""Random projects under random edits: an incremental build equals a full one, and nothing is run that need not be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

from tests.incremental.contents import Content, read_contents
from tests.incremental.edits import ACCIDENTS, draw_edit
from tests.incremental.incremental import (
    NothingToFit,
    assert_equal,
    assert_nothing_to_do,
    build_as_planned,
    full_rebuild,
    loaded,
)
from tests.incremental.project import PACKAGE, Model, draw_model
from tests.incremental.views import AllBut, Reads

EXAMPLES = int(os.environ.get("HEADRACE_FUZZ", "5"))
EDITS_EACH = 5


class Oracle:
    """What must be computed, by the model alone: a version is known by the asset's own code and what it reads."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def needed(self, marks: Mapping[str, str]) -> set[str]:
        """The assets of which no stored version has this mark."""
        return {key for key, mark in marks.items() if (key, mark) not in self._known}

    def built(self, marks: Mapping[str, str], versions: Mapping[str, str]) -> None:
        self._known |= {(key, mark): versions[key] for key, mark in marks.items()}

    def lost(self, versions: set[tuple[str, str]]) -> None:
        self._known = {one: version for one, version in self._known.items() if (one[0], version) not in versions}


def marks_of(model: Model, contents: Mapping[str, Content]) -> dict[str, str]:
    """For each asset, its own declaration and the content of the columns that it reads."""
    return {
        key: repr([asset.identity, [(one, _read(contents[one], reads)) for one, reads in sorted(asset.reads.items())]])
        for key, asset in model.assets().items()
    }


def _read(content: Content, reads: Reads) -> str:
    if not isinstance(reads, AllBut):
        return content.part(reads)
    return (
        content.part(one for one in content.table.columns if one not in reads.columns)
        if reads.columns
        else content.whole()
    )


def check(root: Path, model: Model, oracle: Oracle) -> None:
    """Build the project as it stands, and hold the result against a full rebuild and the oracle."""
    with loaded(root, PACKAGE) as project:
        built = build_as_planned(project)
        expected = full_rebuild(project, root.parent / "full")
        marks = marks_of(model, expected)
        needless = built - oracle.needed(marks)
        assert not needless, f"built without need: {sorted(needless)}"
        assert_equal(read_contents(project), expected)
        assert_nothing_to_do(project)
        oracle.built(marks, project.store.refs("dev").current())


def do_something(rng: Random, root: Path, model: Model, past: list[Model], oracle: Oracle) -> tuple[str, Model]:
    """An edit, an accident in the store, or the undoing of every edit since a moment in the past."""
    kind = rng.choice(["edit", "edit", "edit", "edit", "accident", "undo"])
    if kind == "edit":
        return next(draw_edit(rng, model))
    if kind == "undo":
        return "undo", rng.choice(past)
    accident = rng.choice(ACCIDENTS)
    with loaded(root, PACKAGE) as project:
        oracle.lost(accident(rng, project))
    return accident.__name__, model


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="HEADRACE_FUZZ" not in os.environ,
    database=None,
    phases=[Phase.generate],  # an example takes seconds: a failure is told by its seed, not made smaller
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_incremental_equals_full_and_computes_no_more(seed: int) -> None:
    """With HEADRACE_FUZZ=1000 and `--timeout=0`, a thousand projects that differ from run to run."""
    rng, oracle = Random(seed), Oracle()
    with TemporaryDirectory() as folder, suppress(NothingToFit):
        root = Path(folder) / "project"
        model = draw_model(rng)
        past = [model]
        model.write(root)
        note(model.code)
        check(root, model, oracle)
        for _ in range(EDITS_EACH):
            name, model = do_something(rng, root, model, past, oracle)
            event(name)
            note(name)
            model.write(root)
            check(root, model, oracle)
            past.append(model)
