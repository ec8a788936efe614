"""Rollback: an environment's pointers set back to what was current before, all at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from headrace.builder.environments import Change, Mismatch, Versions, cascade_of, refreshed
from headrace.builder.project import Project
from headrace.builder.versions import stored_versions, versions_like
from headrace.errors import HeadraceError
from headrace.store.garbage import no_collection
from headrace.store.transactions import Log, Target, Transaction

ROLLED_BACK = "rolled back"
_LISTED = 5
_SHORTEST = 4


@dataclass(frozen=True)
class Rollback:
    """What a rollback moves.

    Attributes:
        undone: the builds and promotions that it takes back, the latest first.
        behind: what is out of date in the environment afterwards and was not before.
        notes: what else a person should know.
    """

    environment: str
    changes: tuple[Change, ...]
    undone: tuple[Transaction, ...] = ()
    behind: tuple[Mismatch, ...] = ()
    notes: tuple[str, ...] = ()


def rollback(project: Project, assets: Sequence[str] = (), to: str = "1", *, dry_run: bool = False) -> Rollback:
    """Set the pointers of the project's environment back, all at once or none.

    Args:
        assets: keys; by default whatever is undone had moved. A stage brings its whole cascade.
        to: how many builds and promotions to take back, or what to go back to: a time, a run, or, for one asset, a
            version.

    Raises HeadraceError when there is nothing to undo, or when a version to go back to is no longer stored; then
    nothing is moved.
    """
    refs = project.store.refs(project.environment)
    with no_collection(project.store):
        log = Log(refs)
        targets = _targets(project, log, assets, to)
        found = _describe(project, log, targets)
        if dry_run:
            return found
        refs.move(
            {asset: target.version for asset, target in targets.items()},
            run_id=uuid.uuid4().hex,
            state=ROLLED_BACK,
            undoes={asset: target.undoes for asset, target in targets.items()},
            expected={asset: log.current.get(asset) for asset in targets},
        )
    return replace(found, notes=tuple(refreshed(project, project.environment)))


def _targets(project: Project, log: Log, assets: Sequence[str], to: str) -> dict[str, Target]:
    chosen = _whole_cascades(assets, log.assets) if assets else log.assets
    if to.isdigit() and len(to) < _SHORTEST:
        return _back(log, chosen, int(to))
    moment = _moment(to)
    if moment is not None:
        orders = [move.order for move in log.moves if datetime.fromisoformat(move.at) <= moment]
        return _changing(log, to, log.at(max(orders, default=-1), chosen))
    if len(assets) == 1:
        like = versions_like(stored_versions(project.store, assets[0]), to)
        if len(like) > 1:
            raise HeadraceError(f"{assets[0]} has {len(like)} versions that begin with {to}. Write more of it.")
        if like:
            return _changing(log, to, _to_version(project, log, assets[0], like[0]))
    runs = {
        move.transaction: move.order for move in log.moves if len(to) >= _SHORTEST and move.transaction.startswith(to)
    }
    if len(runs) != 1:
        raise HeadraceError(_unknown(log, assets, to, len(runs)))
    return _changing(log, to, log.at(next(iter(runs.values())), chosen))


def _back(log: Log, assets: Sequence[str], count: int) -> dict[str, Target]:
    transactions = log.transactions(assets)
    if count < 1:
        raise HeadraceError("--to 0 would change nothing: 1 takes back the last build or promotion.")
    if len(transactions) < count:
        left = f"only {len(transactions)} left to undo" if transactions else "nothing to undo"
        raise HeadraceError(f"{left.capitalize()} in {log.environment}. Nothing was moved.")
    return log.before(transactions[:count])


def _changing(log: Log, to: str, targets: Mapping[str, Target]) -> dict[str, Target]:
    found = {asset: one for asset, one in targets.items() if log.current.get(asset) != one.version}
    if not found:
        raise HeadraceError(f"{log.environment} is as it was at {to} already. Nothing was moved.")
    return found


def _to_version(project: Project, log: Log, asset: str, version: str) -> dict[str, Target]:
    """One asset to one version; a cascade with the stages that version was made of."""
    cascade = cascade_of(asset)
    if cascade not in (None, asset):
        problem = f"{asset} is part of {cascade}, which is rolled back whole."
        raise HeadraceError(f"{problem} Run `headrace rollback {cascade} --to VERSION`. Nothing was moved.")
    targets = {asset: log.to_version(asset, version)}
    if cascade is not None:
        inputs = project.store.load(asset, version).inputs
        stages = {key: str(one["version"]) for key, one in inputs.items() if cascade_of(key) == cascade}
        gone = {key for key in log.current if cascade_of(key) == cascade} - {asset, *stages}
        targets |= {key: log.to_version(key, stages[key]) for key in stages} | {key: Target(None) for key in gone}
    return targets


def _whole_cascades(assets: Iterable[str], known: Sequence[str]) -> list[str]:
    chosen = dict.fromkeys(assets)
    for cascade in {cascade_of(asset) for asset in assets} - {None}:
        chosen |= dict.fromkeys(key for key in known if cascade_of(key) == cascade)
    return list(chosen)


def _moment(text: str) -> datetime | None:
    """A date or time in ISO 8601, local unless it says otherwise; None for anything else."""
    if "-" not in text and ":" not in text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        return None


def _unknown(log: Log, assets: Sequence[str], to: str, found: int) -> str:
    problem = f"{found} runs begin with {to}" if found else f"--to {to}: no time, no number, no run"
    version = ", no version of it" if len(assets) == 1 and not found else ""
    last = [f"  {one.name[:12]}  {one.at}  {', '.join(one.states)}" for one in log.transactions()[:_LISTED]]
    return "\n".join([f"{problem}{version}. The last runs in {log.environment}:", *last, "Nothing was moved."])


def _describe(project: Project, log: Log, targets: Mapping[str, Target]) -> Rollback:
    after: dict[str, str] = dict(log.current)
    changes = []
    for asset, target in sorted(targets.items()):
        after.pop(asset, None)
        if target.version is not None:
            after[asset] = _stored(project, asset, target.version)
        if target.version != log.current.get(asset):
            changes.append(Change(asset, log.current.get(asset), target.version))
    names = {name for target in targets.values() for name in target.undoes}
    versions = Versions(project)
    known = set(versions.out_of_date(log.current, log.current))
    return Rollback(
        environment=log.environment,
        changes=tuple(changes),
        undone=tuple(one for one in log.transactions(targets) if one.name in names),
        behind=tuple(one for one in versions.out_of_date(sorted(after), after) if one not in known),
    )


def _stored(project: Project, asset: str, version: str) -> str:
    """The version, found to be whole: one that a garbage collection removed cannot become current."""
    if not project.store.folder(asset, version).is_dir():
        fix = "Give --to something later, or build it again from its code and data of then."
        raise HeadraceError(
            f"{asset} {version} is no longer stored: `headrace gc` removed it. {fix} Nothing was moved."
        )
    project.store.verify(project.store.load(asset, version))
    return version
