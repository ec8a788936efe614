"""Assets as people name them on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.errors import DeclarationError, UnknownAsset
from headrace.lineage.selection import keys_named


def one_asset(given: str, known: Iterable[str]) -> str:
    """The one key that `given` means, whole or by name.

    >>> one_asset("activity", ["features/activity", "sources/orders"])
    'features/activity'
    """
    keys = list(known)
    found = keys_named(given, keys)
    if not found:
        raise UnknownAsset(given, keys)
    if len(found) > 1:
        raise DeclarationError(given, f"could be {' or '.join(sorted(found))}.", fix="Write the whole key.")
    return found[0]
