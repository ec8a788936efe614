"""What the tests of incremental builds share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

collect_ignore = ["forty_assets"]  # a project of its own, imported as its users would


@pytest.fixture(scope="module", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    """These tests build thousands of versions; that they survive a power cut is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
