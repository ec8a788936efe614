"""source: rows that a function of the project gives, such as those of an API or of a format DuckDB does not read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.declarations.refresh import Refresh
from headrace.declarations.source import Source
from headrace.errors import DeclarationError


def source(
    *,
    keys: Sequence[str] = (),
    timestamp: str | None = None,
    created: str | None = None,
    schema: Any = None,
    changed: Callable[[], Any] | None = None,
    every: str | None = None,
    allow_empty: bool = False,
    sensitive: Sequence[str] = (),
    name: str | None = None,
    owners: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    refresh: Refresh | str | None = None,
) -> Callable[[Callable[[], Any]], Source]:
    """Declare a Source whose rows a function without parameters gives: a polars frame, or anything that Arrow can read.

    It runs when it was never built, when its code changed, and when one of the two following says so; nothing else can
    tell that the world outside has changed. Its docstring becomes the description.

    Args:
        changed: a cheap function whose answer, a JSON value, is another one when the rows are: a count, a greatest id,
            an entity tag. It is asked by every plan.
        every: how long rows that were read stay good, such as "1h", counted in whole such times since 1970.
        name: by default the function's.

    The others are those of Source.

    >>> @source(keys=["day"], every="1d")
    ... def rates():
    ...     "Today's exchange rates."
    >>> rates.name, rates.description
    ('rates', "Today's exchange rates.")
    """

    def declare(function: Callable[[], Any]) -> Source:
        if not callable(function) or inspect.signature(function).parameters:
            fix = "What it needs of other assets belongs in an hr.feature_view."
            raise DeclarationError("hr.source", f"{function!r} is no function without parameters.", fix=fix)
        return Source(
            name or function.__name__,
            function=function,
            changed=changed,
            every=every,
            keys=keys,
            timestamp=timestamp,
            created=created,
            schema=schema,
            allow_empty=allow_empty,
            sensitive=sensitive,
            description=inspect.getdoc(function) or "",
            owners=owners,
            tags=tags or {},
            refresh=refresh,
        )

    return declare
