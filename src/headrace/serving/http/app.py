"""The HTTP application: feature services, their descriptions, health, OpenAPI."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headrace.errors import HeadraceError
from headrace.serving.feature_store import FeatureStore
from headrace.serving.http.answers import answer, refusing
from headrace.serving.http.limits import Limits, Refused, error_body, json_response, refusal
from headrace.serving.http.openapi import openapi
from headrace.serving.http.questions import read_question
from headrace.store.services import ServiceDescription

Endpoint = Callable[[Request], Awaitable[Response]]
_MANY_ROWS = 200
_FEATURES = "/features/"


def create_app(store: FeatureStore, *, token: str = "", limits: Limits | None = None) -> FastAPI:
    """The application that answers from `store`.

    Args:
        token: what askers must send as `Authorization: Bearer TOKEN`; empty: nobody is asked for one.
    """
    service = _Service(store, token.encode(), limits or Limits())
    app = _App(service.open(service.features))
    app.openapi = service.document  # type: ignore[method-assign]  # as FastAPI's documentation says
    # Plain routes: what a body must be depends on what is published, and is checked against that.
    app.add_route("/features/{service}", service.open(service.features), methods=["POST"])
    app.add_route("/services", service.open(service.services), methods=["GET"])
    app.add_route("/services/{service}", service.open(service.service), methods=["GET"])
    app.add_route("/openapi.json", service.open(service.openapi), methods=["GET"])
    app.add_route("/health", service.health, methods=["GET"])
    app.add_exception_handler(HTTPException, _explain)  # type: ignore[arg-type]  # of a subclass
    return app


class _App(FastAPI):
    """FastAPI, but for the path that is asked all the time: that needs none of the layers around a route."""

    def __init__(self, features: Endpoint) -> None:
        super().__init__(title="Headrace feature services", docs_url=None, redoc_url=None, openapi_url=None)
        self._features = features

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(_FEATURES) if scope["type"] == "http" else ""
        if not name or "/" in name or scope["method"] != "POST" or not scope["path"].startswith(_FEATURES):
            await super().__call__(scope, receive, send)
            return
        request = Request({**scope, "path_params": {"service": name}}, receive)
        response = await self._features(request)
        await response(scope, receive, send)


class _Service:
    def __init__(self, store: FeatureStore, token: bytes, limits: Limits) -> None:
        self._store = store
        self._token = token
        self._limits = limits

    def open(self, endpoint: Endpoint) -> Endpoint:
        """An endpoint for those who have the token, with refusals for answers."""

        async def guarded(request: Request) -> Response:
            if self._token and not self._is_known(request):
                message = "Send the token of this server as `Authorization: Bearer TOKEN`."
                return refusal(Refused("unauthorized", message, WWW_Authenticate="Bearer"))
            try:
                with refusing():
                    return await endpoint(request)
            except Refused as error:
                return refusal(error)

        return guarded

    def _is_known(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        sent = given.strip().encode("latin-1", "replace")
        return scheme.lower() == "bearer" and hmac.compare_digest(sent, self._token)

    async def features(self, request: Request) -> Response:
        question = await read_question(request, self._limits)
        name = request.path_params["service"]
        store = self._store
        many = isinstance(question.keys, list) and len(question.keys) > _MANY_ROWS
        # A look-up in memory is over before another thread had begun; what may take longer must not hold up others.
        if many or store.is_remote or store.plan(name).computes:
            found = await run_in_threadpool(answer, store, name, question)
        else:
            found = answer(store, name, question)
        return Response(found, media_type="application/json")

    async def services(self, request: Request) -> Response:
        del request
        return json_response({"services": [_told(one) for one in self._described()]})

    async def service(self, request: Request) -> Response:
        return json_response(_told(self._store.service(request.path_params["service"])))

    async def openapi(self, request: Request) -> Response:
        del request
        return json_response(self.document())

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of what is published now."""
        return openapi(self._described(), self._limits, token=bool(self._token))

    def _described(self) -> list[ServiceDescription]:
        return [self._store.service(name) for name in self._store.services()]

    async def health(self, request: Request) -> Response:
        """Whether features can be read; who has the token is told more."""
        try:
            views = self._freshness()
        except HeadraceError as error:
            return json_response(error_body("unavailable", str(error)), 503)
        outdated = dict(self._store.outdated)
        told: dict[str, Any] = {"status": "outdated" if outdated else "ok" if views else "empty"}
        if not self._token or self._is_known(request):
            told |= {"environment": self._store.environment, "services": self._store.services(), "views": views}
            told |= {"outdated": outdated} if outdated else {}
        return json_response(told)

    def _freshness(self) -> dict[str, Any]:
        online, now = self._store.online_store, datetime.now(UTC)
        found = {view: online.describe(view) for view in online.views()}
        return {
            view: {
                "version": schema.version,
                "filled_at": schema.filled_at,
                "latest": schema.latest,
                "seconds_old": None if schema.latest is None else round((now - schema.latest).total_seconds(), 3),
            }
            for view, schema in found.items()
            if schema is not None
        }


def _told(service: ServiceDescription) -> dict[str, Any]:
    """What an asker needs to know of a service."""
    return {
        "name": service.name,
        "version": service.version,
        "description": service.description,
        "owners": service.owners,
        "tags": service.tags,
        "keys": dict(service.keys),
        "request": dict(service.requests),
        "features": dict(service.outputs),
        "views": list(dict.fromkeys(read.view for read in service.reads)),
        "online": all(read.online for read in service.reads),
    }


async def _explain(request: Request, error: HTTPException) -> Response:
    """The router's own refusals in the form of all others."""
    reasons = {404: "not_found", 405: "method_not_allowed"}
    reason = reasons.get(error.status_code, "refused")
    known = "POST /features/{service}, GET /services, /services/{service}, /health, /openapi.json"
    message = f"There is no {request.method} {request.url.path[:80]!r}. There are: {known}."
    return json_response(error_body(reason, message), error.status_code, dict(error.headers or {}))
