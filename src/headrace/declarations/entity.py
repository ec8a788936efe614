"""Entity: what features are about, and the key columns that identify one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.declarations.base import Declaration, names
from headrace.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class Entity(Declaration):
    """A thing that features describe, such as a customer.

    >>> Entity("customer", keys=["customer_id"]).keys
    ('customer_id',)
    >>> Entity("customer", keys=[])
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Entity('customer'): has no keys. Name the columns that identify one.
    """

    keys: Sequence[str]

    noun = "Entity"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(keys=names(self.where, "keys", self.keys))
        if not self.keys:
            raise DeclarationError(self.where, "has no keys.", fix="Name the columns that identify one.")

    def data(self) -> dict[str, Any]:
        return {"keys": list(self.keys)}
