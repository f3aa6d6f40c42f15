"""One mapping from what went wrong to a status and a Problem, for every route and for none."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmobserve_server.api.models import Problem
from llmobserve_server.api.otlp_answers import is_otlp, otlp_refusal
from llmobserve_server.errors import BadRequest, Overloaded, ServerError, StoreError

__all__ = ["CatchUnexpected", "install_error_handlers", "problem_response"]

_log = logging.getLogger("llmobserve_server")

_HTTP_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media_type",
}


def problem_response(
    scope: Scope,
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    position: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A Problem as the response to a request, fields that are `None` left out; exporters get what they can read."""
    if is_otlp(scope):
        return otlp_refusal(scope, status, message, headers or {})
    problem = Problem(error=code, message=message, field=field, position=position)
    return JSONResponse(problem.model_dump(exclude_none=True), status_code=status, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Let every error of a route leave as a Problem."""
    app.add_exception_handler(ServerError, _server_error)
    app.add_exception_handler(SQLAlchemyError, _control_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


def server_error_response(scope: Scope, error: ServerError) -> Response:
    """The response to a typed error."""
    headers: dict[str, str] = {}
    if isinstance(error, Overloaded | StoreError):
        headers["Retry-After"] = str(error.retry_after_s)
    elif error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem_response(
        scope, error.status, error.code, error.message, field=error.field, position=error.position, headers=headers
    )


async def _server_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServerError)
    if error.status >= 500:
        _log.warning("%s: %s", error.code, error.message)
    return server_error_response(request.scope, error)


async def _control_error(request: Request, error: Exception) -> Response:
    _log.error("The control database failed: %s", error)
    return server_error_response(
        request.scope, StoreError("The control database does not answer. The log of the server says why.")
    )


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    # The first part of the place says query, path or body, which the name of the field says as well.
    place = [str(part) for part in first["loc"][1:]]
    field = ".".join(place) or None
    message = f"{field}: {first['msg']}" if field else str(first["msg"])
    return problem_response(request.scope, BadRequest.status, BadRequest.code, message, field=field)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code == 404:
        message = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{request.method} is not possible here: use {allowed}."
    code = _HTTP_CODES.get(error.status_code, "http_error")
    return problem_response(request.scope, error.status_code, code, message, headers=dict(error.headers or {}))


class CatchUnexpected:
    """Answers 500 for errors of our own, with the traceback in the log and nothing of it in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            message = "The server failed on this request. Its log has the reason."
            await problem_response(scope, 500, "internal", message)(scope, receive, send)
