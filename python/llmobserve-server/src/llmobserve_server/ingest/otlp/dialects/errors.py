"""Whether a span failed, and why: an error only by its status, or by an exception that nobody denies."""

import re
from typing import Any

from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Reading
from llmobserve_server.ingest.otlp.values import text

__all__ = ["http_status_in", "read_error"]

_OK, _ERROR = 1, 2
_FIRST_ERROR = 400
_PROVIDER_OF_LIBRARY = {"openai": "openai", "anthropic": "anthropic"}
"""Client libraries whose errors tell who was asked, where nothing else does."""
_CODE = re.compile(r"(?:[A-Za-z_.]*(?:Error|Exception): )?Error code: (\d{3})\b")
"""How the client libraries of OpenAI and Anthropic begin the message of an answer with an error status."""
_STATUS_OF_TYPE = {
    "AuthenticationError": 401,
    "BadRequestError": 400,
    "ConflictError": 409,
    "NotFoundError": 404,
    "PermissionDeniedError": 403,
    "RateLimitError": 429,
    "UnprocessableEntityError": 422,
    "authentication_error": 401,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "request_too_large": 413,
}
"""Errors that these libraries and Anthropic's API name after one status (openai 3.52, anthropic 2.11, 2026-11-21)."""


def read_error(reading: Reading, span: OtlpSpan) -> None:
    """Set whether the span failed, with type, message and HTTP status where they are told."""
    exception: Any = None
    for event in span.events:
        if event.name == "exception":
            exception = event.attributes
    if span.status_code != _ERROR and (exception is None or span.status_code == _OK):
        return
    reading.failed = True
    kind = message = None
    if exception is not None:
        kind, message = text(exception.get("exception.type")), text(exception.get("exception.message"))
    told = reading.error_type
    if told is not None and told.isascii() and told.isdigit():  # as the conventions of HTTP have it
        reading.http_status = reading.http_status or int(told)
        told = None
    reading.error_type = told or kind or reading.error_type
    reading.error_message = reading.error_message or span.status_message or message
    if reading.http_status is None or reading.http_status < _FIRST_ERROR:
        reading.http_status = http_status_in(reading.error_type, reading.error_message)
    if reading.provider is None and kind is not None:
        reading.provider = _PROVIDER_OF_LIBRARY.get(kind.partition(".")[0])


def http_status_in(error_type: str | None, message: str | None) -> int | None:
    """The HTTP status that an error's message or type tells; `None` where they tell none."""
    told = _CODE.match(message) if message else None
    if told is not None:
        return int(told[1])
    return _STATUS_OF_TYPE.get(error_type.rpartition(".")[2]) if error_type else None
