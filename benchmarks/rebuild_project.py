"""The project of `rebuild`: 30 nodes of plain SQL over five sources, for Headrace, dbt, SQLMesh and a script alike.

    orders ---- orders_lines --+-- orders_totals -- money ----+
            \\-- orders_marks --+-- orders_habits -- service --|
    payments -- payments_facts --- payments_totals - money ---|
            \\-- payments_marks --- payments_habits - money    +-- wide
    tickets --- the same --------- two features --- service --|
    visits ---- the same --------- two features --- attention |
    returns --- the same --------- two features --- regret ---+

`orders_totals` reads orders_lines; `orders_habits` reads orders_lines and orders_marks. So 5 sources, 10 staging views,
10 features, 4 joins, 1 wide. What must run after an edit follows from that alone:

| scenario | edited | must run | why no other |
|---|---|---|---|
| cold | | 30 | |
| nothing changed | | 0 | |
| a leaf | `wide` | 1: wide | nothing reads it |
| comment only | comments, layout of `orders_lines` | 0 | the same query |
| refactored, same output | `orders_lines` with a CTE | 1: orders_lines | its rows come out as before |
| new rows in a source | `visits` | 7: visits, 2 staging, 2 features, attention, wide | the rest does not read it |
| a column few read | `orders_lines.gift` | 4: orders_lines, orders_totals, money, wide | others read other columns |
| a column nobody reads | `orders_lines.remark` | 1: orders_lines | |
| change undone | `orders_lines.gift` again | 0 | the old versions are kept |
| column added | to `orders_lines` | 1: orders_lines | nobody reads it |
| few read, in the data | `visits.score` | 4: visits, visits_marks, visits_habits, attention | as above |
| nobody reads, in the data | `visits.spare` | 1: visits | |

The first nine are the usual ones; of the last three, two are edits of the raw files instead of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SOURCES = ("orders", "payments", "tickets", "visits", "returns")
JOINS = {
    "money": ("orders_totals", "payments_totals", "payments_habits"),
    "service": ("orders_habits", "tickets_totals", "tickets_habits"),
    "attention": ("visits_totals", "visits_habits"),
    "regret": ("returns_totals", "returns_habits"),
}
# What is compared with a full rebuild: every table from the joins on.
RESULTS = (*JOINS, "wide")
ROWS = 200_000
NEW_ROWS = 1_000
_ROWS_PER_CUSTOMER = 4
# What is added to a column in one row of a hundred when it is edited.
_BUMPS = {"score": "0.25", "spare": "1.5"}


@dataclass(frozen=True)
class Node:
    """One table: its SQL, in which `{name}` stands for another table, and the columns that are its key."""

    name: str
    layer: str
    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    sql: str
    about: str = ""

    def text(self, table: Callable[[str], str]) -> str:
        """Its SQL with `table(name)` for each table that it reads."""
        return self.sql.format(**{name: table(name) for name in self.inputs})


@dataclass(frozen=True)
class Edit:
    """A change of one node's SQL, or of what is written about it."""

    node: str
    old: str
    new: str
    about: str | None = None

    def apply(self, nodes: Sequence[Node]) -> list[Node]:
        """The nodes after the edit; raises ValueError when there is nothing to edit."""
        if not any(one.name == self.node and self.old in one.sql for one in nodes):
            raise ValueError(f"{self.node} does not say {self.old!r}")
        return [self._edited(one) if one.name == self.node else one for one in nodes]

    def _edited(self, node: Node) -> Node:
        return replace(node, sql=node.sql.replace(self.old, self.new), about=self.about or node.about)


@dataclass(frozen=True)
class DataEdit:
    """A change of one source's file: `new rows`, or the name of a column whose values change in some rows."""

    source: str
    what: str


@dataclass(frozen=True)
class Scenario:
    """One edit of the project as it was built cold.

    Attributes:
        ideal: how many nodes have to run.
        undone: build the edit first, then take it back: what is counted is the build after that.
    """

    name: str
    ideal: int
    code: Edit | None = None
    data: DataEdit | None = None
    undone: bool = False


_HISTORY = """coalesce(epoch(seen_at) - epoch(lag(seen_at) over past), 0) as pause,
    row_number() over past as nth,
    avg(amount) over (past rows between 9 preceding and current row) as recent,
    max(amount) over (partition by customer_id order by seen_at range interval 30 day preceding) as month_top"""
_PAST = "window past as (partition by customer_id order by seen_at, {key})"


def _lines() -> Node:
    sql = f"""select
    orders_id,
    customer_id,
    seen_at,
    date_trunc('month', seen_at) as month,
    amount * 1.19 as gross,
    quantity,
    case when code like 'c1%' then amount * 0.05 else 0 end as gift,
    channel || ' ' || code as remark,
    {_HISTORY.format(key="orders_id")}
from {{orders}}
where quantity > 0
{_PAST.format(key="orders_id")}"""
    return Node("orders_lines", "staging", ("orders_id",), ("orders",), sql)


def _facts(source: str) -> Node:
    sql = f"""select
    {source}_id,
    customer_id,
    seen_at,
    date_trunc('month', seen_at) as month,
    amount * 1.19 as gross,
    quantity,
    {_HISTORY.format(key=f"{source}_id")}
from {{{source}}}
where quantity > 0
{_PAST.format(key=f"{source}_id")}"""
    return Node(f"{source}_facts", "staging", (f"{source}_id",), (source,), sql)


def _marks(source: str) -> Node:
    sql = f"""select
    {source}_id,
    customer_id,
    upper(code) as code,
    channel,
    score * 100 as points,
    score > 0.5 as good,
    percent_rank() over (partition by channel order by score) as standing,
    regexp_replace(code, '[0-9]+', '') || '-' || channel as mark
from {{{source}}}
where code <> 'c0'"""
    return Node(f"{source}_marks", "staging", (f"{source}_id",), (source,), sql)


def _totals(source: str, table: str) -> Node:
    gift = "sum(gift) as orders_gift,\n    " if table == "orders_lines" else ""
    sql = f"""select
    customer_id,
    count(*) as {source}_n,
    sum(gross) as {source}_gross,
    avg(gross) as {source}_mean,
    {gift}max(seen_at) as {source}_last,
    count(distinct month) as {source}_months,
    max(pause) as {source}_pause,
    median(gross) as {source}_median,
    quantile_cont(gross, 0.9) as {source}_high,
    max(recent) as {source}_recent,
    max(month_top) as {source}_top
from {{{table}}}
group by customer_id"""
    return Node(f"{source}_totals", "features", ("customer_id",), (table,), sql)


def _habits(source: str) -> Node:
    sql = f"""select
    customer_id,
    count(distinct code) as {source}_codes,
    max(channel) as {source}_channel,
    avg(points) as {source}_points,
    sum(good::int)::bigint as {source}_good,
    median(points) as {source}_middle,
    max(standing) as {source}_standing,
    count(distinct mark) as {source}_marks
from {{{source}_marks}}
group by customer_id"""
    return Node(f"{source}_habits", "features", ("customer_id",), (f"{source}_marks",), sql)


def _order_habits() -> Node:
    sql = """select
    marks.customer_id,
    count(distinct marks.code) as orders_codes,
    count(case when lines.quantity > 2 then 1 end) as orders_bulk,
    avg(marks.points * lines.quantity) as orders_points
from {orders_marks} as marks
join {orders_lines} as lines on marks.orders_id = lines.orders_id
group by marks.customer_id"""
    return Node("orders_habits", "features", ("customer_id",), ("orders_lines", "orders_marks"), sql)


def _join(name: str, inputs: tuple[str, ...]) -> Node:
    joined = "".join(f"\nleft join {{{one}}} using (customer_id)" for one in inputs[1:])
    return Node(name, "joins", ("customer_id",), inputs, f"select *\nfrom {{{inputs[0]}}}{joined}")


def _wide() -> Node:
    sql = """select
    customer_id,
    orders_n,
    orders_gross - orders_gift as orders_net,
    orders_gross / orders_n as orders_size,
    orders_bulk,
    orders_points,
    payments_gross,
    payments_codes,
    payments_points,
    tickets_n,
    tickets_points,
    visits_n,
    visits_last,
    visits_codes,
    returns_n,
    returns_gross,
    returns_good,
    payments_gross - returns_gross as balance
from {money}
left join {service} using (customer_id)
left join {attention} using (customer_id)
left join {regret} using (customer_id)"""
    return Node("wide", "wide", ("customer_id",), tuple(JOINS), sql)


def make_nodes() -> list[Node]:
    """The 25 tables made by SQL, upstream first; the five sources are files."""
    staging = [_lines(), _marks("orders")]
    staging += [make(source) for source in SOURCES[1:] for make in (_facts, _marks)]
    features = [_totals("orders", "orders_lines"), _order_habits()]
    features += [one for source in SOURCES[1:] for one in (_totals(source, f"{source}_facts"), _habits(source))]
    joins = [_join(name, inputs) for name, inputs in JOINS.items()]
    return [*staging, *features, *joins, _wide()]


_COMMENT = "select -- one line of an order\n    orders_id   ,\n    /* who */ customer_id,\n    seen_at,"
_PLAIN = "select\n    orders_id,\n    customer_id,\n    seen_at,"
_CTE = "with kept as (select * from {orders} where not quantity <= 0)\n" + _PLAIN
_GIFT = "amount * 0.05"

NOTHING = Scenario("nothing changed", 0)
COLD = Scenario("cold", 30)
_FEW = Edit("orders_lines", _GIFT, "amount * 0.075")


class _Refactored(Edit):
    """The filter goes first, into a common table expression, and the rest reads from it."""

    def _edited(self, node: Node) -> Node:
        rest = node.sql.replace("from {orders}\nwhere quantity > 0", "from kept")
        return replace(node, sql=rest.replace(_PLAIN, _CTE))


SCENARIOS = (
    COLD,
    NOTHING,
    Scenario("a leaf", 1, Edit("wide", "orders_gross / orders_n", "orders_gross / (orders_n + 1)")),
    Scenario("comment only", 0, Edit("orders_lines", _PLAIN, _COMMENT, "Every line of an order that counts.")),
    Scenario("refactored, same output", 1, _Refactored("orders_lines", _PLAIN, _CTE)),
    Scenario("new rows in a source", 7, data=DataEdit("visits", "new rows")),
    Scenario("a column few read", 4, _FEW),
    Scenario("a column nobody reads", 1, Edit("orders_lines", "' ' || code", "'/' || lower(code)")),
    Scenario("change undone", 0, _FEW, undone=True),
    Scenario("column added", 1, Edit("orders_lines", "    quantity,\n", "    quantity,\n    quantity > 2 as bulk,\n")),
    Scenario("few read, in the data", 4, data=DataEdit("visits", "score")),
    Scenario("nobody reads, in the data", 1, data=DataEdit("visits", "spare")),
)
NINE = SCENARIOS[:9]


def write_source(folder: Path, source: str, rows: int = ROWS, edit: DataEdit | None = None) -> Path:
    """One source's Parquet file, always with the same rows; replaced as a whole, as a loader would."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source}.parquet"
    fresh = folder / f".{source}"
    what = edit.what if edit is not None and edit.source == source else ""
    with duckdb.connect() as connection:
        connection.execute(f"copy ({_rows(source, rows, what)}) to '{fresh}' (format parquet)").fetchall()
    fresh.replace(path)
    return path


def _rows(source: str, rows: int, what: str) -> str:
    number = SOURCES.index(source)
    customers = max(10, rows // _ROWS_PER_CUSTOMER)
    total = rows + max(20, NEW_ROWS * rows // ROWS) if what == "new rows" else rows
    bump = {name: f" + (i % 100 = 7)::int * {size}" if what == name else "" for name, size in _BUMPS.items()}
    return f"""select
    i as {source}_id,
    (hash(i, {number}, 'c') % {customers})::bigint as customer_id,
    timestamp '2024-01-01' + interval (hash(i, {number}, 't') % 100000) minute
        + interval (i // {rows} * 100) day as seen_at,
    (hash(i, {number}, 'a') % 100000)::double / 100 as amount,
    (hash(i, {number}, 'q') % 6)::int as quantity,
    'c' || (hash(i, {number}, 'k') % 50) as code,
    ['web', 'app', 'shop', 'phone', 'mail'][1 + (hash(i, {number}, 'h') % 5)::int] as channel,
    (hash(i, {number}, 's') % 10000)::double / 10000{bump["score"]} as score,
    hash(i, {number}, 'x')::double / 1e19{bump["spare"]} as spare
from range({total}) as t(i)
order by i"""
