"""The ways in which a generated project writes its views, each with the columns it reads by construction.

Placeholders: `{a}` and `{b}` are the inputs; `{c0}`, `{n0}` and `{t0}` columns of the first (any, number, time), `{d0}`
and `{m0}` of the second; `{x}` a number, `{w}` days, `{v}` the view's name, which begins the names of its outputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ANY, NUMBERS = ("int", "double", "text"), ("int", "double")
PLACES = {"c": (0, ANY), "n": (0, NUMBERS), "t": (0, ("time",)), "d": (1, ANY), "m": (1, NUMBERS)}
_PLACEHOLDER = re.compile(r"\{([cntdm]\d)\}")


@dataclass(frozen=True)
class Template:
    """A way to write a view.

    Args:
        body: the statement, `{items}` standing for the select list; the polars function's body; or the features.
        outputs: the kind of each output, by the end of its name; a placeholder stands for the kind of that column.
        items: the select list after `k`.
        language: sql, DataFrame, LazyFrame, columns or windows.
        all_of: inputs of which every column is read.
        passes: whether the columns of the first input are passed on.
        excluded: the placeholder of a column that is neither read nor passed on.
        ordered: whether the order of the rows of its inputs may matter.
        constants: the constants of the project's Python that its value depends on.
    """

    body: str
    outputs: Mapping[str, str]
    items: tuple[str, ...] = ()
    language: str = "sql"
    all_of: str = ""
    passes: bool = False
    excluded: str = ""
    ordered: bool = False
    constants: tuple[str, ...] = field(default=())

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(f"{self.items}{self.body}")))

    @property
    def inputs(self) -> int:
        return 2 if "{b}" in self.body else 1


SQL = {
    "project": Template("select {items} from {a}", {"0": "c0", "1": "c1"}, ("{c0} as {v}_0", "{c1} as {v}_1")),
    "arithmetic": Template("select {items} from {a}", {"0": "double"}, ("{n0} * {x} + {n1} as {v}_0",)),
    "filter": Template("select {items} from {a} where {n0} > {x}", {"0": "c0"}, ("{c0} as {v}_0",)),
    "aggregate": Template(
        "select {items} from {a} group by k",
        {"n": "int", "0": "double", "1": "c0"},
        ("count(*) as {v}_n", "sum({n0}) as {v}_0", "max({c0}) as {v}_1"),
    ),
    "count": Template("select {items} from {a} group by all", {"n": "int"}, ("count(*) as {v}_n",)),
    "having": Template(
        "select {items} from {a} group by k having count({c1}) > 1", {"0": "c0"}, ("min({c0}) as {v}_0",)
    ),
    "join": Template(
        "select {items} from {a} as x join {b} as y using (k) where y.{m0} < {x} + 5",
        {"0": "c0", "1": "d0"},
        ("x.{c0} as {v}_0", "y.{d0} as {v}_1"),
    ),
    "left join": Template(
        "with y as (select k, sum({m0}) as all_m from {b} group by k)"
        " select {items} from {a} as x left join y using (k)",
        {"0": "c0", "1": "double"},
        ("x.{c0} as {v}_0", "y.all_m as {v}_1"),
    ),
    "cte": Template(
        "with every as (select * from {a}), few as (select * from every where {n0} > {x}) select {items} from few",
        {"0": "c0"},
        ("{c0} as {v}_0",),
    ),
    "semi join": Template(
        "select {items} from {a} where k in (select k from {b} where {m0} > {x})", {"0": "c0"}, ("{c0} as {v}_0",)
    ),
    "union": Template(
        "select {items} from {a} union all select k, {m0} as {v}_0 from {b}", {"0": "double"}, ("{n0} as {v}_0",)
    ),
    "window": Template(
        "select {items} from {a}",
        {"0": "c0", "1": "double", "2": "int"},
        ("{c0} as {v}_0", "sum({n0}) over (partition by k) as {v}_1", "rank() over (order by {n1}, k) as {v}_2"),
    ),
    "latest": Template(
        "select {items} from {a} qualify row_number() over (partition by k order by {t0} desc, {c0} desc) = 1",
        {"0": "c0"},
        ("{c0} as {v}_0",),
        ordered=True,
    ),
    "timed": Template("select {items} from {a}", {"at": "time", "0": "c0"}, ("{t0} as {v}_at", "{c0} as {v}_0")),
    "distinct": Template("select distinct {items} from {a}", {"0": "c0"}, ("{c0} as {v}_0",)),
    "star": Template(
        "select *, {n0} + {x} as {v}_0 from {a} where {c0} is not null", {"0": "double"}, all_of="a", passes=True
    ),
    "exclude": Template(
        "select * exclude ({c0}), {n0} + {x} as {v}_0 from {a}",
        {"0": "double"},
        all_of="a",
        passes=True,
        excluded="c0",
    ),
}
POLARS = {
    "eager": Template(
        'return {a}.select("k", {v}_0=pl.col("{n0}") * RATE, {v}_1=pl.col("{c0}"))',
        {"0": "double", "1": "c0"},
        language="DataFrame",
        all_of="a",
        constants=("RATE",),
    ),
    "lazy": Template(
        'return {a}.group_by("k").agg({v}_0=pl.col("{n0}").sum(), {v}_1=pl.col("{n1}").max() + helpers.FACTOR)',
        {"0": "double", "1": "double"},
        language="LazyFrame",
        all_of="a",
        constants=("FACTOR",),
    ),
    "helper": Template(
        'return helpers.scaled({a}, "{n0}", "{v}_0").select("k", "{v}_0")',
        {"0": "double"},
        language="DataFrame",
        all_of="a",
        constants=("FACTOR", "SHIFT"),
    ),
    "closure": Template(
        'return {a}.select("k", {v}_0=times("{n0}"), {v}_1=pl.col("{c0}"))',
        {"0": "double", "1": "c0"},
        language="LazyFrame",
        all_of="a",
        constants=("TIMES",),
    ),
    "default": Template(
        'return {a}.select("k", {v}_0=shifted("{n0}"))',
        {"0": "double"},
        language="DataFrame",
        all_of="a",
        constants=("DEFAULT",),
    ),
    "ordered": Template(
        'return {a}.select("k", {v}_0=pl.col("{n0}").cum_sum(), {v}_1=pl.col("{c0}").shift(1))',
        {"0": "double", "1": "c0"},
        language="DataFrame",
        all_of="a",
    ),
    "meeting": Template(
        'few = {b}.group_by("k").agg({v}_1=pl.col("{m0}").sum())\n    '
        'return {a}.select("k", {v}_0="{c0}").join(few, on="k", how="left")',
        {"0": "c0", "1": "double"},
        language="LazyFrame",
        all_of="ab",
    ),
}
DECLARED = {
    "columns": Template('"{v}_0": "{c0}", "{v}_1": "{c1}"', {"0": "c0", "1": "c1"}, language="columns"),
    "windows": Template(
        '"{v}_0": hr.Aggregate("sum", "{n0}", over="{w}d"), "{v}_1": hr.Aggregate("last", "{c0}", over="30d"), '
        '"{v}_2": hr.Aggregate("count", over="{w}d", where="{n1} > {x}")',
        {"0": "double", "1": "c0", "2": "int"},
        language="windows",
    ),
}
TEMPLATES = SQL | POLARS | DECLARED
# The event columns of each windowed feature, by the end of its name.
WINDOWED = {"0": ("n0",), "1": ("c0",), "2": ("n1",)}
