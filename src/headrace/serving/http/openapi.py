"""The OpenAPI description: one path for each service, with the types of its keys, requests and features."""

from __future__ import annotations

from typing import Any

from headrace.serving.http.limits import Limits
from headrace.store.services import Columns, ServiceDescription

_FORMATS = {
    "BOOLEAN": {"type": "boolean"},
    "VARCHAR": {"type": "string"},
    "FLOAT": {"type": "number"},
    "DOUBLE": {"type": "number"},
    "DATE": {"type": "string", "format": "date"},
    "TIME": {"type": "string", "format": "time"},
    "UUID": {"type": "string", "format": "uuid"},
    "BLOB": {"type": "string", "contentEncoding": "base64"},
}
_ERRORS = {
    400: "the body is no JSON",
    401: "the token is missing or wrong",
    404: "there is no such service",
    409: "the service cannot be answered yet",
    413: "more bytes or rows than are taken",
    415: "the body is not application/json",
    422: "the question does not fit the service; `field` says where",
}


def openapi(services: list[ServiceDescription], limits: Limits, *, token: bool) -> dict[str, Any]:
    """The document for these services, OpenAPI 3.1."""
    secured: dict[str, Any] = {"security": [{"token": []}]} if token else {}
    schemes = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if token else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headrace feature services", "version": "1"},
        "paths": {
            "/health": {"get": _get("Whether features can be read, and how fresh they are.")},
            "/services": {"get": _get("Every service with its keys, requests and features.") | secured},
            **{f"/features/{one.name}": {"post": _post(one, limits) | secured} for one in services},
        },
        "components": {"schemas": {"Error": _ERROR}, **schemes},
    }


_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "description": "a word for programs"},
                "message": {"type": "string"},
                "field": {"type": ["string", "null"], "description": "the part of the question that is meant"},
            },
        }
    },
}


def _get(summary: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {"summary": summary, "responses": {"200": {"description": "found", "content": content}}}


def _post(service: ServiceDescription, limits: Limits) -> dict[str, Any]:
    errors = {
        str(status): {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _ERRORS.items()
    }
    answer = {"description": "the features", "content": {"application/json": {"schema": _answer(service)}}}
    return {
        "operationId": f"features_{service.name}",
        "summary": service.description or f"The features of {service.name}, version {service.version}.",
        "tags": ["features"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _question(service, limits)}}},
        "responses": {"200": answer, **errors},
    }


def _question(service: ServiceDescription, limits: Limits) -> dict[str, Any]:
    names = [name for name, _ in service.outputs]
    fields = {
        "keys": _rows(service.keys, limits),
        **({"request": _rows(service.requests, limits)} if service.requests else {}),
        "features": {"type": "array", "items": {"enum": names}, "description": "only these; by default all"},
    }
    required = [name for name in ("keys", "request") if name in fields and (name != "keys" or service.keys)]
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def _rows(columns: Columns, limits: Limits) -> dict[str, Any]:
    one = _object(columns)
    return {"anyOf": [one, {"type": "array", "items": one, "maxItems": limits.rows}]}


def _object(columns: Columns) -> dict[str, Any]:
    properties = {name: _nullable(schema_of(kind)) for name, kind in columns}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _answer(service: ServiceDescription) -> dict[str, Any]:
    states = {"type": "object", "additionalProperties": {"enum": ["present", "missing", "expired"]}}
    times = {"type": "object", "additionalProperties": {"type": ["string", "null"], "format": "date-time"}}
    row = {"values": _object(service.outputs), "status": states, "event_times": times}
    return {
        "type": "object",
        "properties": {
            "service": {"const": service.name},
            "version": {"type": "integer"},
            "environment": {"type": "string"},
            "views": {"type": "object"},
            "complete": {"type": "boolean", "description": "whether everything was present"},
            "rows": {"type": "array", "items": {"type": "object", "properties": row}},
        },
    }


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON schema of values of a SQL type.

    >>> schema_of("BIGINT"), schema_of("VARCHAR[]")
    ({'type': 'integer'}, {'type': 'array', 'items': {'type': ['string', 'null']}})
    """
    if kind.endswith("]"):
        return {"type": "array", "items": _nullable(schema_of(kind[: kind.rindex("[")]))}
    if kind in _FORMATS:
        return dict(_FORMATS[kind])
    if kind.startswith("TIMESTAMP"):
        return {"type": "string", "format": "date-time"}
    if kind.startswith("DECIMAL"):
        return {"type": "string", "description": kind}
    if "INT" in kind:
        return {"type": "integer"}
    return {"type": "string"} if kind.startswith("ENUM") else {}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema
