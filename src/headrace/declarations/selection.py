"""ColumnSelection: some columns of a table, for a function over frames that needs no others."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.declarations.base import Declaration, names, require_known


@dataclass(frozen=True)
class ColumnSelection:
    """Columns of a table, as in `orders["order_id", "amount"]`.

    As the default of a parameter it says what the function gets and reads: a change in any other column of the table
    leaves what the function made as it is.
    """

    table: Declaration
    chosen: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", names(self.table.where, "columns", self.chosen))
        require_known(self.table.where, "column", self.chosen, self.table.columns())
