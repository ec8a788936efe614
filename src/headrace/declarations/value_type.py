"""Types of single values, written as Python types or as SQL."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, get_args, get_origin

from headrace.errors import DeclarationError

_SQL = {
    bool: "BOOLEAN",
    int: "BIGINT",
    float: "DOUBLE",
    str: "VARCHAR",
    bytes: "BLOB",
    datetime: "TIMESTAMP WITH TIME ZONE",
    date: "DATE",
}
_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\d*\])*")


def sql_type(where: str, given: Any) -> str:
    """The SQL type that `given` means: a Python type, a list of one, or the name of a SQL type.

    A `datetime` is a moment, kept with its time zone and handed out in UTC.

    >>> sql_type("Request('price')", float), sql_type("Request('tags')", list[str])
    ('DOUBLE', 'VARCHAR[]')
    >>> sql_type("Request('price')", "decimal(10, 2)")
    'DECIMAL(10, 2)'
    >>> sql_type("Request('price')", complex)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Request('price'): its type is <class 'complex'>. ...
    """
    if isinstance(given, type) and given in _SQL:
        return _SQL[given]
    if get_origin(given) is list and len(get_args(given)) == 1:
        return f"{sql_type(where, get_args(given)[0])}[]"
    if isinstance(given, str) and _TEXT.fullmatch(given.strip()):
        return given.strip().upper()
    known = ", ".join(kind.__name__ for kind in _SQL)
    raise DeclarationError(where, f"its type is {given!r}.", fix=f"Give {known}, list[...] or a SQL type as text.")
