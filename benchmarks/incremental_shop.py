"""The usual nine edits on the shop that `headrace init` makes: what is run again, and whether it comes out right.

| scenario | edited | must run | why no other |
|---|---|---|---|
| cold | | 24 | |
| nothing changed | | 0 | |
| a leaf | C of `for_adults` | 2: for_adults, recommend | no other stage reads for_adults |
| comment only | a docstring and a comment of `product_demand` | 0 | the same query |
| refactored, same output | `product_demand`, a sum | 1: product_demand | its rows come out as before |
| new rows in a source | orders | 8: orders, customer_activity, index, product_demand, 2 online, ages, purchases | * |
| a column few read | `product_demand.units` | 8: product_demand, online, purchases, encoding, matrix, cascade (3) | |
| a column nobody reads | `product_demand.buyers` | 2: product_demand, online | purchases takes units |
| change undone | `product_demand.units` again | 0 | the old versions are kept |

* What was ordered after the last impression cannot be known at any: the training sets come out as they were.
After every scenario each asset's digest is compared with that of a full rebuild from nothing in another store.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.measure import OURS, ROUNDS, Case, Timing, cpu_seconds, interleave
from benchmarks.rebuild_contestants import finished
from headrace.store.store import Store

_HEADRACE = (sys.executable, "-m", "headrace.cli.main")
_STORE = ".headrace"
_FLOOR = "python importing every module of assets"


@dataclass(frozen=True)
class Edit:
    """One piece of a file that becomes another."""

    file: str
    old: str
    new: str

    def __call__(self, project: Path) -> None:
        path = project / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{path} does not say {self.old!r} once")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def _new_orders(project: Path) -> None:
    """Some orders again under new numbers, after everything else."""
    folder = project / "data" / "orders"
    query = f"""select * replace (order_id + 1000000 as order_id, ordered_at + interval 1 year as ordered_at)
        from '{folder}/*.parquet' order by order_id limit 50"""
    duckdb.sql(f"copy ({query}) to '{folder}/2027-01.parquet' (format parquet)")


@dataclass(frozen=True)
class Scenario:
    """One edit of the shop after its cold build; with `undone` it is built and taken back before what is counted."""

    name: str
    ideal: int
    edit: Callable[[Path], None] | None = None
    undone: bool = False


_FEATURES = "assets/features.py"
_UNITS = Edit(_FEATURES, "sum(quantity)::bigint", "least(sum(quantity), 2)::bigint")
_ABOUT_ADULTS = 'max_iter=2000),\n            description="What adults'
_DOCSTRING = '"""Units and buyers of each product and day, known from the following midnight on."""'
_SAME_UNITS = "sum(case when quantity > 0 then quantity else 0 end)::bigint"
COLD = Scenario("cold", 24)
SCENARIOS = (
    COLD,
    Scenario("nothing changed", 0),
    Scenario("a leaf", 2, Edit("assets/cascades.py", f"C=0.5, {_ABOUT_ADULTS}", f"C=0.75, {_ABOUT_ADULTS}")),
    Scenario("comment only", 0, Edit(_FEATURES, _DOCSTRING, '"""What sells."""\n    # Midnights are in UTC.')),
    Scenario("refactored, same output", 1, Edit(_FEATURES, "sum(quantity)::bigint", _SAME_UNITS)),
    Scenario("new rows in a source", 8, _new_orders),
    Scenario("a column few read", 8, _UNITS),
    Scenario("a column nobody reads", 2, Edit(_FEATURES, "count(distinct customer_id)", "count(customer_id)")),
    Scenario("change undone", 0, _UNITS, undone=True),
)


def run(quick: bool = False) -> list[Case]:
    """One case a scenario; a quick run has no time for models and makes none but the cold build of a view."""
    with tempfile.TemporaryDirectory() as name:
        shop = Path(name) / "shop"
        finished([*_HEADRACE, "init", shop], Path(name))
        modules = sorted(path.stem for path in (shop / "assets").glob("*.py") if path.stem != "__init__")
        code = "; ".join(f"import assets.{module}" for module in modules)
        floor = interleave(
            {_FLOOR: partial(finished, [sys.executable, "-c", code], shop)}, rounds=1 if quick else ROUNDS, warm=False
        )[0]
        if quick:
            built, timing = _build(shop, "features/customer_profile")
            return [Case("shop, one view", {OURS: timing, **floor}, f"it built {', '.join(built)}", frozenset(floor))]
        return [_case(scenario, shop, floor) for scenario in SCENARIOS]


def _case(scenario: Scenario, shop: Path, floor: dict[str, Timing]) -> Case:
    """Run one scenario in a copy of the shop; the cold build is made in the shop itself, for the copies."""
    place = shop if scenario is COLD else _copy(shop, shop.with_name("copy"))
    if scenario.edit is not None:
        scenario.edit(place)
    if scenario.undone:
        _build(place)
        for path in (shop / "assets").glob("*.py"):
            shutil.copy2(path, place / "assets" / path.name)
    built, timing = _build(place)
    wrong = _differences(place)
    counts = f"nodes run: {len(built)} ({', '.join(sorted(built)) or 'none'}); {scenario.ideal} must"
    said = f"{counts}. Equal to a full rebuild from nothing: {f'all but {wrong}' if wrong else 'all'}"
    return Case(f"shop, {scenario.name}", {OURS: timing, **floor}, said, frozenset(floor))


def _copy(shop: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    return Path(shutil.copytree(shop, place))


def _build(place: Path, *selection: str) -> tuple[list[str], Timing]:
    cpu, wall = cpu_seconds(), time.perf_counter()
    said = finished([*_HEADRACE, "build", "--json", "--quiet", *selection], place, {"DAGSTER_HOME": ""})
    return json.loads(said)["built"], Timing(time.perf_counter() - wall, cpu_seconds() - cpu)


def _differences(place: Path) -> list[str]:
    """The assets whose content differs from that of a build from nothing of the same files."""
    fresh = _copy(place, place.with_name("fresh"))
    shutil.rmtree(fresh / _STORE)
    finished([sys.executable, Path(__file__).with_name("rebuild_unrecorded.py")], fresh)
    found, wanted = _digests(place), _digests(fresh)
    return sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))


def _digests(place: Path) -> dict[str, str]:
    store = Store(place / _STORE)
    return {key: store.load(key, version).digest for key, version in store.refs("dev").current().items()}


def main() -> None:
    for case in run("--quick" in sys.argv):
        print(f"{case.title}: {case.timings[OURS].wall:.2f} s, {case.compared}.")


if __name__ == "__main__":
    main()
