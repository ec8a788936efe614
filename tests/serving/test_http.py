"""HTTP: typed answers, and a 4xx with a reason for whatever else is sent."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

import headrace as hr
from headrace.errors import ProjectError
from headrace.serving.http.app import create_app
from headrace.serving.http.limits import Limits
from headrace.serving.http.server import is_loopback, refuse_open
from tests.serving.asking import ask, exchange, post

ONE = {"customer_id": 3, "shop": "north", "product_id": 1}
GOOD = {"keys": ONE, "request": {"basket_value": 23.0}}
REASONS_4XX = {400, 401, 404, 405, 408, 409, 413, 415, 422}


@pytest.fixture
def app(store):
    return create_app(store)


def test_an_answer_has_values_statuses_and_versions(app, store):
    status, found = post(app, "purchase", GOOD)
    assert status == 200
    assert (found["service"], found["version"], found["environment"], found["complete"]) == ("purchase", 1, "dev", True)
    (row,) = found["rows"]
    assert row["values"] | {"since": ""} == {
        **{"orders_7d": 0, "orders_3650d": 3, "spend_3650d": 69.0, "amount": 43.0, "paid": "43.50", "price": 9.5},
        **{"since": "", "basket_ratio": 23.0 / 69.0},
    }
    assert set(row["status"]) == set(row["values"])
    assert row["event_times"]["last_order"] == "2026-01-02T19:00:00Z"
    version = store.online_store.describe("activity").version
    assert found["views"]["activity"]["version"] == version


def test_partial_answers_are_marked(app):
    question = {"keys": [ONE, ONE | {"customer_id": 99}], "request": {"basket_value": 1}}
    status, found = post(app, "purchase", question)
    assert (status, found["complete"]) == (200, False)
    assert found["rows"][1]["status"]["amount"] == "missing"
    assert found["rows"][1]["values"]["amount"] is None
    assert found["rows"][0]["status"]["amount"] == "present"


def test_some_features_of_a_service(app):
    status, found = post(app, "simple", {"keys": [{"customer_id": 1}], "features": ["comment", "amount"]})
    assert status == 200
    assert found["rows"][0]["values"] == {"amount": 41.0, "comment": "ä"}
    assert set(found["rows"][0]["status"]) == {"amount", "comment"}
    assert post(app, "simple", {"keys": {"customer_id": 1}, "features": ["amount"]})[1]["rows"][0]["values"] == {
        "amount": 41.0
    }


def test_a_service_of_requests_alone(app):
    question = {
        "request": [{"moment": "2026-01-01T23:30:00+01:00", "words": ["a", None]}, {"moment": None, "words": []}]
    }
    status, found = post(app, "clock", question)
    assert (status, found["complete"], found["views"]) == (200, True, {})
    assert [row["values"] for row in found["rows"]] == [{"hour": 22, "count": 2}, {"hour": None, "count": 0}]
    assert found["rows"][0]["status"] == {"hour": "present", "count": "present"}


def test_what_may_take_long_is_asked_in_another_thread(store, monkeypatch):
    monkeypatch.setattr(hr.FeatureStore, "is_remote", True)
    app = create_app(store)
    assert post(app, "simple", {"keys": {"customer_id": 1}})[1]["rows"][0]["values"]["amount"] == 41.0
    assert post(app, "nothing", {"keys": {"customer_id": 1}})[0] == 404
    many = {"keys": [{"customer_id": number % 20} for number in range(1000)]}
    assert len(post(app, "simple", many)[1]["rows"]) == 1000


@pytest.mark.parametrize("question", [{}, {"keys": {}}, {"keys": [{}]}])
def test_a_view_without_an_entity_has_one_row(app, question):
    status, found = post(app, "market", question)
    assert (status, [row["values"] for row in found["rows"]]) == (200, [{"last_amount": 59.0}])


def test_no_rows(app):
    assert post(app, "simple", {"keys": []})[1]["rows"] == []


BAD = [
    ("nothing", GOOD, 404, "unknown_service", None),
    ("..%2Fsecret", GOOD, 404, "unknown_service", None),
    ("purchase", b"", 400, "malformed_json", None),
    ("purchase", b"{", 400, "malformed_json", None),
    ("purchase", b"\xff\xfe", 400, "malformed_json", None),
    ("purchase", b"[" * 100_000, 400, "malformed_json", None),
    ("simple", b'{"keys": {"customer_id": NaN}}', 400, "malformed_json", None),
    ("purchase", b'{"keys": {}, "request": {"basket_value": Infinity}}', 400, "malformed_json", None),
    ("simple", b'{"keys": {"customer_id": "\\ud800"}}', 400, "malformed_json", None),
    ("purchase", [GOOD], 422, "wrong_type", None),
    ("purchase", 5, 422, "wrong_type", None),
    ("purchase", None, 422, "wrong_type", None),
    ("purchase", {}, 422, "wrong_type", "keys"),
    ("purchase", GOOD | {"kyes": 1}, 422, "unknown_field", "kyes"),
    ("purchase", {"keys": ONE}, 422, "missing_request", "request"),
    ("purchase", {"keys": {"customer_id": 1}, "request": {"basket_value": 1}}, 422, "missing_key", "keys"),
    ("simple", {"keys": [{"customer_id": 1}, {"customer_id": "x"}]}, 422, "wrong_type", "keys[1].customer_id"),
    ("simple", {"keys": [{"customer_id": 2**63}]}, 422, "wrong_type", "keys[0].customer_id"),
    ("simple", {"keys": [{"customer_id": {"a": [1]}}]}, 422, "wrong_type", "keys[0].customer_id"),
    ("simple", {"keys": {"customer_id": 1, "customer_di": 1}}, 422, "unknown_key", "keys"),
    ("simple", {"keys": {"customer_id": 1}, "request": {"x": 1}}, 422, "unknown_request", "request"),
    ("simple", {"keys": [[1]]}, 422, "wrong_type", "keys[0]"),
    ("simple", {"keys": "customer_id"}, 422, "wrong_type", "keys"),
    ("simple", {"keys": {"customer_id": 1}, "features": ["amuont"]}, 422, "unknown_feature", "features"),
    ("simple", {"keys": {"customer_id": 1}, "features": []}, 422, "wrong_type", "features"),
    ("simple", {"keys": {"customer_id": 1}, "features": [1]}, 422, "wrong_type", "features"),
    ("simple", {"keys": [{"customer_id": 1}] * 1001}, 413, "too_many_rows", "keys"),
    ("simple", {"keys": {"customer_id": [1] * 1001}}, 413, "too_many_rows", "keys"),
    ("simple", b" " * 2_000_000, 413, "too_large", None),
    ("simple", b'{"keys": {"customer_id": %b}}' % (b"9" * 4000), 422, "wrong_type", "keys.customer_id"),
    ("simple", b'{"keys": {"customer_id": %b}}' % (b"9" * 900_000), 400, "malformed_json", None),
    ("simple", b'{"keys": {"%b": 1}}' % (b"c" * 900_000), 422, "unknown_key", "keys"),
    ("kept", {"keys": {"customer_id": 1}}, 409, "not_online", None),
]


@pytest.mark.parametrize(("service", "question", "status", "reason", "field"), BAD)
def test_bad_questions_are_explained(app, service, question, status, reason, field):
    found, answer = post(app, service, question)
    error = answer["error"]
    assert (found, error["reason"], error["field"]) == (status, reason, field)
    assert len(error["message"]) > 10


def test_what_is_known_is_told(app):
    message = post(app, "purchsae", GOOD)[1]["error"]["message"]
    assert (
        message
        == "unknown service 'purchsae'. Did you mean 'purchase'? Known: clock, gift, kept, market, purchase, simple."
    )


def test_only_json_is_taken(app):
    status, found = post(app, "purchase", GOOD, **{"content-type": "text/plain"})
    assert (status, found["error"]["reason"]) == (415, "wrong_content_type")


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/features/purchase", 405, "method_not_allowed"),
        ("DELETE", "/services", 405, "method_not_allowed"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/services/nothing", 404, "unknown_service"),
    ],
)
def test_other_paths_and_methods(app, method, path, status, reason):
    found, _, answer = ask(app, method, path)
    assert (found, answer["error"]["reason"]) == (status, reason)


def test_services_health_and_openapi(app):
    services = ask(app, "GET", "/services")[2]["services"]
    assert [one["name"] for one in services] == ["clock", "gift", "kept", "market", "purchase", "simple"]
    assert services[4]["request"] == {"basket_value": "DOUBLE"}
    health = ask(app, "GET", "/health")[2]
    assert (health["status"], sorted(health["views"])) == ("ok", ["activity", "last_order", "overall", "price"])
    assert health["views"]["activity"]["seconds_old"] > 0
    document = ask(app, "GET", "/openapi.json")[2]
    body = document["paths"]["/features/purchase"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    keys = body["properties"]["keys"]["anyOf"][0]
    assert keys["properties"]["customer_id"] == {"type": ["integer", "null"]}
    assert keys["required"] == ["customer_id", "shop", "product_id"]
    assert set(document["paths"]["/features/purchase"]["post"]["responses"]) >= {"200", "400", "404", "413", "422"}


def test_a_token_is_asked_for(store):
    app = create_app(store, token="s3cret")
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "s3cret"},
        {"authorization": "Bearer \xe9"},
    ):
        status, found, answer = ask(app, "POST", "/features/purchase", json.dumps(GOOD).encode(), headers)
        assert (status, answer["error"]["reason"]) == (401, "unauthorized")
        assert found["www-authenticate"] == "Bearer"
    assert post(app, "purchase", GOOD, authorization="Bearer s3cret")[0] == 200
    assert ask(app, "GET", "/services")[0] == 401
    assert ask(app, "GET", "/openapi.json")[0] == 401
    assert ask(app, "GET", "/health")[2] == {"status": "ok"}
    assert "views" in ask(app, "GET", "/health", headers={"authorization": "bearer s3cret"})[2]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_machines_need_a_token(host):
    with pytest.raises(ProjectError, match="can be reached from other machines, and there is no token"):
        refuse_open(host, "")
    refuse_open(host, "token")
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_none(host):
    refuse_open(host, "")


def test_a_slow_body_is_not_waited_for(store):
    app = create_app(store, limits=Limits(seconds=0.05))

    async def never() -> dict[str, Any]:
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": False}

    status, _, answer = asyncio.run(exchange(app, "POST", "/features/simple", never))
    assert (status, answer["error"]["reason"]) == (408, "timeout")


def test_a_body_in_pieces_is_cut_off_at_the_limit(store):
    app = create_app(store, limits=Limits(body_bytes=1000))

    async def endless() -> dict[str, Any]:
        return {"type": "http.request", "body": b" " * 100, "more_body": True}

    headers = {"transfer-encoding": "chunked"}
    status, _, answer = asyncio.run(exchange(app, "POST", "/features/simple", endless, headers))
    assert (status, answer["error"]["reason"]) == (413, "too_large")


def test_a_caller_that_hangs_up_is_no_failure(store):
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    assert asyncio.run(exchange(create_app(store), "POST", "/features/simple", gone))[0] == 400


WORDS = ["keys", "request", "features", "customer_id", "shop", "product_id", "basket_value", "amount", "", "x", "é"]


def random_value(draw: random.Random, depth: int = 0) -> Any:
    if depth < 4 and draw.random() < 0.5:
        if draw.random() < 0.4:
            return [random_value(draw, depth + 1) for _ in range(draw.randrange(4))]
        return {draw.choice(WORDS): random_value(draw, depth + 1) for _ in range(draw.randrange(4))}
    simple = [None, True, False, 0, 3, -1, 2**63, 10**400, 1.5, float("nan"), float("inf"), "", "north", "3", "\0"]
    return draw.choice([*simple, draw.choice(WORDS), draw.getrandbits(70), draw.random(), "a" * draw.randrange(300)])


def random_body(draw: random.Random) -> bytes:
    """Noise, random JSON, a question with a part replaced, and one with bytes changed."""
    kind = draw.randrange(4)
    if kind == 0:
        return draw.randbytes(draw.randrange(200))
    if kind == 1:
        return json.dumps(random_value(draw)).encode()
    question = json.loads(json.dumps(GOOD))
    place = draw.choice([question, question["keys"], question["request"]])
    place[draw.choice([*place, *WORDS])] = random_value(draw)
    body = bytearray(json.dumps(question).encode())
    for _ in range(draw.randrange(1, 4) if kind == 3 else 0):
        body[draw.randrange(len(body))] = draw.randrange(256)
    return bytes(body)


def test_a_thousand_random_bodies_are_answered_or_refused(store):
    app, draw = create_app(store), random.Random(7)
    seen: dict[int, int] = {}

    async def all_of_them() -> None:
        for _ in range(1000):
            body = random_body(draw)

            async def receive(body: bytes = body) -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            service = draw.choice(["purchase", "simple", "gift", "kept", "price"])
            status, _, answer = await exchange(app, "POST", f"/features/{service}", receive)
            assert status == 200 or (status in REASONS_4XX and answer["error"]["message"]), body
            seen[status] = seen.get(status, 0) + 1

    asyncio.run(all_of_them())
    assert sum(seen.values()) == 1000
    assert {200, 400, 404, 409, 422} <= set(seen)


def test_a_service_of_an_empty_project(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    with hr.FeatureStore(tmp_path) as store:
        app = create_app(store)
        assert ask(app, "GET", "/health")[2]["status"] == "empty"
        status, found = post(app, "purchase", GOOD)
    assert (status, found["error"]["reason"]) == (404, "unknown_service")
    assert "Run `headrace build`" in found["error"]["message"]
