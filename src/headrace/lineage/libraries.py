"""The versions of installed libraries."""

from __future__ import annotations

from functools import cache


@cache
def library_version(name: str) -> str:
    """The installed version of a library; looking it up takes milliseconds, so it is done once."""
    from importlib.metadata import version

    return version(name)
