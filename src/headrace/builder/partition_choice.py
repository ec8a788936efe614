"""Some partitions, as people name them: one label, or the first and the last of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headrace.builder.project import Project
from headrace.declarations.partitions import partitions_of
from headrace.errors import HeadraceError


@dataclass(frozen=True)
class PartitionChoice:
    """The labels from `first` to `last`, both included, in the order of their text.

    >>> "2024-01-05" in choose_partitions("2024-01-01..2024-01-31"), "b" in choose_partitions("a")
    (True, False)
    """

    first: str
    last: str

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and self.first <= label <= self.last

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}..{self.last}"


def choose_partitions(text: str) -> PartitionChoice:
    """What `LABEL` or `FIRST..LAST` means."""
    first, dots, last = text.partition("..")
    return PartitionChoice(first, last if dots else first)


def refuse_unpartitioned(project: Project, assets: Iterable[str], choice: PartitionChoice) -> None:
    """Raise HeadraceError where none of the assets has partitions, or one cannot have such labels."""
    found = {key: partitions_of(project.graph.nodes[key]) for key in assets}
    if not any(found.values()):
        fix = "Leave --partition out, or name an asset declared with partitions=."
        raise HeadraceError(f"None of the selected assets has partitions. {fix}")
    for key, partitions in found.items():
        for label in (choice.first, choice.last):
            problem = None if partitions is None else partitions.why_not(label)
            if problem:
                raise HeadraceError(f"{key} has no partition {label!r}: {problem}")
