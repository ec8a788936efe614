"""Request: a value that comes with the question instead of from a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.declarations.base import check_name
from headrace.declarations.value_type import sql_type


@dataclass(frozen=True)
class Request:
    """A named value that an asker hands in; in a training set it is the spine's column of that name.

    Args:
        name: of the value, and of the column of the frame that the on-demand function gets.
        type: a Python type such as float, int, str, bool, datetime, date, list[float], or a SQL type as text.

    A null in the spine, or None from the asker, is a null in the frame.

    >>> Request("basket_value", float)
    Request(name='basket_value', type='DOUBLE')
    >>> Request("Basket", float)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Request('Basket'): cannot be used as a name. ...
    """

    name: str
    type: Any

    def __post_init__(self) -> None:
        check_name(self.where, self.name)
        object.__setattr__(self, "type", sql_type(self.where, self.type))

    @property
    def where(self) -> str:
        """How messages name this request."""
        return f"Request({self.name!r})"

    def data(self) -> list[str]:
        """What decides data, as JSON values."""
        return [self.name, self.type]
