"""What a SQL statement's result depends on besides its inputs' rows: the clock, chance, files, the order of rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from headrace.lineage import sql_functions as known
from headrace.lineage.canonical import RESERVED
from headrace.lineage.sql_tokens import NotSQL, Token, tokens

_UNREAD = "cannot be read as SQL, so nothing is known of it"
_CLOSES = {"(": ")", "[": "]", "{": "}"}
# Words before a parenthesis that are no functions: clauses, types, tables of values.
_SYNTAX_WORDS = """
    array bernoulli bit by cast char character coalesce columns cube dec decimal enum exclude exists extract fields
    filter float grouping grouping_id interval key map materialized numeric over recursive rename replace reservoir
    rollup rows sets struct system time timestamp timestamptz try_cast tuple unnest using values varchar within
"""
_MOMENTS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
_USERS = frozenset({"current_role", "current_user", "session_user"})
_FILE = re.compile(
    r"\.(arrow|csv|db|duckdb|feather|ipc|json|jsonl|ndjson|parquet|tsv|txt|xlsx)(\.gz|\.zst)?$|[/*]", re.I
)
_EXACT_TYPE_WORDS = """
    bigint dec decimal hugeint int int1 int2 int4 int8 integer long numeric short smallint tinyint ubigint uhugeint
    uinteger usmallint utinyint
"""
_SYNTAX = RESERVED | frozenset(_SYNTAX_WORDS.split())
_EXACT_TYPES = frozenset(_EXACT_TYPE_WORDS.split())


@dataclass(frozen=True)
class _Group:
    """What stands between two parentheses."""

    mark: str
    items: list[_Item] = field(default_factory=list)


_Item = Token | _Group
_Level = Sequence[_Item]


@lru_cache(maxsize=1024)
def unstable(sql: str) -> tuple[str, ...]:
    """Why a statement may give other data from the same inputs, one phrase a reason; empty where it cannot.

    The clock, chance, the session, and files that lineage does not see. What one thread makes deterministic is told
    by `order_dependent`.

    >>> unstable("select *, now() as at, random() as r from t")
    ('now() is the moment of the build', 'random() draws anew in every build')
    >>> unstable("select count(*) from t where a > date '2024-01-01'")
    ()
    """
    return _told(sql, _unstable_in)


def order_dependent(sql: str, *, ties: bool = True, exact: Collection[str] = ()) -> tuple[str, ...]:
    """Why a statement's result may depend on the order in which rows arrive or threads finish; empty where it cannot.

    A statement with such a reason gives the same result on one thread of DuckDB over the same rows in the same order.
    A function that is not known is counted.

    Args:
        sql: a DuckDB statement.
        ties: also count what only rows that tie decide, such as `row_number() over (order by day)`. DuckDB's threads
            order them differently from run to run.
        exact: columns that hold whole numbers or decimals in every input that has them: their sums are exact.

    >>> order_dependent("select sum(price), count(*) from t")
    ('sum() adds up in whatever order rows arrive',)
    >>> order_dependent("select sum(units) from t", exact=["units"])
    ()
    """
    columns = frozenset(name.lower() for name in exact)

    def scan(level: _Level) -> Iterator[str]:
        return _ordered_in(level, ties, still_exact)

    try:
        still_exact = _still_exact(sql, columns)
    except NotSQL:
        return (_UNREAD,)
    return _told(sql, scan)


def _told(sql: str, scan: Callable[[_Level], Iterator[str]]) -> tuple[str, ...]:
    try:
        levels = _levels_of(sql)
    except NotSQL:
        return (_UNREAD,)
    return tuple(dict.fromkeys(phrase for level in levels for phrase in scan(level)))


@lru_cache(maxsize=64)
def _levels_of(sql: str) -> tuple[_Level, ...]:
    """A statement is asked several questions one after another."""
    return tuple(_levels(_nested(_tokens_of(sql))))


@lru_cache(maxsize=64)
def _tokens_of(sql: str) -> tuple[Token, ...]:
    return tuple(tokens(sql))


def _nested(flat: Iterable[Token]) -> list[_Item]:
    top = _Group("")
    stack = [top]
    for token in flat:
        if token.kind == "mark" and token.text in _CLOSES:
            group = _Group(token.text)
            stack[-1].items.append(group)
            stack.append(group)
        elif token.kind == "mark" and token.text in ")]}":
            if len(stack) < 2 or _CLOSES[stack.pop().mark] != token.text:
                raise NotSQL(f"{token.text} closes nothing")
        else:
            stack[-1].items.append(Token(token.kind, token.text.lower() if token.kind == "word" else token.text))
    if len(stack) > 1:
        raise NotSQL("a parenthesis is not closed")
    return top.items


def _levels(items: list[_Item]) -> Iterator[_Level]:
    """Each parenthesis' content and each statement, outermost first."""
    start = 0
    for place, item in enumerate(items):
        if _is(item, ";"):
            yield items[start:place]
            start = place + 1
    yield items[start:]
    for item in items:
        if isinstance(item, _Group):
            yield from _levels(item.items)


def _is(item: _Item | None, *texts: str) -> bool:
    return isinstance(item, Token) and item.kind in ("word", "mark", "operator") and item.text in texts


def _at(level: _Level, place: int) -> _Item | None:
    return level[place] if 0 <= place < len(level) else None


@dataclass(frozen=True)
class _Call:
    """A function call: what it is given, the parentheses that follow it, and whether it is a window function."""

    name: str
    given: list[_Item]
    within: list[_Item]
    over: list[_Item] | None


def _calls(level: _Level) -> Iterator[_Call]:
    windows = {}
    for place, item in enumerate(level):
        if isinstance(item, Token) and item.kind == "word" and _is(_at(level, place + 1), "as"):
            definition = _at(level, place + 2)
            windows[item.text] = definition.items if isinstance(definition, _Group) else []
    for place, item in enumerate(level):
        following = _at(level, place + 1)
        if isinstance(following, _Group) and following.mark == "(" and isinstance(item, Token):
            name = item.text.strip('"`').lower()
            named = item.kind == "quoted" or (item.kind == "word" and item.text not in _SYNTAX)
            if named and not (_is_alias(level, place) and not _is_known(name)):
                yield _call(name, following.items, level[place + 2 :], windows)


def _call(name: str, given: list[_Item], rest: _Level, windows: dict[str, list[_Item]]) -> _Call:
    within: list[_Item] = []
    over: list[_Item] | None = None
    place = 0
    while (
        _is(_at(rest, place), "filter", "within", "group", "over", "ignore", "respect", "nulls")
        or isinstance(_at(rest, place), _Group)
    ) and over is None:
        group = _at(rest, place + 1)
        if _is(_at(rest, place), "group") and isinstance(group, _Group):
            within = group.items
        if _is(_at(rest, place), "over"):
            over = _window(group, windows)
        place += 1
    return _Call(name, given, within, over)


def _window(item: _Item | None, windows: dict[str, list[_Item]]) -> list[_Item]:
    """A window's definition, that of the window it names included."""
    if isinstance(item, Token):
        return windows.get(item.text, [])
    items = item.items if isinstance(item, _Group) else []
    first = _at(items, 0)
    named = windows.get(first.text, []) if isinstance(first, Token) else []
    return [*named, *items]


def _is_alias(level: _Level, place: int) -> bool:
    """`as t(a, b)`, `x t(a, b)` or `with t(a, b) as (...)`: a table's columns are named."""
    before, after = _at(level, place - 1), _at(level, place + 2)
    if _is(after, "as") and (
        isinstance(_at(level, place + 3), _Group) or _is(_at(level, place + 3), "not", "materialized")
    ):
        return True
    ends = isinstance(before, _Group) or (isinstance(before, Token) and before.kind in ("quoted", "string"))
    return ends or (
        isinstance(before, Token) and before.kind == "word" and (before.text == "as" or before.text not in RESERVED)
    )


def _is_known(name: str) -> bool:
    return known.of_one_row(name) or name in (
        known.SUMS
        | known.PICKS
        | known.FREE
        | known.POSITIONS
        | known.RANKS
        | known.CLOCK
        | known.CHANCE
        | known.SESSION
    )


def _unstable_in(level: _Level) -> Iterator[str]:
    for call in _calls(level):
        name = call.name
        if name in known.CLOCK or (name == "age" and call.given and not any(_is(one, ",") for one in call.given)):
            yield f"{name}() is the moment of the build"
        elif name in known.CHANCE:
            yield f"{name}() draws anew in every build"
        elif name in known.SESSION:
            yield f"{name}() is what the session says"
        elif known.reads_files(name):
            yield f"{name}() reads files that lineage cannot see"
        elif known.reads_catalog(name):
            yield f"{name}() reads what lineage cannot see"
    for place, item in enumerate(level):
        free = (
            isinstance(item, Token)
            and not _is(_at(level, place - 1), ".", "as")
            and not _is(_at(level, place + 1), ".")
        )
        if free and _is(item, *_MOMENTS):
            yield f"{item.text} is the moment of the build"  # type: ignore[union-attr]
        if free and _is(item, *_USERS):
            yield f"{item.text} is what the session says"  # type: ignore[union-attr]
    yield from _files(level)
    if _samples(level) and not _seeded(level):
        yield "a sample without repeatable(seed) is drawn anew in every build"


def _files(level: _Level) -> Iterator[str]:
    """Files that FROM names; the FROM of `extract(day from x)` names none."""
    if not (_is(_at(level, 0), "from") or any(_is(item, "select") for item in level)):
        return
    inside = False
    for place, item in enumerate(level):
        inside = _is(item, "from", "join") or (inside and not _is(item, "where", "group", "order", "select", "on"))
        named = _at(level, place + 1)
        if inside and _is(item, "from", "join", ",") and isinstance(named, Token):
            quoted = named.kind == "quoted" and _FILE.search(named.text.strip('"`'))
            if named.kind == "string" or quoted:
                yield f"{named.text} is a file that lineage cannot see"


def _samples(level: _Level) -> bool:
    follows = any(_is(one, "using") and _is(two, "sample") for one, two in pairwise(level))
    return follows or any(_is(item, "tablesample") for item in level)


def _seeded(level: _Level) -> bool:
    """`repeatable (3)`, or `using sample 10% (bernoulli, 3)`."""
    methods = ("bernoulli", "reservoir", "system")
    seeds = (item.items for item in level if isinstance(item, _Group) and _is(_at(item.items, 0), *methods))
    return any(_is(item, "repeatable") for item in level) or any(_is(_at(items, 1), ",") for items in seeds)


def _ordered_in(level: _Level, ties: bool, exact: frozenset[str]) -> Iterator[str]:
    for call in _calls(level):
        phrase = _of_call(call, ties, exact)
        if phrase:
            yield phrase
    ordered = _orders(level)
    total = ordered and _is(_after_order(level), "all")
    for place, item in enumerate(level):
        if _is(_at(level, place - 1), ".", "as"):
            continue
        if _is(item, "limit", "offset", "fetch") and not total and (ties or not ordered):
            why = "cuts between rows that tie" if ordered else "takes whatever rows come first, without order by"
            yield f"{item.text} {why}"  # type: ignore[union-attr]
        if _is(item, "distinct") and _is(_at(level, place + 1), "on") and (ties or not ordered):
            yield (
                "distinct on keeps one of the rows that tie"
                if ordered
                else "distinct on keeps any row, without order by"
            )
        if _is(item, "asof") and ties:
            yield "asof join takes one of the rows that tie"
        if _is(item, "positional"):
            yield "positional join goes by the order of rows"
        if _is(item, "summarize"):
            yield "summarize adds up in whatever order rows arrive"
    if _samples(level) and _seeded(level):
        yield "a sample with a seed depends on the order of rows"


def _of_call(call: _Call, ties: bool, exact: frozenset[str]) -> str | None:
    name = call.name
    if name in known.SUMS:
        adds = not (name in ("sum", "avg", "mean") and _is_exact(call.given, exact))
        return f"{name}() adds up in whatever order rows arrive" if adds else _of_frame(call, ties)
    if name in known.FREE or name in known.RANKS:
        return _of_frame(call, ties)
    if name in known.PICKS or name in known.POSITIONS:
        return _of_pick(call, ties)
    if known.of_one_row(name) or name in (known.CLOCK | known.CHANCE | known.SESSION) or name in _SYNTAX:
        return None
    if known.reads_files(name) or known.reads_catalog(name):
        return None
    return f"{name}() is not known to be independent of the order of rows"


def _of_pick(call: _Call, ties: bool) -> str | None:
    ordering = [*call.given, *call.within, *(call.over or [])]
    if not _orders(ordering):
        arbitrary = call.name.startswith(("arg", "max_by", "min_by")) or call.name == "mode"
        if arbitrary and not ties:
            return None
        why = "keeps one of the rows that tie" if arbitrary else "goes by the order of rows, without order by"
        return f"{call.name}() {why}"
    argument = [item for item in call.given if not _is(item, "distinct", "all")]
    place = next((at for at, item in enumerate(argument) if _is(item, "order")), len(argument))
    first = next((at for at, item in enumerate(argument) if _is(item, ",")), place)
    sorts_itself = [_after_order(ordering)] == argument[: min(first, place)] and call.over is None
    return f"{call.name}() goes by the order of rows that tie" if ties and not sorts_itself else None


def _of_frame(call: _Call, ties: bool) -> str | None:
    """A frame of ROWS goes by place; the usual one, of RANGE, takes rows that tie together."""
    if call.over is None or not any(_is(item, "rows") for item in call.over):
        return None
    if not _orders(call.over):
        return f"{call.name}() over rows goes by the order of rows, without order by"
    return f"{call.name}() over rows goes by the order of rows that tie" if ties else None


def _orders(level: _Level) -> bool:
    return _after_order(level) is not None


def _after_order(level: _Level) -> _Item | None:
    """The first thing after ORDER BY."""
    for place, item in enumerate(level):
        if _is(item, "order") and _is(_at(level, place + 1), "by"):
            return _at(level, place + 2)
    return None


def _is_exact(items: _Level, exact: frozenset[str]) -> bool:
    """Whether an argument is whole numbers or decimals, whose sum no order changes."""
    items = [item for item in items if not _is(item, "distinct", "all")]
    for place, item in enumerate(items):
        if _is(item, "+", "-", "*") and place:
            return _is_exact(items[:place], exact) and _is_exact(items[place + 1 :], exact)
    if _is(_at(items, 0), "case") and _is(items[-1], "end"):
        return _is_exact_case(items[1:-1], exact)
    if len(items) > 2 and _is(items[1], "::"):
        return _is(items[2], *_EXACT_TYPES) and all(isinstance(one, _Group) for one in items[3:])
    if len(items) == 3 and _is(items[1], ".") and isinstance(items[0], Token):
        items = items[2:]
    if len(items) == 2 and _is(items[0], "cast") and isinstance(items[1], _Group):
        return any(
            _is(one, "as") and _is(_at(items[1].items, at + 1), *_EXACT_TYPES) for at, one in enumerate(items[1].items)
        )
    if len(items) != 1:
        return False
    if isinstance(items[0], _Group):
        return items[0].mark == "(" and _is_exact(items[0].items, exact)
    token = items[0]
    number = token.kind == "number" and "e" not in token.text.lower()
    return number or (token.kind in ("word", "quoted") and token.text.strip('"').lower() in exact) or _is(token, "null")


def _is_exact_case(items: _Level, exact: frozenset[str]) -> bool:
    """Whether each THEN and ELSE gives something exact."""
    starts = [place for place, item in enumerate(items) if _is(item, "then", "else")]
    ends = [place for place, item in enumerate(items) if _is(item, "when", "else")]
    values = [items[start + 1 : min([end for end in ends if end > start], default=len(items))] for start in starts]
    return bool(values) and all(_is_exact(value, exact) for value in values)


@lru_cache(maxsize=1024)
def _still_exact(sql: str, exact: frozenset[str]) -> frozenset[str]:
    """The columns whose names mean the inputs' own: none where a statement has others inside, none under an alias."""
    if not exact:
        return frozenset()
    flat = _tokens_of(sql)
    words = [token.text.lower() if token.kind == "word" else token.text for token in flat]
    if words.count("select") > 1 or {"pivot", "unnest", "unpivot", "values", "with"}.intersection(words):
        return frozenset()
    given = {word.strip('"').lower() for before, word in pairwise(words) if before == "as"}
    for before, token, after in zip(["", *words], flat, [*words[1:], ""], strict=False):
        name = (before[-1:].isalnum() or before[-1:] in ")]}\"'") and before not in RESERVED - {"end"}
        if name and after == "(" and token.kind in ("word", "quoted") and token.text.lower() not in _SYNTAX:
            return frozenset()  # a table whose columns are named anew
        if (name and token.kind in ("word", "quoted")) or after == ":":
            given.add(token.text.strip('"').lower())
    return exact - given
