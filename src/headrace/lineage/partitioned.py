"""The plan of a partitioned asset: which of its partitions have to be computed, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from headrace.declarations.feature_view import FeatureView
from headrace.declarations.partitions import Partitions, partitions_of
from headrace.lineage.canonical import digest
from headrace.lineage.plan import Decision, Edge, Reason, State, Step

_MOST_LABELS = 3
_MOST_FILES = 3


def own_parts(parts: Mapping[str, object]) -> dict[str, object]:
    """What decides every partition of a source alike: all but the content of its files."""
    return {name: value for name, value in parts.items() if not name.startswith("file ")}


def partition_fingerprint(
    parts: Mapping[str, object], label: str, files: Mapping[str, str], inputs: Mapping[str, str]
) -> str:
    """The hash of all that decides the content of one partition, 32 hex digits.

    Args:
        parts: see `own_parts`.
        inputs: the digest of what it can see of each input.
    """
    return digest({"parts": dict(parts), "label": label, "files": dict(files), "inputs": dict(inputs)})


def partitions_fingerprint(marks: Mapping[str, str]) -> str:
    """The fingerprint of a version that consists of partitions with these."""
    return digest({"partitions": dict(marks)})


class PartitionedDecision(Decision):
    """One partitioned asset whose inputs have to be looked at partition by partition."""

    def step(self, forced: bool) -> Step:
        awaited = {one: step for one, step in self._upstream.items() if self._is_open(one, step)}
        if awaited:
            return self._waiting(awaited, forced)
        marks = self._facts.marks(self._declaration, self._inputs, self._reading)
        if not marks:
            return super().step(forced)  # no rows at all: computed whole
        current = self._current
        edges = {one: self._edge(one) for one in self._upstream}
        before = {} if current is None else {label: one["fingerprint"] for label, one in current.partitions.items()}
        todo = {label: mark for label, mark in marks.items() if forced or before.get(label) != mark}
        gone = [label for label in before if label not in marks]
        if current is not None and not todo and not gone:
            return Step(self._key, "fresh", (), current.fingerprint, current, current, frozenset(), edges, marks)
        reasons = (Reason("forced", "forced"),) if forced else self._why(todo, before, gone, edges)
        mark = partitions_fingerprint(marks)
        stored = None if forced else self._facts.find(self._key, mark)
        if stored is not None:
            found = Reason("stored", f"version {stored.version[:8]} has exactly these inputs and this code")
            moved = (*todo, *gone)
            return Step(self._key, "reuse", (found, *reasons), mark, stored, current, None, edges, marks, {}, moved)
        changes = None if self._own or forced else self._changes(self._changed(edges), {})
        return Step(self._key, "build", reasons, mark, None, current, changes, edges, marks, todo, (*todo, *gone))

    @property
    def _key(self) -> str:
        return self._declaration.key

    @property
    def _partitions(self) -> Partitions:
        found = partitions_of(self._declaration)
        assert found is not None  # noqa: S101  decided by whoever made this
        return found

    def _changed(self, edges: Mapping[str, Edge]) -> dict[str, Edge]:
        return {one: edge for one, edge in edges.items() if not self._is_unchanged(one, edge)}

    def _why(
        self, todo: Mapping[str, str], before: Mapping[str, str], gone: Sequence[str], edges: Mapping[str, Edge]
    ) -> tuple[Reason, ...]:
        own = [one for one in self._own if one.kind != "file_changed"]
        if self._current is None or own:
            return tuple(own)
        files = [one for one in self._own if one.kind == "file_changed"]
        changed = self._changed(edges)
        told = [Reason("input_changed", self._say(one)) for one in sorted(changed) if not self._is_parted(one)]
        told += self._new_inputs()
        if not self._upstream:
            told += _news(todo, before, gone)
        elif not told:
            told += self._from_inputs(todo, gone, changed)
        return (*told, *(files if len(files) <= _MOST_FILES else ()))

    def _from_inputs(self, todo: Collection[str], gone: Sequence[str], changed: Iterable[str]) -> list[Reason]:
        """Why partitions of a view are to be computed: each is in one of these at least."""
        told, rest = [], {*todo}
        for one in sorted(changed):
            moved = self._moved(one)
            hit = sorted(todo) if moved is None else [label for label in self._hit(moved, todo) if label in todo]
            theirs = one if moved is None else f"{one} {listed(moved)}"
            told += [Reason("partition_input_changed", f"{counted(hit)}: within reach of {theirs}")] if hit else []
            rest -= {*hit}
        left = sorted(rest & {*(self._current.outdated if self._current else ())})
        others = sorted(rest - {*left})
        told += [Reason("partition_left", f"{counted(left)}: left by a build of others")] if left else []
        told += [Reason("partition_changed", f"{counted(others)}: made in another way")] if others else []
        return told + ([Reason("partition_gone", say(gone, "gone"))] if gone else [])

    def _waiting(self, awaited: Mapping[str, Step], forced: bool) -> Step:
        """Its step while inputs may still come out different."""
        current = self._current
        edges = {one: self._edge(one) for one in self._upstream if one not in awaited}
        changed = self._changed(edges)
        own = [one for one in self._own if one.kind != "file_changed"]
        known = [Reason("input_changed", self._say(one)) for one in sorted(changed)] if current is not None else []
        reasons = [Reason("forced", "forced")] if forced else [*own, *known, *self._new_inputs()]
        moved = {one: step.touched if self._is_parted(one) else None for one, step in awaited.items()}
        moved |= {one: self._moved(one) for one in changed}
        labels = self._labels_then()
        whole = bool(own) or forced or None in moved.values()
        touched = None if whole else tuple(self._hit([label for one in moved.values() for label in one or ()], labels))
        if current is not None:
            fresh = [label for label in touched or () if label not in current.partitions]
            reasons += [Reason("partition_new", say(fresh, "new"))] if fresh else []
        waits = [Reason("upstream", f"{self._extent(touched)}{self._wait(step)}") for step in awaited.values()]
        state: State = "build" if reasons else "pending"
        changes = None if own or forced else self._changes(changed, awaited)
        return Step(
            self._key, state, tuple(reasons or waits), before=current, changes=changes, touched=touched, marks={}
        )

    def _extent(self, touched: Sequence[str] | None) -> str:
        return "" if touched is None else f"{counted(touched)}: "

    def _labels_then(self) -> list[str]:
        """The labels that there are once its inputs are made."""
        found = set() if self._current is None else {*self._current.partitions}
        for one, step in self._upstream.items():
            if self._is_parted(one):
                found |= {*step.marks, *(() if step.before is None else step.before.partitions), *(step.touched or ())}
        return sorted(found)

    def _is_parted(self, one: str) -> bool:
        return any(partitions_of(declared) for declared in self._declaration.inputs if declared.key == one)

    def _moved(self, one: str) -> tuple[str, ...] | None:
        """The partitions of an input that differ from those it was made from; None where all may."""
        before, now = self._before(one), self._inputs[one]
        if before is None or not before.partitions or not now.partitions or before.columns != now.columns:
            return None
        labels = sorted({*before.partitions, *now.partitions})
        digests = ([one.partitions.get(label, {}).get("digest") for label in labels] for one in (before, now))
        return tuple(label for label, old, new in zip(labels, *digests, strict=True) if old != new)

    def _hit(self, moved: Iterable[str], labels: Iterable[str]) -> list[str]:
        """Those of `labels` that can see any partition in `moved`."""
        changed = sorted(set(moved))
        back = self._declaration.back if isinstance(self._declaration, FeatureView) else None
        return [label for label in sorted(labels) if self._partitions.reach(label, changed, back)]


def _news(todo: Collection[str], before: Collection[str], gone: Sequence[str]) -> list[Reason]:
    new = [label for label in todo if label not in before]
    changed = [label for label in todo if label in before]
    told = ((new, "new"), (changed, "changed"), (gone, "gone"))
    return [Reason(f"partition_{word}", say(labels, word)) for labels, word in told if labels]


def say(labels: Sequence[str], word: str) -> str:
    """What happened to some partitions.

    >>> say(["2024-01-05"], "new"), say(["a", "b"], "changed")
    ('partition 2024-01-05 is new', '2 partitions from a to b changed')
    """
    verb = "" if word == "changed" else "is " if len(labels) == 1 else "are "
    return f"{counted(labels)} {verb}{word}"


def listed(labels: Sequence[str]) -> str:
    """Some labels by name, and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    shown = ", ".join(labels[:_MOST_LABELS])
    return f"{shown} and {len(labels) - _MOST_LABELS} more" if len(labels) > _MOST_LABELS else shown


def counted(labels: Sequence[str]) -> str:
    """How many partitions, and from where to where.

    >>> counted(["a"]), counted(["a", "b", "c"])
    ('partition a', '3 partitions from a to c')
    """
    if len(labels) < 2:
        return f"partition {labels[0]}" if labels else "no partition"
    return f"{len(labels)} partitions from {labels[0]} to {labels[-1]}"
