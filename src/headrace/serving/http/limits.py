"""Limits: how much a question may be, and what a refusal looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

STATUS = {
    "unknown_service": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "unauthorized": 401,
    "timeout": 408,
    "not_online": 409,
    "not_filled": 409,
    "not_ready": 409,
    "too_large": 413,
    "too_many_rows": 413,
    "wrong_content_type": 415,
    "malformed_json": 400,
    "disconnected": 400,
    "unavailable": 503,
}
_INVALID = 422


@dataclass(frozen=True)
class Limits:
    """What one question may be.

    Attributes:
        rows: how many rows of keys.
        body_bytes: how long its body.
        seconds: how long its body may take to arrive.
    """

    rows: int = 1000
    body_bytes: int = 1_048_576
    seconds: float = 10.0


class Refused(Exception):
    """A question that gets an error for an answer; `field` is the part of it that is meant."""

    def __init__(self, reason: str, message: str, field: str | None = None, **headers: str) -> None:
        self.reason = reason
        self.message = message
        self.field = field
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(message)


def refusal(error: Refused) -> Response:
    """The answer to a refused question: `{"error": {"reason", "message", "field"}}`."""
    status = STATUS.get(error.reason, _INVALID)
    return json_response(error_body(error.reason, error.message, error.field), status, error.headers)


def error_body(reason: str, message: str, field: str | None = None) -> dict[str, Any]:
    """What every answer other than 200 holds."""
    return {"error": {"reason": reason, "message": message, "field": field}}


def as_json(value: Any) -> bytes:
    """A value as JSON: moments in ISO 8601, decimals as text, bytes in base64, NaN and infinity as text.

    >>> as_json({"a": float("nan"), "b": b"ab"})
    b'{"a":"NaN","b":"YWI="}'
    """
    return to_json(value, inf_nan_mode="strings", bytes_mode="base64")


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as an answer."""
    return Response(as_json(value), status, headers, "application/json")
