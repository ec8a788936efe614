"""Assets as people name them on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.errors import DeclarationError, UnknownAsset


def one_asset(given: str, known: Iterable[str]) -> str:
    """The key that `given` means: a whole key, or what follows the first slash if only one key ends so.

    >>> one_asset("activity", ["features/activity", "sources/orders"])
    'features/activity'
    """
    keys = list(known)
    if given in keys:
        return given
    found = [key for key in keys if key.partition("/")[2] == given]
    if not found:
        raise UnknownAsset(given, keys)
    if len(found) > 1:
        raise DeclarationError(given, f"could be {' or '.join(sorted(found))}.", fix="Write the whole key.")
    return found[0]
