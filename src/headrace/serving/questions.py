"""Questions: the rows that ask, and what they hand in, in whatever form they come, as checked tuples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace.errors import RequestError, closest, name_list
from headrace.serving.values import reader_of
from headrace.store.services import Columns

_LONGEST = 60
_SINGLE = frozenset({int, str, float, bool, type(None)})


class Fields:
    """Named values of one kind that a question has: its keys, or its requests.

    Args:
        title: what the question calls them, `keys` or `request`.
        word: what one is called in reasons for programs, as in `unknown_key`.
    """

    def __init__(self, title: str, word: str, columns: Columns) -> None:
        self._title = title
        self._word = word
        self._kinds = dict(columns)
        self._readers = [(name, reader_of(kind)) for name, kind in columns]
        self._names = set(self._kinds)

    def rows(self, given: Any) -> list[tuple[Any, ...]]:
        """One tuple for each row of `given`, its values in the order of the columns.

        Args:
            given: a mapping of values (one row), of lists (columns), a sequence of mappings, or a frame.
        """
        if isinstance(given, Mapping):
            columns = [
                name for name, value in given.items() if type(value) not in _SINGLE and self._is_column(name, value)
            ]
            return self._columns(given, columns) if columns else [self._row(given, None)]
        return [self._row(one, position) for position, one in enumerate(_sequence(self._title, given))]

    def broadcast(self, given: Any, count: int) -> list[tuple[Any, ...]]:
        """The same for `count` rows; a single mapping of values stands for all of them."""
        if not self._kinds and not given:
            return [()] * count
        if given is None:
            given = {}
        one = isinstance(given, Mapping) and not any(self._is_column(name, value) for name, value in given.items())
        found = self.rows(given) * count if one else self.rows(given)
        if len(found) != count:
            problem = f"has {len(found)} rows for {count} rows of keys. Give one for each, or one for all."
            raise RequestError("wrong_length", problem, self._title)
        return found

    def _is_column(self, name: str, value: Any) -> bool:
        listed = isinstance(value, list | tuple) or bool(getattr(value, "shape", ()))  # a series, an array
        return listed and not self._kinds.get(name, "").endswith("]")

    def _columns(self, given: Mapping[str, Any], columns: Sequence[str]) -> list[tuple[Any, ...]]:
        lists = {name: _listed(given[name]) for name in columns}
        lengths = {len(one) for one in lists.values()}
        single = [name for name in given if name not in lists]
        if len(lengths) > 1 or single:
            odd = f"{single[0]!r} is a single value" if single else f"lengths {sorted(lengths)}"
            raise RequestError("wrong_length", f"its columns are not of one length: {odd}.", self._title)
        names = list(lists)
        rows = (dict(zip(names, values, strict=True)) for values in zip(*lists.values(), strict=True))
        return [self._row(row, position) for position, row in enumerate(rows)]

    def _row(self, row: Any, position: int | None) -> tuple[Any, ...]:
        try:
            if len(row) == len(self._readers):
                return tuple([None if (one := row[name]) is None else read(one) for name, read in self._readers])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            pass  # told below, with its place
        return self._explained(row, position)

    def _explained(self, row: Any, position: int | None) -> tuple[Any, ...]:
        """The same, or the first thing that is wrong with it."""
        place = self._title if position is None else f"{self._title}[{position}]"
        if not isinstance(row, Mapping):
            problem = f"should be an object of names and values, got {_show(row)}."
            raise RequestError("wrong_type", problem, place)
        for name in row:
            if name not in self._names:
                near = closest(str(name)[:_LONGEST], self._kinds)
                hint = f" Did you mean {near!r}?" if near else ""
                problem = f"unknown name {_show(name)}.{hint} Known: {name_list(self._kinds)}."
                raise RequestError(f"unknown_{self._word}", problem, place)
        found = []
        for name, read in self._readers:
            if name not in row:
                problem = f"{name!r} ({self._kinds[name]}) is missing; null is for what is not known."
                raise RequestError(f"missing_{self._word}", problem, place)
            found.append(self._value(row[name], name, read, place))
        return tuple(found)

    def _value(self, value: Any, name: str, read: Any, place: str) -> Any:
        try:
            return None if value is None else read(value)
        except (TypeError, ValueError, AttributeError) as error:
            why = f" It {error}." if isinstance(error, ValueError) and str(error) else ""
            problem = f"is {self._kinds[name]}, got {_show(value)} ({type(value).__name__}).{why}"
            raise RequestError("wrong_type", problem, f"{place}.{name}") from None


def _sequence(title: str, given: Any) -> Iterable[Any]:
    if hasattr(given, "to_dicts"):
        return list(given.to_dicts())  # a polars frame
    if hasattr(given, "to_pylist"):
        return list(given.to_pylist())  # an Arrow table
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return given
    problem = f"should be an object, a list of objects, or a frame, got {_show(given)}."
    raise RequestError("wrong_type", problem, title)


def _listed(value: Any) -> list[Any]:
    for name in ("to_list", "tolist"):
        if hasattr(value, name):
            return list(getattr(value, name)())
    return list(value)


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
