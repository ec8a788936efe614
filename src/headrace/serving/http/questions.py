"""From a request's body to a question, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from headrace.errors import closest, name_list
from headrace.serving.http.limits import Limits, Refused

_FIELDS = ("keys", "request", "features")


@dataclass(frozen=True)
class Question:
    """A body: `keys` and `request` as `FeatureStore.online` takes them; `features`: only these of the service's."""

    keys: Any
    request: Any
    features: tuple[str, ...] | None


async def read_question(request: Request, limits: Limits) -> Question:
    """The question in a request; raises Refused for a body that is too long, too slow, or not what it should be."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused("wrong_content_type", f"The body is {kind}. Send application/json.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limits.body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.seconds):
            body = await _body(request, limits)
    except TimeoutError:
        raise Refused("timeout", f"The body did not arrive within {limits.seconds:g} seconds.") from None
    except ClientDisconnect:
        raise Refused("disconnected", "The connection was closed before the body had arrived.") from None
    return parse_question(body, limits)


async def _body(request: Request, limits: Limits) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > limits.body_bytes:
            raise _too_large(limits)
        parts.append(part)
    return b"".join(parts)


def _too_large(limits: Limits) -> Refused:
    return Refused("too_large", f"The body is longer than {limits.body_bytes} bytes. Ask in several requests.")


def parse_question(body: bytes, limits: Limits) -> Question:
    """A body's question; NaN and infinity are no JSON."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused("malformed_json", f"The body is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Refused("wrong_type", f'The body is {_kind(value)}. Send an object, as in {{"keys": [...]}}.')
    for name in value:
        if name not in _FIELDS:
            near = closest(name[:60], _FIELDS)
            hint = f" Did you mean {near!r}?" if near else ""
            raise Refused(
                "unknown_field", f"unknown field {name[:60]!r}.{hint} Known: {name_list(_FIELDS)}.", name[:60]
            )
    keys = value.get("keys")
    _check_rows("keys", keys, limits)
    _check_rows("request", value.get("request"), limits)
    return Question(keys, value.get("request"), _features(value.get("features")))


def _check_rows(field: str, given: Any, limits: Limits) -> None:
    lists = given.values() if isinstance(given, Mapping) else [given]
    rows = max((len(one) for one in lists if isinstance(one, list)), default=1)
    if rows > limits.rows:
        message = f"{rows} rows are more than {limits.rows}. Ask in several requests."
        raise Refused("too_many_rows", message, field)


def _features(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise Refused("wrong_type", "should be a list of names.", "features")
    return tuple(dict.fromkeys(given))


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")
