"""What several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from headrace.builder.project import Project, project_from
from headrace.declarations.base import Declaration

REPOSITORY = Path(__file__).resolve().parents[1]

MakeProject = Callable[[Iterable[Declaration], Path], Project]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data with its provenance, kept beside the repository and not in it."""
    folder = Path(os.environ.get("HEADRACE_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"no real data at {folder}: set HEADRACE_SHARED_DATA to the folder that holds emoji/ and nycflights13/"
        )
    return folder


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    """A project of given declarations in a folder of its own, over raw data in another."""

    def make(declarations: Iterable[Declaration], data: Path) -> Project:
        root = tmp_path_factory.mktemp("project")
        (root / "pyproject.toml").write_text(f'[tool.headrace]\ndata = "{data}"\n', encoding="utf-8")
        return project_from(declarations, root)

    return make
