"""Every failure Headrace reports: one base class, one class a failure, each with its culprits as fields.

A message names the culprit, says what was got and what was expected, what to do, and what was *not* done.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


class HeadraceError(Exception):
    """The base of every error raised on purpose by Headrace."""


def closest(given: str, known: Iterable[str]) -> str | None:
    """The known name that `given` most likely meant, or None."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(given.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def name_list(names: Iterable[str], limit: int = 20) -> str:
    """Names sorted and joined, cut after `limit`."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:limit])
    return f"{shown}, ... ({len(ordered)} in all)" if len(ordered) > limit else shown or "none"


class DeclarationError(HeadraceError):
    """A declaration that cannot mean anything: raised where it is written."""

    def __init__(self, where: str, problem: str, *, fix: str = "") -> None:
        self.where = where
        self.problem = problem
        self.fix = fix
        super().__init__(f"{where}: {problem}" + (f" {fix}" if fix else ""))


class UnknownName(DeclarationError):
    """A name that is not among those that exist, with the nearest one."""

    def __init__(self, where: str, kind: str, given: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.given = given
        self.known = sorted(known)
        self.suggestion = closest(given, self.known)
        hint = f" Did you mean {self.suggestion!r}?" if self.suggestion else ""
        super().__init__(where, f"unknown {kind} {given!r}.{hint} Known: {name_list(self.known)}.")


class ProjectError(HeadraceError):
    """A folder that is not a Headrace project, or whose settings cannot be used."""


class UnknownAsset(HeadraceError):
    """An asset key or selection that matches nothing in the project."""

    def __init__(self, given: str, known: Iterable[str]) -> None:
        self.given = given
        self.known = sorted(known)
        self.suggestion = closest(given, self.known)
        hint = f" Did you mean {self.suggestion!r}?" if self.suggestion else ""
        super().__init__(f"No asset {given!r} in this project.{hint} Assets: {name_list(self.known, 40)}.")


class SelectionError(HeadraceError):
    """A selection of assets that cannot be read, or that means no asset; says at which character."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        self.text = text
        self.position = position
        self.problem = problem
        super().__init__(f"{problem}\n    {text}\n    {' ' * position}^")


class NotBuilt(HeadraceError):
    """An asset that has no version in this environment yet."""

    def __init__(self, asset: str, environment: str) -> None:
        self.asset = asset
        self.environment = environment
        super().__init__(f"{asset} has no version in environment {environment!r}. Run `headrace build {asset}` first.")


class SourceError(HeadraceError):
    """Raw data that is absent or cannot be read."""

    def __init__(self, source: str, path: str | Path, problem: str, fix: str) -> None:
        self.source = source
        self.path = str(path)
        super().__init__(f"sources/{source}: {path}: {problem} {fix}")


class ValidationError(HeadraceError):
    """Rows that break the schema of an edge.

    `failures` holds one dict a broken rule: `column`, `check`, `count` (rows), `examples` (first values).
    """

    def __init__(self, asset: str, failures: Sequence[dict[str, object]], fix: str = "") -> None:
        self.asset = asset
        self.failures = list(failures)
        self.fix = fix
        lines = [f"{asset}: {len(self.failures)} rule(s) of its schema broken:"]
        for failure in self.failures[:10]:
            examples = failure.get("examples")
            shown = f", first: {examples}" if examples else ""
            lines.append(f"  - {failure['column']}: {failure['check']} ({failure['count']} row(s){shown})")
        if len(self.failures) > 10:
            lines.append(f"  - and {len(self.failures) - 10} more")
        lines.append(fix or "Mend the data or the declared schema, then build again.")
        super().__init__("\n".join(lines))


class EncodingError(HeadraceError):
    """A value that an encoder cannot encode. `rows` are positions (0-based) in the rows given to it."""

    def __init__(self, encoder: str, column: str, problem: str, rows: Sequence[int] = ()) -> None:
        self.encoder = encoder
        self.column = column
        self.problem = problem
        self.rows = list(rows)
        where = (
            f" (rows {', '.join(map(str, self.rows[:5]))}{', ...' if len(self.rows) > 5 else ''})" if self.rows else ""
        )
        super().__init__(f"{encoder} of column {column!r}: {problem}{where}")


class OnDemandError(HeadraceError):
    """An on-demand function that fails, or does not return what it should."""

    def __init__(self, where: str, problem: str) -> None:
        self.where = where
        self.problem = problem
        super().__init__(f"{where}: {problem}")


class RequestError(HeadraceError):
    """A question to the feature store that cannot be answered as it is put.

    `reason` is a word for programs, such as `unknown_key`; `field` the part of the question, as in `keys[3].customer`.
    """

    def __init__(self, reason: str, problem: str, field: str | None = None) -> None:
        self.reason = reason
        self.problem = problem
        self.field = field
        super().__init__(f"{field}: {problem}" if field else problem)


class TrainingError(HeadraceError):
    """A model that cannot be trained on what it was given."""


class StoreError(HeadraceError):
    """The store cannot be read or written."""


class CorruptObject(StoreError):
    """A stored version whose files do not match its manifest."""


class OnlineError(HeadraceError):
    """The online store cannot answer, or cannot take what it was given."""

    def __init__(self, view: str, problem: str, fix: str = "") -> None:
        self.view = view
        self.problem = problem
        self.fix = fix
        super().__init__(f"online/{view}: {problem}" + (f" {fix}" if fix else ""))


class GovernanceError(HeadraceError):
    """Declarations that break what [tool.headrace.governance] asks for, or columns that may not leave the store.

    `violations` holds one text a broken rule.
    """

    def __init__(self, violations: Sequence[str], fix: str) -> None:
        self.violations = list(violations)
        shown = [f"  - {one}" for one in self.violations[:20]]
        more = [f"  - and {len(self.violations) - 20} more"] if len(self.violations) > 20 else []
        title = f"{len(self.violations)} rule(s) of this project's governance broken:"
        super().__init__("\n".join([title, *shown, *more, fix]))


class ContractBroken(HeadraceError):
    """Views that would no longer have the columns which their version promises. `changes` are texts by asset key."""

    def __init__(self, changes: Mapping[str, Sequence[str]], versions: Mapping[str, int]) -> None:
        self.changes = {asset: list(found) for asset, found in changes.items()}
        lines = []
        for asset, found in self.changes.items():
            lines.append(f"{asset} breaks its contract, version {versions[asset]}:")
            lines += [f"  - {one}" for one in found]
        needed = ", ".join(f"version={version + 1} on {asset}" for asset, version in versions.items())
        lines.append(f"Keep the columns as they were, or say {needed}. Nothing was published.")
        super().__init__("\n".join(lines))
