"""Versions made up in a store, without computing anything, and a project that declares their assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.lineage.graph import Graph
from headrace.store.manifest import Manifest
from headrace.store.store import Store
from tests.store.test_manifest import make_manifest


@dataclass(frozen=True)
class Fake(Declaration):
    """An asset of any key."""

    upstream: tuple[Fake, ...] = ()

    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        """Any name will do."""

    @property
    def key(self) -> str:
        return self.name

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return self.upstream


def project_of(root: Path, graph: Mapping[str, Iterable[str]], environment: str = "dev") -> Project:
    """A project of `{asset: its inputs}`, upstream first."""
    made: dict[str, Fake] = {}
    for key, inputs in graph.items():
        made[key] = Fake(key, tuple(made[one] for one in inputs))
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    return Project(root, Graph(made.values()), root / ".headrace", root / "data", environment)


def publish(
    store: Store,
    asset: str,
    mark: str,
    inputs: Mapping[str, Manifest] | None = None,
    *,
    digest: str = "",
    created_at: str = "2026-01-01T00:00:00+00:00",
    text: str = "rows",
) -> Manifest:
    """A version with a fingerprint that begins with `mark`, made from others."""
    made_from = {key: {"version": one.version, "digest": one.digest} for key, one in (inputs or {}).items()}
    with store.draft() as folder:
        draft = folder / "object"
        draft.mkdir()
        (draft / "data.txt").write_text(text)
        manifest = make_manifest(
            asset=asset,
            fingerprint=mark.ljust(32, "0"),
            digest=digest or f"digest of {mark}",
            inputs=made_from,
            created_at=created_at,
        )
        return store.publish(draft, manifest)


def point(store: Store, environment: str, *versions: Manifest, run: str = "", state: str = "built") -> None:
    """Make versions current in an environment."""
    store.refs(environment).move({one.asset: one.version for one in versions}, run_id=run, state=state)
