"""Random tables and random statements over them, and what may not happen to a statement's result.

A column that a result does not depend on, as `sql_columns` has it, is permuted, emptied or given other values, and the
result may not move: neither one column of it, nor the rows of all the columns that do not depend on it, nor their
number.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import duckdb

from headrace.engine.session import connect, literal
from headrace.engine.sql_columns import SqlColumns
from headrace.store.digests import quote

TYPES = {
    "int": "INTEGER",
    "text": "VARCHAR",
    "double": "DOUBLE",
    "day": "DATE",
    "flag": "BOOLEAN",
    "ints": "INTEGER[]",
    "pair": "STRUCT(x INTEGER, y VARCHAR)",
}
NAMES = ["a", "b", "c", "Mixed", "two words", 'quo"te', "select", "dot.ted", "k", "v", "n", "é"]
Row = tuple[Any, ...]
Column = tuple[str, str]
Known = dict[str, list[tuple[str, str]]]
Order = Mapping[str, Sequence[str]]
# What finds the dependencies of a statement over tables, whose rows' order may be told, with so many columns.
Finder = Callable[[str, Known, Order | None, int], SqlColumns]


@dataclass(frozen=True)
class Table:
    """Rows in the order of `id`, which is the first column, unique and never null."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def sql(self, name: str) -> str:
        types = ", ".join(f"{quote(column)} {TYPES[kind]}" for column, kind in self.columns)
        rows = ", ".join(f"({', '.join(map(constant, row))})" for row in sorted(self.rows, key=lambda row: row[0]))
        filled = f"; insert into {name} values {rows}" if rows else ""
        return f"create or replace table {name} ({types}){filled}"

    def with_column(self, name: str, values: Sequence[Any]) -> Table:
        place = [column for column, _ in self.columns].index(name)
        rows = zip(self.rows, values, strict=True)
        return replace(self, rows=tuple((*row[:place], value, *row[place + 1 :]) for row, value in rows))

    def values(self, name: str) -> list[Any]:
        place = [column for column, _ in self.columns].index(name)
        return [row[place] for row in self.rows]


def constant(value: Any) -> str:
    """A value as SQL."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, date):
        return f"date '{value}'"
    if isinstance(value, list):
        return f"[{', '.join(map(constant, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{name}': {constant(one)}" for name, one in value.items()) + "}"
    return str(value)


def random_value(kind: str, chance: random.Random) -> Any:
    """Few different values, so that joins meet and groups and ties are not single; some are null."""
    if chance.random() < 0.1:
        return None
    small = chance.randrange(5)
    return {
        "int": small,
        "text": "wxyz"[small % 4] + chance.choice(["", "", "%"]),
        "double": small / 2,
        "day": date(2024, 1, 1) + timedelta(days=small),
        "flag": small < 2,
        "ints": [chance.randrange(4) for _ in range(chance.randrange(3))],
        "pair": {"x": small, "y": chance.choice("pq")},
    }[kind]


def random_tables(chance: random.Random) -> dict[str, Table]:
    tables = {}
    for number in range(3):
        names = chance.sample(NAMES, chance.randrange(4, 7))
        kinds = ["int", "int", "text", *chance.choices(list(TYPES), k=len(names) - 3)]
        columns = (("id", "int"), *zip(names, kinds, strict=True))
        rows = tuple(
            (number, *(random_value(kind, chance) for kind in kinds)) for number in range(chance.randrange(6, 13))
        )
        tables[f"in.t{number}" if number else 'in.T "0"'] = Table(columns, rows)
    return tables


@dataclass
class Relation:
    """What may stand after `from`, and its columns."""

    text: str
    columns: list[Column]


@dataclass
class Writer:
    """Writes one random statement."""

    tables: Mapping[str, Table]
    chance: random.Random
    ctes: list[tuple[str, str, Relation]] = field(default_factory=list)
    number: int = 0

    def statement(self) -> str:
        relation = self.derived(self.chance.randrange(1, 5))
        alias = self.fresh("q")
        picked = self.chance.choice(["*", "*", f"{alias}.*", ", ".join(self.outputs(relation, alias))])
        body = f"select {picked} from {relation.text} {alias}" + self.chance.choice(
            ["", "", " order by 1", " order by all desc"]
        )
        if self.chance.random() < 0.1:
            body += f" limit {self.chance.randrange(1, 9)}"
        with_ = ", ".join(f"{name} as {how}{text}" for name, how, text in self.named())
        return (
            (f"with recursive {with_} " if with_ else "")
            + body
            + self.chance.choice(["", ";", " -- end", "; /* end */"])
        )

    def named(self) -> Iterator[tuple[str, str, str]]:
        for name, text, _ in self.ctes:
            yield name, self.chance.choice(["", "materialized ", "not materialized "]), text

    def outputs(self, relation: Relation, alias: str) -> list[str]:
        chosen = self.chance.choices(relation.columns, k=self.chance.randrange(1, 5))
        return [f"{alias}.{quote(name)}" + self.chance.choice(["", "", ' as "same"']) for name, _ in chosen]

    def fresh(self, start: str = "x") -> str:
        self.number += 1
        return f"{start}{self.number}"

    # Relations

    def relation(self, depth: int) -> Relation:
        """A table, something named before, or something new."""
        if depth > 0 and self.chance.random() < 0.75:
            return self.derived(depth - 1)
        if self.ctes and self.chance.random() < 0.4:
            return self.chance.choice(self.ctes)[2]
        name, table = self.chance.choice(list(self.tables.items()))
        return Relation(table_sql(name), list(table.columns))

    def derived(self, depth: int) -> Relation:
        ways: list[Callable[[int], tuple[str, list[Column]] | None]] = [
            *[self.projected, self.filtered, self.joined, self.aggregated, self.windowed] * 3,
            *[self.united, self.distinct, self.limited, self.starred, self.narrowed] * 2,
            *[self.unnested, self.laterally, self.as_of, self.whole_row, self.pivoted, self.unpivoted],
            *[self.recursive, self.queried, self.beside, self.sampled],
        ]
        made = None
        while made is None:
            made = self.chance.choice(ways)(depth)
        text, columns = made
        relation = Relation(f"({text})", columns)
        if self.chance.random() < 0.4:
            relation = Relation(self.fresh("cte"), columns)
            self.ctes.append((relation.text, f"({text})", relation))
        return relation

    def source(self, depth: int) -> tuple[str, str, Relation]:
        relation, alias = self.relation(depth), self.fresh("s")
        return f"{relation.text} {alias}", alias, relation

    def projected(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        made = [(self.name(), kind, self.value(kind, [(alias, relation)])) for kind in self.kinds()]
        return f"select {aliased(made)} from {source}", shape(made)

    def filtered(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        text = f"from {source} where {self.condition([(alias, relation)])}"
        return text if self.chance.random() < 0.3 else f"select * {text}", relation.columns

    def joined(self, depth: int) -> tuple[str, list[Column]]:
        left, one, first = self.source(depth)
        right, two, second = self.source(depth - 1)
        kind = self.chance.choice(["", "left ", "right ", "full ", "semi ", "anti ", "positional "])
        on = f" on {self.match([(one, first)], [(two, second)])}" if kind != "positional " else ""
        shared = [
            name for name, kind in first.columns if (name, kind) in second.columns and kind not in ("ints", "pair")
        ]
        if shared and kind in ("", "left ", "semi ", "anti ") and self.chance.random() < 0.4:
            on = f" using ({quote(self.chance.choice(shared))})"
        seen = [(one, first)] if kind in ("semi ", "anti ") else [(one, first), (two, second)]
        made = [(self.name(), kind, self.value(kind, seen)) for kind in self.kinds()]
        return f"select {aliased(made)} from {left} {kind}join {right}{on}", shape(made)

    def as_of(self, depth: int) -> tuple[str, list[Column]] | None:
        left, one, first = self.source(depth)
        right, two, second = self.source(depth - 1)
        kind = self.chance.choice(["int", "double", "day"])
        if not (of(first, kind) and of(second, kind)):
            return None
        near = (
            f"{self.column(kind, one, first)} {self.chance.choice(['>=', '>', '<='])} {self.column(kind, two, second)}"
        )
        made = [(self.name(), kind, self.value(kind, [(one, first), (two, second)])) for kind in self.kinds()]
        how = self.chance.choice(["", "left "])
        on = f"{self.equal([(one, first)], [(two, second)])} and {near}"
        return f"select {aliased(made)} from {left} asof {how}join {right} on {on}", shape(made)

    def aggregated(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        scope = [(alias, relation)]
        groups = [(self.name(), kind, self.value(kind, scope)) for kind in self.kinds(0, 3)]
        made = [(self.name(), *self.aggregate(scope)) for _ in range(self.chance.randrange(1, 4))]
        by = ", ".join(text for *_, text in groups)
        sets = f"{self.chance.choice(['rollup', 'cube', ''])}({by})" if self.chance.random() < 0.2 else by
        group = "" if not groups else f" group by {self.chance.choice(['all', sets, sets])}"
        having = f" having {self.aggregate(scope, 'int')[1]} > 1" if self.chance.random() < 0.25 else ""
        return f"select {aliased(groups + made)} from {source}{group}{having}", shape(groups + made)

    def windowed(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        scope = [(alias, relation)]
        made = [(self.name(), *self.window(scope)) for _ in range(self.chance.randrange(1, 3))]
        kept = relation.columns if self.chance.random() < 0.5 else []
        star = f"{alias}.*, " if kept else ""
        qualify = f" qualify {self.window(scope, 'int')[1]} > 1" if self.chance.random() < 0.3 else ""
        return f"select {star}{aliased(made)} from {source}{qualify}", [*kept, *shape(made)]

    def distinct(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        on = f" on ({self.value('int', [(alias, relation)])})" if self.chance.random() < 0.5 else ""
        order = f" order by {self.value('text', [(alias, relation)])}" if on and self.chance.random() < 0.7 else ""
        made = [(self.name(), kind, self.value(kind, [(alias, relation)])) for kind in self.kinds()]
        return f"select distinct{on} {aliased(made)} from {source}{order}", shape(made)

    def limited(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        order = self.chance.choice(["", "order by all", f"order by {self.value('int', [(alias, relation)])}"])
        count = self.chance.choice(["3", "5 offset 1", "40%"])
        return f"select * from {source} {order} limit {count}", relation.columns

    def sampled(self, depth: int) -> tuple[str, list[Column]]:
        source, _, relation = self.source(depth)
        return f"select * from {source} using sample reservoir(4 rows) repeatable (1)", relation.columns

    def united(self, depth: int) -> tuple[str, list[Column]]:
        kinds, names = self.kinds(), [self.name() for _ in range(4)]
        halves = []
        for _ in range(2):
            source, alias, relation = self.source(depth)
            made = [
                (name, kind, self.value(kind, [(alias, relation)])) for name, kind in zip(names, kinds, strict=False)
            ]
            halves.append(f"select {aliased(made)} from {source}")
        how = self.chance.choice(
            [
                "union all",
                "union",
                "union all by name",
                "union by name",
                "except",
                "except all",
                "intersect",
                "intersect all",
            ]
        )
        return f"{halves[0]} {how} {halves[1]}", list(zip(names, kinds, strict=False))

    def starred(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        (name, kind), new = self.chance.choice(relation.columns), self.name()
        others = [column for column in relation.columns if column[0] != name]
        value = self.value(kind, [(alias, relation)])
        ways = [
            (f"* replace ({value} as {quote(name)})", relation.columns),
            (f"{alias}.*, {value} as {quote(new)}", [*relation.columns, (new, kind)]),
            (
                f"* rename ({quote(name)} as {quote(new)})",
                [(new if one == name else one, k) for one, k in relation.columns],
            ),
        ]
        if others:
            ways.append((f"* exclude ({quote(name)})", others))
        text, columns = self.chance.choice(ways)
        return f"select {text} from {source}", columns

    def narrowed(self, depth: int) -> tuple[str, list[Column]] | None:
        """Stars that choose by name."""
        source, _, relation = self.source(depth)
        letter = self.chance.choice("abekox")
        chosen = [column for column in relation.columns if letter in column[0]]
        by = self.chance.choice(
            [f"* like '%{letter}%'", f"columns('{letter}')", f"columns(lambda c: c like '%{letter}%')"]
        )
        return (f"select {by} from {source}", chosen) if chosen else None

    def unnested(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        values, new = self.value("ints", [(alias, relation)]), self.name()
        if self.chance.random() < 0.5:
            return f"select {alias}.*, unnest({values}) as {quote(new)} from {source}", [
                *relation.columns,
                (new, "int"),
            ]
        return f"select * from {source}, unnest({values}) as u({quote(new)})", [*relation.columns, (new, "int")]

    def laterally(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        inner, two, second = self.source(depth - 1)
        kind, value = self.aggregate([(two, second)])
        where, new = self.match([(alias, relation)], [(two, second)]), self.name()
        joined = f"{source}, lateral (select {value} as {quote(new)} from {inner} where {where}) as l"
        return f"select * from {joined}", [*relation.columns, (new, kind)]

    def whole_row(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, _ = self.source(depth)
        new = self.name()
        value = self.chance.choice([f"{alias}::varchar", f"hash({alias})::varchar", f"count({alias})::varchar"])
        return f"select {value} as {quote(new)} from {source}", [(new, "text")]

    def pivoted(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        scope = [(alias, relation)]
        inner = (
            f"select {self.value('int', scope)} as p, {self.value('int', scope)} as w, {self.value('text', scope)} as g"
        )
        how = self.chance.choice(["sum(w)::int", "first(w)", "count(*)::int"])
        columns = [("g", "text"), ("0", "int"), ("1", "int")]
        return f"select * from (pivot ({inner} from {source}) on p in (0, 1) using {how} group by g)", columns

    def unpivoted(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        scope = [(alias, relation)]
        inner = (
            f"select {self.value('int', scope)} as p, {self.value('int', scope)} as w, {self.value('text', scope)} as g"
        )
        columns = [("g", "text"), ("n", "text"), ("x", "int")]
        return f"select * from (unpivot ({inner} from {source}) on p, w into name n value x)", columns

    def recursive(self, depth: int) -> tuple[str, list[Column]]:
        source, alias, relation = self.source(depth)
        scope, name = [(alias, relation)], self.fresh("r")
        start = f"select {self.value('int', scope)}, {self.value('text', scope)}, 1 from {source}"
        how, key = self.chance.choice([("union all", ""), ("union", ""), ("union", " using key (i)")])
        step = f"select (i + 1) % 3, t, n + 1 from {name} where n < 3"
        columns = [("i", "int"), ("t", "text"), ("n", "int")]
        self.ctes.append((f"{name}(i, t, n){key}", f"({start} {how} {step})", Relation(name, columns)))
        return f"select * from {name}", columns

    def queried(self, depth: int) -> tuple[str, list[Column]]:
        name, table = self.chance.choice(list(self.tables.items()))
        column, kind = self.chance.choice(table.columns)
        if self.chance.random() < 0.5:
            return f"select * from query({literal(f'select {quote(column)} from {table_sql(name)}')})", [(column, kind)]
        return f"select {quote(column)} from query_table([{literal(table_sql(name))}])", [(column, kind)]

    def beside(self, depth: int) -> tuple[str, list[Column]]:
        """Rows that come from no table."""
        source, alias, relation = self.source(depth)
        made = [(self.name(), kind, self.value(kind, [(alias, relation)])) for kind in self.kinds()]
        other = self.chance.choice(["(values (1), (2)) as w(g)", "generate_series(1, 2) as w(g)", "range(2) as w(g)"])
        return f"select w.g, {aliased(made)} from {source}, {other}", [("g", "int"), *shape(made)]

    # Values

    def kinds(self, least: int = 1, most: int = 4) -> list[str]:
        return self.chance.choices(
            ["int", "int", "text", "double", "day", "flag", "ints", "pair"], k=self.chance.randrange(least, most)
        )

    def name(self) -> str:
        plain = self.fresh()
        return self.chance.choice([plain, plain, plain, f"{plain} y", f'{plain}"', plain.upper(), f"{plain}.z"])

    def column(self, kind: str, alias: str, relation: Relation) -> str:
        """A column of that kind, or a value of that kind made of another one; now and then a constant."""
        names = of(relation, kind)
        if names and self.chance.random() < 0.95:
            return f"{alias}.{quote(self.chance.choice(names))}"
        if self.chance.random() < 0.1:
            return constant(random_value(kind, self.chance)) + f"::{TYPES[kind]}"
        other = f"{alias}.{quote(self.chance.choice(relation.columns)[0])}"
        number = f"(hash({other}) % 5)::int"
        return {
            "int": number,
            "text": f"({other})::varchar",
            "double": f"({number} / 2)",
            "day": f"(date '2024-01-01' + {number})",
            "flag": f"({number} > 2)",
            "ints": f"[{number}]",
            "pair": f"{{'x': {number}, 'y': ({other})::varchar}}",
        }[kind]

    def value(self, kind: str, scope: list[tuple[str, Relation]], depth: int = 2) -> str:
        plain = self.column(kind, *self.chance.choice(scope))
        if depth == 0 or self.chance.random() < 0.5:
            return plain

        def some(kind: str) -> str:
            return self.value(kind, scope, depth - 1)

        ways = [
            lambda: f"coalesce({plain}, {some(kind)})",
            lambda: f"case when {self.condition(scope, depth - 1)} then {some(kind)} else {plain} end",
            lambda: f"nullif({plain}, {some(kind)})",
            lambda: self.subquery(kind, scope),
            *([getattr(self, f"_{kind}")(some)] * 3),
        ]
        return self.chance.choice(ways)()

    def _int(self, some: Callable[[str], str]) -> Callable[[], str]:
        ways = [
            lambda: f"({some('int')} + {some('int')}) % 5",
            lambda: f"{some('text')}.length()::int",
            lambda: f"len({some('ints')})::int",
            lambda: f"({some('pair')}).x",
            lambda: f"({some('ints')})[1]",
            lambda: f"list_sum({some('ints')})::int",
            lambda: f"(({some('day')}) - date '2024-01-01')::int",
            lambda: f"list_reduce([1, 2, {some('int')}], lambda p, q: p + q)::int",
        ]
        return self.chance.choice(ways)

    def _text(self, some: Callable[[str], str]) -> Callable[[], str]:
        ways = [
            lambda: f"upper({some('text')})",
            lambda: f"{some('text')} || {some('text')}",
            lambda: f"({some('int')})::varchar",
            lambda: f"({some('pair')})['y']",
            lambda: f"({some('pair')})::varchar",
        ]
        return self.chance.choice(ways)

    def _double(self, some: Callable[[str], str]) -> Callable[[], str]:
        return self.chance.choice([lambda: f"({some('double')} * 2)", lambda: f"({some('int')})::double"])

    def _day(self, some: Callable[[str], str]) -> Callable[[], str]:
        return lambda: f"({some('day')} + {some('int')})::date"

    def _flag(self, some: Callable[[str], str]) -> Callable[[], str]:
        return self.chance.choice([lambda: f"not {some('flag')}", lambda: f"({some('int')} > {some('int')})"])

    def _ints(self, some: Callable[[str], str]) -> Callable[[], str]:
        ways = [
            lambda: f"[{some('int')}, {some('int')}]",
            lambda: f"list_transform({some('ints')}, lambda e: e + {some('int')})",
            lambda: f"[e for e in {some('ints')} if e > 1]",
        ]
        return self.chance.choice(ways)

    def _pair(self, some: Callable[[str], str]) -> Callable[[], str]:
        return lambda: f"{{'x': {some('int')}, 'y': {some('text')}}}"

    def subquery(self, kind: str, scope: list[tuple[str, Relation]]) -> str:
        """One value: an aggregate over matching rows."""
        inner, two, second = self.source(0)
        value = f"max({self.column(kind, two, second)})"
        return f"(select {value} from {inner} where {self.equal(scope, [(two, second)])})"

    def condition(self, scope: list[tuple[str, Relation]], depth: int = 2) -> str:
        def some(kind: str) -> str:
            return self.value(kind, scope, min(depth, 1))

        ways = [
            lambda: f"{some('int')} {self.chance.choice(['>', '=', '<>', '<='])} {some('int')}",
            lambda: f"{some('int')} > {self.chance.randrange(4)}",
            lambda: f"{some('text')} like '{self.chance.choice('wxyz')}%'",
            lambda: f"{some(self.chance.choice(list(TYPES)))} is not null",
            lambda: f"{some('int')} in (0, 1, {some('int')})",
            lambda: f"({some('flag')} or {some('int')} < 3)",
        ]
        if depth == 2:
            ways += [lambda: self.membership(scope), lambda: self.existence(scope)]
        return self.chance.choice(ways)()

    def membership(self, scope: list[tuple[str, Relation]]) -> str:
        inner, two, second = self.source(0)
        how = self.chance.choice(["in", "not in", "= any", "> all"])
        column = f"select {self.column('int', two, second)} from {inner} where {self.condition([(two, second)], 0)}"
        return f"{self.value('int', scope, 1)} {how} ({column})"

    def existence(self, scope: list[tuple[str, Relation]]) -> str:
        inner, two, second = self.source(0)
        how = self.chance.choice(["", "not "])
        return f"{how}exists (select * from {inner} where {self.match(scope, [(two, second)])})"

    def equal(self, left: list[tuple[str, Relation]], right: list[tuple[str, Relation]]) -> str:
        kind = self.chance.choice(["int", "int", "text"])
        return f"{self.column(kind, *self.chance.choice(left))} = {self.column(kind, *self.chance.choice(right))}"

    def match(self, left: list[tuple[str, Relation]], right: list[tuple[str, Relation]]) -> str:
        if self.chance.random() < 0.7:
            return self.equal(left, right)
        return f"{self.equal(left, right)} and {self.column('int', *left[0])} < {self.column('int', *right[0])}"

    def aggregate(self, scope: list[tuple[str, Relation]], only: str | None = None) -> tuple[str, str]:
        kind = only or self.chance.choice(["int", "text", "double", "ints"])
        value, by = self.value(kind, scope, 1), self.value("int", scope, 1)
        ways = {
            "int": [
                f"sum({value})::int",
                f"count({value})::int",
                f"max({value})",
                f"count(distinct {value})::int",
                "count(*)::int",
            ],
            "text": [
                f"min({value})",
                f"first({value})",
                f"string_agg({value}, ',')",
                f"string_agg({value}, ',' order by {by})",
            ],
            "double": [f"avg({value})", f"median({value})", f"any_value({value})", f"stddev_pop({value})"],
            "ints": [f"list({by} order by {by})", f"list({by})", f"any_value({value})"],
        }[kind]
        ways += [f"arg_max({value}, {by})", f"max({value})", f"mode({value})"]
        filtered = f" filter (where {self.condition(scope, 0)})" if self.chance.random() < 0.2 else ""
        chosen = self.chance.choice(ways)
        return kind, chosen.removesuffix("::int") + filtered + ("::int" if kind == "int" else "")

    def window(self, scope: list[tuple[str, Relation]], only: str | None = None) -> tuple[str, str]:
        kind = only or self.chance.choice(["int", "int", "text", "double"])
        value = self.value(kind, scope, 1)
        partition = f"partition by {self.value('text', scope, 1)}" if self.chance.random() < 0.6 else ""
        order = f" order by {self.value('int', scope, 1)}" if self.chance.random() < 0.7 else ""
        if only or self.chance.random() < 0.5:
            frame = (
                self.chance.choice(["", " rows between 1 preceding and current row", " groups 1 preceding"])
                if order
                else ""
            )
            made = self.chance.choice([f"sum({value})", f"count({value})"]) if kind == "int" else f"max({value})"
        else:
            frame = ""
            made = self.chance.choice([f"first_value({value})", f"lag({value})", f"last_value({value})"])
            if kind == "int":
                made = self.chance.choice([made, "row_number()", "rank()", "dense_rank()", "ntile(2)"])
        over = f"{made} over ({partition}{order}{frame})"
        return kind, f"({over})::int" if kind == "int" else over


def of(relation: Relation, kind: str) -> list[str]:
    return [name for name, one in relation.columns if one == kind]


def table_sql(name: str) -> str:
    schema, _, table = name.partition(".")
    return f"{quote(schema)}.{quote(table)}"


def aliased(made: list[tuple[str, str, str]]) -> str:
    return ", ".join(f"{text} as {quote(name)}" for name, _, text in made)


def shape(made: list[tuple[str, str, str]]) -> list[Column]:
    return [(name, kind) for name, kind, _ in made]


# What is checked


@dataclass
class Tally:
    """Checks made, what they found unsound, and the listed dependencies that were tried and that moved."""

    statements: int = 0
    refused: int = 0
    checks: int = 0
    unsound: list[str] = field(default_factory=list)
    listed: int = 0
    moved: int = 0

    @property
    def precision(self) -> float:
        return self.moved / max(self.listed, 1)


@dataclass
class Trial:
    """One statement over its tables: the result before, and after a change of them."""

    engine: duckdb.DuckDBPyConnection
    tables: Mapping[str, Table]
    sql: str
    found: SqlColumns
    before: list[Row]
    tally: Tally
    changed: Mapping[str, Table] = field(default_factory=dict)

    def after(self, changed: Mapping[str, Table]) -> list[Row] | None:
        """None where the statement fails on the changed tables."""
        back = {name: self.tables[name] for name in self.changed}
        load(self.engine, {**back, **changed})
        self.changed = changed
        try:
            return rows_of(self.engine, self.sql)
        except duckdb.Error:
            return None

    def same(self, after: list[Row], places: Sequence[int]) -> bool:
        return not places or bag(self.before, places) == bag(after, places)

    def check(self, what: str, changed: Mapping[str, Table], untouched: Sequence[int], rows: bool) -> list[Row] | None:
        """Whether the columns at `untouched`, together, stay as they were, and the number of rows where `rows`."""
        after = self.after(changed)
        if after is None:
            return None
        self.tally.checks += 1
        if not self.same(after, untouched) or (rows and len(after) != len(self.before)):
            names = [name for place, name in enumerate(self.found.outputs) if place in untouched]
            self.tally.unsound.append(f"{what} moves one of {names}, rows {rows}\n{self.sql}\n{self.found}")
        return after


def bag(rows: list[Row], places: Sequence[int]) -> Counter[str]:
    return Counter(repr([row[place] for place in places]) for row in rows)


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    rows = connection.execute(sql).fetchall()
    return [tuple(round(value, 6) if isinstance(value, float) else value for value in row) for row in rows]


def open_engine() -> duckdb.DuckDBPyConnection:
    engine = connect(threads=1)
    engine.execute('create schema "in"').fetchall()
    return engine


def load(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> None:
    connection.execute("; ".join(table.sql(table_sql(name)) for name, table in tables.items())).fetchall()


def random_statement(seed: int) -> tuple[dict[str, Table], str, Order | None, random.Random]:
    """Tables, a statement over them, what decides the order of their rows if that is told, and the chance left."""
    chance = random.Random(seed)
    tables = random_tables(chance)
    sql = Writer(tables, chance).statement()
    return tables, sql, {name: ["id"] for name in tables} if chance.random() < 0.7 else None, chance


def types(tables: Mapping[str, Table]) -> Known:
    return {name: [(column, TYPES[kind]) for column, kind in table.columns] for name, table in tables.items()}


def try_statement(engine: duckdb.DuckDBPyConnection, find: Finder, seed: int, tally: Tally, tries: int = 8) -> None:
    """One random statement: about `tries` changes of one column, one of a number of rows, and some of all the rest."""
    tables, sql, order, chance = random_statement(seed)
    load(engine, tables)
    try:
        before = rows_of(engine, sql)
    except duckdb.Error:
        tally.refused += 1
        return
    tally.statements += 1
    width = len(engine.description or ())
    trial = Trial(engine, tables, sql, find(sql, types(tables), order, width), before, tally)
    assert len(trial.found.outputs) == width, sql
    _change_columns(trial, chance, tries)
    _change_rows(trial, chance)
    _change_the_rest(trial, chance)


def _change_columns(trial: Trial, chance: random.Random, tries: int) -> None:
    every = [(name, column) for name, table in trial.tables.items() for column, _ in table.columns]
    read = [(name, column) for name, columns in trial.found.reads.items() for column in columns]
    chosen = {*chance.sample(read, min(len(read), tries // 4)), *chance.sample(every, min(len(every), tries // 4))}
    for name, column in sorted(chosen):
        depending = {place for place, _ in _depending(trial.found, name, column)}
        untouched = [place for place in range(len(trial.found.outputs)) if place not in depending]
        moved: set[int] = set()
        tried = False
        for how in ("other", chance.choice(["permuted", "null", "one"])):
            changed = {name: _changed(trial.tables[name], column, how, chance)}
            rows = column not in trial.found.rows.get(name, ())
            after = trial.check(f"{name}.{column} {how}", changed, untouched, rows)
            if after is not None:
                tried = True
                moved |= {place for place in depending if not trial.same(after, [place])}
        if tried:
            trial.tally.listed += len(depending)
            trial.tally.moved += len(moved)


def _depending(found: SqlColumns, table: str, column: str) -> Iterator[tuple[int, str]]:
    for place, (name, reads) in enumerate(found.outputs.items()):
        if column in reads.get(table, ()):
            yield place, name


def _changed(table: Table, column: str, how: str, chance: random.Random) -> Table:
    """The table with other values in a column; `id` stays unique."""
    values, kind = table.values(column), dict(table.columns)[column]
    if column == "id":
        values = chance.sample(values, len(values)) if how == "permuted" else chance.sample(range(50), len(values))
    elif how == "permuted":
        values = chance.sample(values, len(values))
    elif how == "null":
        values = [None] * len(values)
    elif how == "one":
        values[chance.randrange(len(values))] = random_value(kind, chance)
    else:
        values = [random_value(kind, chance) for _ in values]
    return table.with_column(column, values)


def _change_rows(trial: Trial, chance: random.Random) -> None:
    name = chance.choice(list(trial.tables))
    table = trial.tables[name]
    row = chance.choice(table.rows)
    kept = tuple(one for one in table.rows if one is not row)
    changed = {name: replace(table, rows=chance.choice([(*table.rows, row), kept]))}
    untouched = [place for place, reads in enumerate(trial.found.outputs.values()) if name not in reads]
    trial.check(f"rows of {name}", changed, untouched, name not in trial.found.rows)


def _change_the_rest(trial: Trial, chance: random.Random) -> None:
    """Everything that is not read, at once, and everything that one column of the result does not depend on."""
    _change_all_but(trial, trial.found.reads, list(range(len(trial.found.outputs))), chance)
    outputs = list(trial.found.outputs.values())
    for place in chance.sample(range(len(outputs)), min(len(outputs), 3)):
        _change_all_but(trial, outputs[place], [place], chance)


def _change_all_but(
    trial: Trial, kept: Mapping[str, Sequence[str]], untouched: Sequence[int], chance: random.Random
) -> None:
    changed = dict(trial.tables)
    for name, table in trial.tables.items():
        for column, _ in table.columns:
            if column not in kept.get(name, ()):
                changed[name] = _changed(changed[name], column, chance.choice(["null", "other"]), chance)
    trial.check(f"all but {kept}", changed, untouched, rows=False)
