"""The online store follows what is current: by differences, back again, and after a kill."""

import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.environments import refreshed
from headrace.builder.online import online_is_current, refresh_online, replay_online
from headrace.builder.project import project_from
from headrace.errors import DeclarationError, OnlineError
from headrace.store.online.base import Change
from headrace.store.online.open import open_online
from tests.builder.online_shop import NOON, ROWS, activity, customer, described, last_order, orders, read, shop, write


@pytest.fixture
def built(tmp_path):
    write(tmp_path)
    project = shop(tmp_path)
    report = build(project)
    assert not report.failed, report.failed
    return project


def rebuild(project):
    report = build(shop(project.root))
    assert not report.failed, report.failed
    assert not report.notes
    return report


def test_an_online_view_is_an_asset(tmp_path):
    graph = shop(tmp_path).graph
    assert graph.upstream["online/activity"] == ("features/activity",)
    assert "online/last_order" in graph.keys
    assert "online/plain" not in shop(tmp_path, replace(last_order, name="plain", online=False)).graph.keys


def test_the_latest_values_are_read(built):
    assert read(built, "last_order", 1, 2, 3) == [(20.0, "b"), (5.0, None), None]
    assert read(built, "activity", 1, 2, 3) == [(0, 0, None, "b"), (0, 1, None, None), (0, 0, None, None)]
    found = described(built, "last_order")
    assert found.version == built.store.refs("dev").current()["online/last_order"]
    assert found.latest == datetime(2024, 1, 3, tzinfo=UTC)


def test_a_refill_writes_what_differs(built):
    write(built.root, {**ROWS, 4: "2,2024-01-08,7.0,a", 5: "4,2024-01-09,1.0,a"})
    report = rebuild(built)
    assert set(report.replays) == {"online/activity", "online/last_order"}
    assert read(built, "last_order", 1, 2, 4) == [(20.0, "b"), (7.0, "a"), (1.0, "a")]
    assert read(built, "activity", 2, 4) == [(0, 2, 7.0, "a"), (1, 1, 1.0, "a")]
    write(built.root, {2: ROWS[2]})
    rebuild(built)
    assert read(built, "last_order", 1, 2, 4) == [(20.0, "b"), None, None]


def test_a_late_row_does_not_beat_a_newer_one(built):
    write(built.root, {**ROWS, 4: "1,2023-12-31,99.0,a"})
    rebuild(built)
    assert read(built, "last_order", 1) == [(20.0, "b")]


def test_a_row_of_the_future_is_served_when_its_time_comes(built):
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    write(built.root, {**ROWS, 4: f"1,{tomorrow:%Y-%m-%d},99.0,a"})
    rebuild(built)
    assert read(built, "last_order", 1, at=None) == [(20.0, "b")]
    assert read(built, "last_order", 1, at=tomorrow) == [(99.0, "a")]


def test_nothing_changes_when_nothing_changed(built):
    before = described(built, "activity")
    rebuild(built)
    assert described(built, "activity") == before


def test_back_to_what_was_before(built):
    write(built.root, {**ROWS, 4: "2,2024-01-08,7.0,a"})
    rebuild(built)
    write(built.root)
    assert "online/last_order" in rebuild(built).keys("reused")
    assert read(built, "last_order", 1, 2) == [(20.0, "b"), (5.0, None)]
    assert read(built, "activity", 2) == [(0, 1, None, None)]


def test_environments_are_apart(built):
    other = shop(built.root, environment="prod")
    build(other)
    write(built.root, {**ROWS, 4: "2,2024-01-08,7.0,a"})
    rebuild(built)
    assert read(other, "last_order", 2) == [(5.0, None)]
    other.store.refs("prod").move(built.store.refs("dev").current(), run_id="x", state="promoted")
    assert refreshed(other, "prod") == []
    assert read(other, "last_order", 2) == [(7.0, "a")]


def test_a_lost_database_is_filled_again(built):
    for path in (built.store_folder / "online" / "dev").iterdir():
        path.unlink()
    assert not online_is_current(built)
    rebuild(built)
    assert read(built, "last_order", 1) == [(20.0, "b")]


def test_without_the_snapshot_that_it_holds_it_is_filled_as_a_whole(built):
    held = built.store.refs("dev").current()["online/last_order"]
    write(built.root, {2: ROWS[2]})
    build(shop(built.root), ["features/*"])
    import shutil

    shutil.rmtree(built.store.folder("online/last_order", held))
    rebuild(built)
    assert read(built, "last_order", 1, 2) == [(20.0, "b"), None]


def test_a_refill_that_fails_says_so_and_the_next_build_completes_it(built, monkeypatch):
    write(built.root, {**ROWS, 4: "2,2024-01-08,7.0,a"})

    def fail(self, view, schema, fill):
        raise OnlineError(view, "the disk is gone.")

    with monkeypatch.context() as patch:
        patch.setattr("headrace.store.online.lmdb_store.LmdbStore.fill", fail)
        report = build(shop(built.root))
    assert set(report.failed) == {"online/last_order", "online/activity"}
    assert "the online store could not be filled and holds what it had" in str(report.failed["online/activity"])
    assert read(built, "last_order", 2) == [(5.0, None)]
    assert set(rebuild(built).keys("fresh")) >= {"online/last_order"}
    assert read(built, "last_order", 2) == [(7.0, "a")]


KILLED = """
    import os, sys
    from pathlib import Path
    from headrace.builder.build import build
    from headrace.store.online import lmdb_store
    from tests.builder.online_shop import shop

    def die(*arguments):
        os._exit(9)

    setattr(lmdb_store, sys.argv[2], die)
    build(shop(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("moment", ["_write_facts", "_put", "_update", "read_schema"])
def test_a_build_killed_in_between_is_completed_by_the_next(built, moment):
    write(built.root, {**ROWS, 4: "2,2024-01-08,7.0,a"})
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(built.root), moment]
    assert subprocess.run(command, check=False).returncode == 9
    assert read(built, "last_order", 1, 2) == [(20.0, "b"), (5.0, None)]
    rebuild(built)
    assert read(built, "last_order", 1, 2) == [(20.0, "b"), (7.0, "a")]
    assert read(built, "activity", 2) == [(0, 2, 7.0, "a")]


def test_the_replay_check_finds_what_differs(built):
    assert replay_online(built, "online/last_order").passed
    with closing(open_online(built.store_folder, "dev")) as store:
        wrong = Change((1,), datetime(2024, 1, 2, 1, tzinfo=UTC), None, (21.0, "b"))
        store.apply("last_order", store.describe("last_order"), [wrong], None)
    found = replay_online(built, "online/last_order")
    assert (found.passed, found.differing, found.entities) == (False, 2, 2)
    example = found.examples[0]
    assert (example["key"], example["feature"], example["offline"], example["online"]) == ((1,), "paid", 20.0, 21.0)


def test_views_of_every_kind_are_served(tmp_path):
    write(tmp_path)

    @hr.feature_view(entity=customer, online=True)
    def timeless(orders):
        return f"select customer_id, count(*) as n, list(amount order by amount) as paid from {orders} group by all"

    @hr.feature_view(entity=None, timestamp="ordered_at", online=True)
    def market(orders):
        return f"select ordered_at, sum(amount)::decimal(10, 2) as total from {orders} group by all"

    project = project_from((orders, timeless, market), tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    report = build(project)
    assert not report.failed, report.failed
    assert not report.notes
    assert read(project, "timeless", 1, 3) == [(2, [10.5, 20.0]), None]
    with closing(open_online(project.store_folder, "dev")) as store:
        (found,) = store.read("market", [()], at=NOON)
    assert (str(found.values[0]), found.event_time) == ("5.00", datetime(2024, 1, 3, tzinfo=UTC))


@pytest.mark.parametrize("changes", [{"every": "12h"}, {"every": "7h", "ttl": "30h"}])
@pytest.mark.parametrize("view", [last_order, activity])
def test_views_that_change_in_steps_are_served_as_in_training(tmp_path, view, changes):
    lengths = {} if view is last_order else {"ttl": "30d"}
    write(tmp_path, {number: f"{number % 3},2024-01-{number + 1:02},{number}.5,a" for number in range(1, 20)})
    report = build(shop(tmp_path, replace(view, **{**changes, **lengths})))
    assert not report.failed, report.failed
    assert not report.notes
    assert report.replays[f"online/{view.name}"].values > 0


def test_a_view_that_is_no_view_is_refused():
    from headrace.declarations.online import OnlineView

    with pytest.raises(DeclarationError, match="'x' is no feature view"):
        OnlineView("x", "x")


def test_a_view_that_is_not_online_any_more_is_removed(built):
    project = shop(built.root, activity, replace(last_order, online=False))
    assert not online_is_current(project)
    assert not build(project).failed
    assert described(built, "last_order") is None
    assert read(built, "activity", 2) == [(0, 1, None, None)]
    assert online_is_current(project)
    rebuild(built)
    assert read(built, "last_order", 1) == [(20.0, "b")]


def test_a_rollback_takes_the_online_store_along(built):
    from headrace.builder.rollback import rollback

    write(built.root, {**ROWS, 4: "2,2024-01-08,7.0,a"})
    rebuild(built)
    undeclared = project_from((), built.root)
    assert rollback(undeclared, ["online/last_order"]).notes == ()
    assert read(built, "last_order", 2) == [(5.0, None)]


def test_a_time_that_is_none_is_named(tmp_path):
    write(tmp_path, {1: "1,soon,1.0,a"})
    report = build(shop(tmp_path, last_order))
    assert "ordered_at: is VARCHAR, no time" in str(report.failed["features/last_order"])


def test_only_one_view_can_be_brought_up_to_date(built):
    assert refresh_online(built, only="online/activity").changed == {"online/activity": 0}
    assert activity.online
