"""When assets are rebuilt by themselves: what may be said, and that saying it changes no data."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.declarations.refresh import parse_refresh
from headrace.errors import DeclarationError


def source(**changes) -> hr.Source:
    return hr.Source("orders", **{"path": "orders.csv", **changes})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, None),
        ("on_change", hr.OnChange()),
        (hr.OnChange(every="30m"), hr.OnChange(every="30m")),
        ("0 6 * * *", hr.Cron("0 6 * * *")),
        ("@Hourly", hr.Cron("0 * * * *")),
        (hr.Cron(" 0  6 * * MON ", "Europe/Berlin"), hr.Cron("0 6 * * mon", timezone="Europe/Berlin")),
    ],
)
def test_what_is_said_and_what_it_means(given, meant):
    assert source(refresh=given).refresh == meant


@pytest.mark.parametrize(
    "expression",
    ["* * * * *", "*/15 * * * *", "0 6 * * mon-fri", "0 22-2 * * fri-mon", "5,35 0-12/3 1 jan,jul *", "0 0 30 2 7"],
)
def test_what_cron_understands(expression):
    assert hr.Cron(expression).expression == expression


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 6 * *", r"Cron\('0 6 \* \*'\): has 4 field\(s\), not 5\. Write minute, hour"),
        ("0 6 * * * *", r"has 6 field\(s\), not 5"),
        ("60 * * * *", "minute '60' is not within 0-59"),
        ("0 0 0 * *", "day of the month '0' is not within 1-31"),
        ("0 0 * * frydag", "weekday 'frydag' is not within 0-7"),
        ("*/0 * * * *", r"cannot read '\*/0' as a minute"),
        ("1,,2 * * * *", "cannot read '' as a minute"),
        ("0 0 31 2,4 *", "names a day that never comes"),
        (6, r"Cron\(6\): is no text"),
    ],
)
def test_what_cron_does_not_understand(expression, message):
    with pytest.raises(DeclarationError, match=message):
        hr.Cron(expression)


@pytest.mark.parametrize("zone", ["Berlin", "", None, "Europe"])
def test_a_zone_that_is_unknown(zone):
    with pytest.raises(DeclarationError, match=r"timezone .* is unknown\. Use an IANA name"):
        hr.Cron("0 6 * * *", timezone=zone)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("onchange", r"Source\('orders'\): refresh is 'onchange'\. Give \"on_change\", a cron expression"),
        (True, r"Source\('orders'\): refresh is True"),
        ("0 25 * * *", r"Source\('orders'\)\.refresh='0 25 \* \* \*': hour '25' is not within 0-23"),
    ],
)
def test_a_wrong_refresh_names_the_declaration(given, message):
    with pytest.raises(DeclarationError, match=message):
        source(refresh=given)


def test_a_time_between_rebuilds_is_a_duration():
    assert (hr.OnChange().seconds, hr.OnChange(every="2h").seconds) == (0, 7200)
    with pytest.raises(DeclarationError, match=r"OnChange\(every='soon'\): cannot read 'soon' as a duration"):
        hr.OnChange(every="soon")


def test_it_decides_when_and_not_what():
    assert source(refresh="on_change") == source()
    assert source(refresh="on_change").data() == source().data()


def test_a_decorated_function_has_one_too():
    orders = source()

    @hr.feature_view(entity=None, inputs={"orders": orders}, refresh="@daily")
    def totals(orders):
        return f"select sum(amount) as total from {orders}"

    assert totals.refresh == hr.Cron("0 0 * * *")


def test_what_has_no_data_has_no_refresh():
    with pytest.raises(DeclarationError, match=r"Entity\('customer'\): has no data to refresh"):
        hr.Entity("customer", keys=["customer_id"], refresh="on_change")


def test_parsing_again_changes_nothing():
    for meant in (None, hr.OnChange(every="1h"), hr.Cron("@weekly")):
        assert parse_refresh("here", meant) is meant
