"""Promotion: an environment's pointers set to another's versions, all at once, and never to half of what they need."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.builder.contracts import promote_contracts, refuse_broken_promotion
from headrace.builder.online import refresh_online
from headrace.builder.project import Project, project_from
from headrace.builder.services import publish_services
from headrace.builder.sharing import promote_published
from headrace.builder.views import refresh_views
from headrace.errors import CorruptObject, HeadraceError, NotBuilt, ProjectError, StoreError, name_list
from headrace.lineage.selection import select
from headrace.store.garbage import no_collection
from headrace.store.manifest import Manifest
from headrace.store.refs import environments
from headrace.store.store import Store

PROMOTED = "promoted"


@dataclass(frozen=True)
class Change:
    """An asset whose pointer moves, and why when nobody asked for it by name."""

    asset: str
    before: str | None
    after: str | None
    because: str = ""


@dataclass(frozen=True)
class Mismatch:
    """An asset that was made from other content of an input than the environment has."""

    asset: str
    input: str
    made_from: str
    has: str | None


@dataclass(frozen=True)
class Promotion:
    """What a promotion moves.

    Attributes:
        unchanged: assets with the same version in both environments.
        unbuilt: declared assets without a version in `source`; undeclared: those that no declaration is left of.
        behind: what stays in `target` as it is and is then out of date there.
        notes: what else a person should know.
    """

    source: str
    target: str
    changes: tuple[Change, ...]
    unchanged: tuple[str, ...] = ()
    unbuilt: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    behind: tuple[Mismatch, ...] = ()
    notes: tuple[str, ...] = ()


class Versions:
    """Manifests of a project's store, each read once, and whether they fit together."""

    def __init__(self, project: Project) -> None:
        self._store = project.store
        self._edges = project.edges
        self._loaded: dict[tuple[str, str], Manifest] = {}

    def load(self, asset: str, version: str) -> Manifest:
        """The manifest of a version that is whole; raises CorruptObject."""
        if (asset, version) not in self._loaded:
            self._loaded[asset, version] = self._store.load(asset, version)
        return self._loaded[asset, version]

    def mismatches(self, asset: str, version: str, present: Mapping[str, str]) -> list[Mismatch]:
        """The inputs of a version whose content, as far as it was read, is another in the environment `present`."""
        reader = self.load(asset, version)
        return [
            Mismatch(asset, key, str(recorded["version"]), present.get(key))
            for key, recorded in sorted(reader.inputs.items())
            if not self._holds(reader, key, present.get(key))
        ]

    def out_of_date(self, assets: Iterable[str], present: Mapping[str, str]) -> list[Mismatch]:
        """The mismatches of those of `assets` whose versions in `present` can be read."""
        found: list[Mismatch] = []
        for asset in assets:
            try:
                found += self.mismatches(asset, present[asset], present)
            except CorruptObject:
                continue  # whatever is wrong with it was so before
        return found

    def are_equal(self, asset: str, one: str, other: str) -> bool:
        """Whether two versions of an asset have the same content."""
        digests = {self._edges.digest(self.load(asset, version), None) for version in (one, other)}
        return len(digests) == 1

    def _holds(self, reader: Manifest, key: str, version: str | None) -> bool:
        recorded = reader.inputs[key]
        if version is None or recorded["version"] == version:
            return version is not None
        listed = recorded.get("reads")
        reads = None if listed is None else tuple(listed)
        try:
            now = self._edges.digest(self.load(key, version), reads)
        except KeyError:
            return False  # a column that was read is gone
        if reader.hash_probe == self._edges.probe:
            return now == str(recorded["digest"])
        try:
            return now == self._edges.digest(self.load(key, str(recorded["version"])), reads)
        except CorruptObject:
            return False  # nothing to compare with is left


def environment_named(project: Project, name: str) -> Project:
    """The project as `name` sees it; raises ProjectError for an environment without versions."""
    known = environments(project.store_folder / "refs")
    if name not in known:
        raise ProjectError(f"No environment {name!r} in this project's store. Environments: {name_list(known)}.")
    return replace(project, environment=name)


def promote(
    project: Project, source: str, target: str, selection: Sequence[str] = (), *, dry_run: bool = False
) -> Promotion:
    """Set the pointers of `target` to the versions of `source`, all at once or none.

    What the chosen assets were made from comes along where `target` has other content of it, and a cascade with all
    its stages. Raises HeadraceError when `source` itself has moved on from what a version was made from, NotBuilt for
    a chosen asset without a version, CorruptObject for a damaged one, ContractBroken for a view that lacks what its
    version promises in `target`; then nothing is moved.
    """
    if source == target:
        raise ProjectError(f"{source} cannot be promoted to itself. Name two environments.")
    there = project_from((), project.root, target).store.refs(target)  # refuses what is no name
    with no_collection(project.store):
        offered = environment_named(project, source).store.refs(source).current()
        before = there.current()
        found = _plan(_Walk(project, source, offered, before), target, selection)
        for change in found.changes:
            if change.after is not None:
                project.store.verify(project.store.load(change.asset, change.after))
        after = {change.asset: change.after for change in found.changes if change.after is not None}
        refuse_broken_promotion(project, source, target, after)
        if dry_run or not found.changes:
            return found
        moves = {change.asset: change.after for change in found.changes}
        there.move(moves, run_id=uuid.uuid4().hex, state=PROMOTED, expected=_relied_on(project.store, found, before))
        promote_contracts(project, source, target, after)
        promote_published(project, source, target, after)
    return replace(found, notes=tuple(refreshed(project, target)))


def refreshed(project: Project, environment: str) -> list[str]:
    """Refresh an environment's file of views, online store and services; returns what kept them from that."""
    there = replace(project, environment=environment)
    notes = [f"{name}: {error}" for name, error in publish_services(there).items()]
    notes += [str(error) for error in refresh_online(there).failed.values()]
    try:
        refresh_views(there)
    except StoreError as error:
        return [*notes, str(error)]
    return notes


def _relied_on(store: Store, found: Promotion, before: Mapping[str, str]) -> dict[str, str | None]:
    """What must still be so when the pointers move: where they stand, and the inputs that were found to fit."""
    moved = [change for change in found.changes if change.after is not None]
    inputs = {key for change in moved for key in store.load(change.asset, str(change.after)).inputs}
    return {asset: before.get(asset) for asset in {*inputs, *(change.asset for change in found.changes)}}


class _Walk:
    """Collects what has to move together."""

    def __init__(self, project: Project, source: str, offered: Mapping[str, str], before: Mapping[str, str]) -> None:
        self.project = project
        self.source = source
        self.offered = offered
        self.before = before
        self.versions = Versions(project)
        self.because: dict[str, str] = {}
        self.removed: dict[str, str] = {}

    @property
    def after(self) -> dict[str, str]:
        """What the other environment has when everything so far has moved."""
        kept = {asset: version for asset, version in self.before.items() if asset not in self.removed}
        return {**kept, **{asset: self.offered[asset] for asset in self.because}}

    def take(self, chosen: Iterable[str]) -> None:
        """Take these assets and everything that they need, upstream included."""
        missing = dict.fromkeys(chosen, "")
        while missing:
            self.because |= missing
            # All of them again: what comes along may be other than what one taken before was made from.
            found = self._cascades(self.because) | self._inputs(self.because)
            missing = {asset: why for asset, why in found.items() if asset not in self.because}
            missing = missing or self._equal()

    def _inputs(self, assets: Iterable[str]) -> dict[str, str]:
        after, found = self.after, {}
        for asset in assets:
            for one in self.versions.mismatches(asset, self.offered[asset], after):
                self._require(asset, one)
                found[one.input] = f"{asset} is made from it"
        return found

    def _require(self, asset: str, one: Mismatch) -> None:
        """Refuse a version that was made from something which `source` itself no longer has."""
        if any(
            found.input == one.input for found in self.versions.mismatches(asset, self.offered[asset], self.offered)
        ):
            has = f"now has {self.offered[one.input]}" if one.input in self.offered else "no longer has it"
            problem = (
                f"{asset} is out of date in {self.source}: made from {one.input} {one.made_from}, {self.source} {has}."
            )
            fix = f"Run `headrace build {asset} --env {self.source}` first, or choose other assets."
            raise HeadraceError(f"{problem} {fix} Nothing was promoted.")

    def _equal(self) -> dict[str, str]:
        """What would be out of date if it stayed, and has the same content in `source`, made from what moves."""
        after = self.after
        staying = [asset for asset in after if asset not in self.because and asset in self.offered]
        known = set(self.versions.out_of_date(staying, self.before))
        behind = {one.asset: one.input for one in self.versions.out_of_date(staying, after) if one not in known}
        return {
            asset: f"{moved} moves; its content is the same"
            for asset, moved in behind.items()
            if self.versions.are_equal(asset, self.before[asset], self.offered[asset])
            and not self.versions.mismatches(asset, self.offered[asset], after)
        }

    def _cascades(self, assets: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for cascade in dict.fromkeys(filter(None, map(cascade_of, assets))):
            if cascade not in self.offered:
                problem = f"{cascade} has no version in {self.source}, only some of its stages have."
                raise HeadraceError(f"{problem} A cascade is promoted whole: build it first. Nothing was promoted.")
            inputs = self.versions.load(cascade, self.offered[cascade]).inputs
            members = [key for key in inputs if cascade_of(key) == cascade]
            found |= dict.fromkeys([cascade, *members], f"part of {cascade}")
            gone = {key for key in self.before if cascade_of(key) == cascade} - {cascade, *members}
            self.removed |= dict.fromkeys(gone, f"no longer a stage of {cascade}")
        return found


def cascade_of(asset: str) -> str | None:
    """The cascade that an asset is, or is a stage of.

    >>> cascade_of("cascades/recommend/age_band"), cascade_of("features/activity")
    ('cascades/recommend', None)
    """
    kind, _, rest = asset.partition("/")
    return f"{kind}/{rest.partition('/')[0]}" if kind == "cascades" else None


def _plan(walk: _Walk, target: str, selection: Sequence[str]) -> Promotion:
    declared = walk.project.graph.keys
    chosen = _chosen(walk, selection, declared)
    walk.take(chosen)
    after = walk.after
    moved = [key for key in _in_order(walk.because, declared) if walk.before.get(key) != after[key]]
    changes = [Change(key, walk.before.get(key), after[key], walk.because[key]) for key in moved]
    changes += [Change(key, walk.before[key], None, why) for key, why in sorted(walk.removed.items())]
    staying = [key for key in after if key not in walk.because]
    known = set(walk.versions.out_of_date(staying, walk.before))
    behind = [one for one in walk.versions.out_of_date(staying, after) if one not in known]
    return Promotion(
        source=walk.source,
        target=target,
        changes=tuple(changes),
        unchanged=tuple(key for key in _in_order(walk.because, declared) if key not in moved),
        unbuilt=() if selection else tuple(key for key in declared if key not in walk.offered),
        undeclared=tuple(key for key in sorted(walk.offered) if key not in declared and key not in walk.because),
        behind=tuple(behind),
    )


def _chosen(walk: _Walk, selection: Sequence[str], declared: Collection[str]) -> list[str]:
    chosen = select(walk.project.graph, selection)
    for key in chosen:
        if selection and key not in walk.offered:
            raise NotBuilt(key, walk.source)
    return [key for key in chosen if key in walk.offered]


def _in_order(assets: Collection[str], order: Sequence[str]) -> list[str]:
    return [key for key in order if key in assets] + sorted(set(assets) - set(order))
