"""Partitions: how the rows of a source or feature view are told apart, by hour, day, month or key."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from headrace.declarations.duration import parse_duration
from headrace.declarations.refresh import check_timezone
from headrace.errors import DeclarationError

PLACE = re.compile(r"\{partition(?::([^}]*))?\}")
_LONGEST_LABEL = 80
_SHOWN = ("start", "timezone", "values")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Since 1973 every zone has been a whole number of quarter hours from UTC; labels are found by quarter hours.
_QUARTERS_SINCE = 1973
_WAY_OUT = 'Give hr.Hourly, hr.Daily, hr.Monthly or hr.ByKey, as in hr.Daily("ordered_at", start="2024-01-01").'


@dataclass(frozen=True)
class Partitions(ABC):
    """What all ways of telling rows apart have in common: a column, and a label for each part."""

    column: str | None = None
    unit: ClassVar[str] = ""

    @abstractmethod
    def why_not(self, label: str) -> str | None:
        """Why a text is no label of these partitions; None if it is one."""

    def reach(self, label: str, labels: Sequence[str], back: timedelta | None) -> Sequence[str]:
        """Those of `labels`, in order, that `label` may read: itself, and those before it within `back`."""
        return [label] if label in labels else []

    def data(self) -> dict[str, Any]:
        """What decides which rows a partition holds, as JSON values."""
        return {"by": self.unit, "column": self.column}

    def kin(self) -> tuple[object, ...]:
        """What two declarations must have in common for their partitions to be the same ones."""
        return (type(self),)


@dataclass(frozen=True)
class TimePartitions(Partitions):
    """Hours, days or months of a time column. Labels are those of Dagster; they sort by time."""

    _: KW_ONLY
    start: str = ""
    timezone: str = "UTC"

    format: ClassVar[str] = "%Y-%m-%d"

    def __post_init__(self) -> None:
        check_timezone(self._where, self.timezone)
        problem = "needs a start." if not self.start else self._wrong(self.start)
        if problem:
            example = self.label(datetime(2024, 1, 1, tzinfo=self._zone))
            raise DeclarationError(
                self._where, problem, fix=f'Say when the first {self.unit} begins: start="{example}".'
            )
        if self.timezone != "UTC" and self.span(self.start)[0].year < _QUARTERS_SINCE:
            fix = f"Start in {_QUARTERS_SINCE} or later, or use UTC."
            raise DeclarationError(self._where, "begins before zones were whole quarter hours apart.", fix=fix)

    @property
    def _where(self) -> str:
        return f"{type(self).__name__}(start={self.start!r})"

    @cached_property
    def _zone(self) -> Any:
        return UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)

    def label(self, moment: datetime) -> str:
        """The label of the partition that an aware time falls into.

        >>> Daily("at", start="2024-01-01", timezone="America/New_York").label(datetime(2024, 3, 10, 2, tzinfo=UTC))
        '2024-03-09'
        """
        return self._floor(moment.astimezone(self._zone)).strftime(self.format).zfill(len(self._pattern))

    def label_at(self, microseconds: int) -> str | None:
        """The label for a time in microseconds since 1970, UTC; None where no calendar reaches."""
        try:
            return self.label(_EPOCH + timedelta(microseconds=microseconds))
        except OverflowError:
            return None

    def span(self, label: str) -> tuple[datetime, datetime]:
        """When a partition begins and when the next one does.

        >>> [str(one) for one in Monthly("at", start="2024-01-01").span("2024-02-01")]
        ['2024-02-01 00:00:00+00:00', '2024-03-01 00:00:00+00:00']
        """
        if label not in self._spans:
            first = datetime.strptime(label, self.format)
            self._spans[label] = self._aware(first), self._aware(self._next(first))
        return self._spans[label]

    @cached_property
    def _spans(self) -> dict[str, tuple[datetime, datetime]]:
        """Those asked for so far: a plan asks for the same ones again and again."""
        return {}

    def edges(self, label: str) -> tuple[int, int]:
        """The same in microseconds since 1970: the first that belongs to it, and the first that does not."""
        first, end = self.span(label)
        return (first - _EPOCH) // _MICROSECOND, (end - _EPOCH) // _MICROSECOND

    def why_not(self, label: str) -> str | None:
        wrong = self._wrong(label)
        if wrong is None and label < self.start:
            return f"{label} lies before the first partition, {self.start}."
        return wrong

    def _wrong(self, label: str) -> str | None:
        try:
            found = self.label(self.span(label)[0])
        except (ValueError, TypeError, OverflowError):
            found = None
        return None if found == label else f"{label!r} is not the beginning of a {self.unit}, as in {self._pattern!r}."

    def reach(self, label: str, labels: Sequence[str], back: timedelta | None) -> Sequence[str]:
        """Those of `labels` that end less than `back` before `label` begins, and itself.

        >>> Daily("at", start="2024-01-01").reach("2024-01-05", ["2024-01-02", "2024-01-04"], timedelta(days=1))
        ['2024-01-04']
        """
        last = bisect_right(labels, label)
        if back is None:
            return labels[:last]
        try:
            since = self.span(label)[0].astimezone(UTC) - back
        except OverflowError:
            return labels[:last]
        first = last
        while first > 0 and self.span(labels[first - 1])[1] > since:
            first -= 1
        return labels[first:last]

    def count(self, back: timedelta) -> int:
        """How many partitions before one can be within `back` of it, at most.

        >>> Monthly("at", start="2024-01-01").count(timedelta(days=30))
        2
        """
        shortest = self._shortest - (timedelta(0) if self.timezone == "UTC" else timedelta(hours=1))
        return -(-back // shortest)

    def data(self) -> dict[str, Any]:
        return {**super().data(), "timezone": self.timezone}

    def kin(self) -> tuple[object, ...]:
        return (type(self), self.start, self.timezone)

    def _aware(self, local: datetime) -> datetime:
        """A local midnight or hour as a time of its own; one that a clock skips is when the clock has skipped it."""
        return local.replace(tzinfo=self._zone).astimezone(UTC)

    def _floor(self, moment: datetime) -> datetime:
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)

    def _next(self, first: datetime) -> datetime:
        return first + timedelta(days=1)

    _pattern: ClassVar[str] = "2024-01-31"
    _shortest: ClassVar[timedelta] = timedelta(days=1)


@dataclass(frozen=True)
class Hourly(TimePartitions):
    """A partition an hour, in UTC, labelled as in `2024-01-05-13:00`.

    Args:
        column: the time that tells rows apart; by default the declaration's timestamp.
        start: the first hour or day, as in "2024-01-01-00:00" or "2024-01-01"; earlier rows are refused.

    >>> Hourly("at", start="2024-01-01", timezone="Europe/Berlin")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Hourly(start='2024-01-01'): has timezone 'Europe/Berlin'. ...
    """

    unit = "hour"
    format = "%Y-%m-%d-%H:%M"
    _pattern = "2024-01-31-13:00"
    _shortest = timedelta(hours=1)

    def __post_init__(self) -> None:
        if isinstance(self.start, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", self.start):
            object.__setattr__(self, "start", f"{self.start}-00:00")
        if self.timezone != "UTC":
            where = f"Hourly(start={self.start.removesuffix('-00:00')!r})"
            fix = "Leave it out: hours are counted in UTC, where none comes twice."
            raise DeclarationError(where, f"has timezone {self.timezone!r}.", fix=fix)
        super().__post_init__()

    def _floor(self, moment: datetime) -> datetime:
        return moment.replace(minute=0, second=0, microsecond=0)

    def _next(self, first: datetime) -> datetime:
        return first + timedelta(hours=1)


@dataclass(frozen=True)
class Daily(TimePartitions):
    """A partition a day, labelled as in `2024-01-05`.

    Args:
        column: the time that tells rows apart; by default the declaration's timestamp.
        start: the first day, as in "2024-01-01"; earlier rows are refused, so that none is lost.
        timezone: the IANA zone whose midnights part the days.

    >>> Daily("at", start="1 January")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Daily(start='1 January'): '1 January' is not the beginning of a day, ...
    """

    unit = "day"


@dataclass(frozen=True)
class Monthly(TimePartitions):
    """A partition a month, labelled with its first day, as in `2024-01-01`.

    Args:
        column: the time that tells rows apart; by default the declaration's timestamp.
        start: the first day of the first month, as in "2024-01-01"; earlier rows are refused.
        timezone: the IANA zone whose midnights part the months.
    """

    unit = "month"
    _pattern = "2024-01-01"
    _shortest = timedelta(days=28)

    def _floor(self, moment: datetime) -> datetime:
        return super()._floor(moment.replace(day=1))

    def _next(self, first: datetime) -> datetime:
        return (first + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True)
class ByKey(Partitions):
    """A partition for each value of a column, labelled with the value as text.

    Args:
        column: what tells rows apart.
        values: all there may be; rows with another value are refused. None: whatever the data has.

    >>> ByKey("country", values=[])
    Traceback (most recent call last):
    headrace.errors.DeclarationError: ByKey('country'): has no values. ...
    """

    values: Sequence[str] | None = None
    unit = "key"

    def __post_init__(self) -> None:
        where = f"ByKey({self.column!r})"
        if not isinstance(self.column, str) or not self.column:
            raise DeclarationError(where, "needs a column.", fix='As in hr.ByKey("country").')
        if self.values is None:
            return
        if isinstance(self.values, str) or not self.values:
            raise DeclarationError(where, "has no values.", fix='Give several, as in values=["de", "fr"], or none.')
        object.__setattr__(self, "values", tuple(str(one) for one in self.values))
        wrong = next((one for one in self.values or () if _unusable(one)), None)
        if wrong is not None:
            raise DeclarationError(where, f"value {wrong!r} {_unusable(wrong)}.")

    def why_not(self, label: str) -> str | None:
        if self.values is not None and label not in self.values:
            return f"{label!r} is not among the declared values {', '.join(self.values)}."
        problem = _unusable(label)
        return f"{label!r} {problem}." if problem else None

    def kin(self) -> tuple[object, ...]:
        return (type(self), self.values)


def file_name(label: str) -> str:
    """The name of a partition's file in a version.

    >>> file_name("a/b")
    'a%2Fb.parquet'
    """
    return f"{quote(label, safe=' ').replace('.', '%2E')}.parquet"


def _unusable(label: str) -> str | None:
    """Why a value cannot name a partition: not in a file's name, or not in Dagster."""
    if not label:
        return "is empty"
    if len(quote(label)) > _LONGEST_LABEL:
        return f"is longer than {_LONGEST_LABEL} letters"
    return "holds '..' or a control character" if ".." in label or not label.isprintable() else None


def resolve_partitions(where: str, given: object, column: str | None) -> Partitions | None:
    """Checked partitions of a declaration whose timestamp is `column`, with the column filled in."""
    if given is None:
        return None
    if not isinstance(given, Partitions):
        raise DeclarationError(where, f"partitions is {given!r}.", fix=_WAY_OUT)
    if given.column is None and column is None:
        fix = f'Say which, as in hr.{type(given).__name__}("ordered_at", start=...), or give it a timestamp.'
        raise DeclarationError(where, f"has partitions by {given.unit} but no column of times.", fix=fix)
    return given if given.column is not None else replace(given, column=column)


def partitions_of(declaration: object) -> Partitions | None:
    """How a declaration's rows are told apart; None for most nouns."""
    found = getattr(declaration, "partitions", None)
    return found if isinstance(found, Partitions) else None


def parse_lookback(where: str, given: str | None, partitions: Partitions | None, fixed: str) -> timedelta:
    """How far a view looks back; raises DeclarationError where it cannot say so.

    Args:
        fixed: what decides it already, if anything does.
    """
    if given is None:
        return timedelta(0)
    if not isinstance(partitions, TimePartitions):
        fix = "Leave it out, or give it partitions by hour, day or month."
        raise DeclarationError(where, f"has lookback {given!r} but no partitions in time.", fix=fix)
    if fixed:
        raise DeclarationError(where, f"has lookback {given!r}, but {fixed}.", fix="Leave it out.")
    return parse_duration(given, f"{where}.lookback")


def check_inputs(where: str, own: Partitions, inputs: Mapping[str, Partitions | None]) -> None:
    """A view's partitions are those of the partitioned tables that it reads; raises DeclarationError."""
    given = {key: one for key, one in inputs.items() if one is not None}
    if not given:
        fix = "Give its source partitions, or leave them out here."
        raise DeclarationError(where, f"has partitions by {own.unit}, but none of its inputs has any.", fix=fix)
    for key, one in given.items():
        if one.kin() != own.kin():
            fix = "Give both the same, or leave partitions= out: then it is computed whole."
            raise DeclarationError(where, f"has partitions {_short(own)}, but {key} has {_short(one)}.", fix=fix)


def _short(one: Partitions) -> str:
    values = ", ".join(f"{name}={value!r}" for name, value in vars(one).items() if name in _SHOWN and value)
    return f"{type(one).__name__}({values})"


def path_format(where: str, path: str, partitions: Partitions | None) -> str | None:
    """How labels are written in `path`, None without `{partition}` in it; raises DeclarationError for a wrong one."""
    places = [*PLACE.finditer(path)]
    if not places:
        return None
    if partitions is None:
        fix = 'Say how its rows are told apart: partitions=hr.Daily("ordered_at", start="2024-01-01").'
        raise DeclarationError(where, f"has {{partition}} in its path {path!r} but no partitions.", fix=fix)
    own = getattr(partitions, "format", None)
    formats = {place[1] or own for place in places}
    if len(formats) > 1:
        raise DeclarationError(where, f"writes partitions in two ways in {path!r}.", fix="Write all of them alike.")
    if places[0][1] and own is None:
        raise DeclarationError(where, f"gives a key a format in {path!r}.", fix="Write {partition}.")
    return formats.pop()
