"""Answers to OTLP requests, by HTTP and by gRPC: success, success in part, and `google.rpc.Status` for refusals.

The answers of the three signals have the same form. They are written here by hand, being two fields each.
Source: OTLP specification 1.9, "OTLP/gRPC Response" and "OTLP/HTTP Response"; google/rpc/{status,error_details}.proto.
"""

import msgspec

from llmobserve.wire import BatchAnswer
from llmobserve_server.ingest.otlp.batch import Encoding

__all__ = ["Signal", "rpc_code", "status_body", "success_body"]

Signal = str
"""`traces`, `logs` or `metrics`."""

_MEMBERS = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}
_NAMES = {"traces": "spans", "logs": "log records", "metrics": "data points"}
_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"

_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 14, 413: 3, 415: 3, 429: 8, 503: 14}
_INTERNAL, _INVALID = 13, 3


def rpc_code(http_status: int) -> int:
    """The code of `google.rpc.Code` for a status of HTTP.

    Never one that exporters retry for what would be refused again: a request that is too large is invalid, because
    "out of range" and "aborted" would be sent again.
    """
    return _CODES.get(http_status, _INVALID if 400 <= http_status < 500 else _INTERNAL)


def success_body(answer: BatchAnswer | None, signal: Signal, encoding: Encoding) -> bytes:
    """The body of the answer to a request that was taken. `partial_success` is in it only if something was refused."""
    rejected = [verdict for verdict in answer.verdicts if verdict.status == "rejected"] if answer is not None else []
    count = len({verdict.index for verdict in rejected})
    if not count:
        return b"{}" if encoding == "json" else b""
    message = f"{count} {_NAMES[signal]} were refused, the first because {rejected[0].message}"
    if encoding == "json":
        return msgspec.json.encode({"partialSuccess": {_MEMBERS[signal]: str(count), "errorMessage": message}})
    return _field(1, b"\x08" + _varint(count) + _field(2, message.encode()))


def status_body(http_status: int, message: str, encoding: Encoding, retry_after_s: int | None = None) -> bytes:
    """`google.rpc.Status`, with the time to wait where there is one."""
    code = rpc_code(http_status)
    if encoding == "json":
        return msgspec.json.encode({"code": code, "message": message})
    body = b"\x08" + _varint(code) + _field(2, message.encode())
    if retry_after_s is None:
        return body
    delay = _field(1, b"\x08" + _varint(retry_after_s))
    return body + _field(3, _field(1, _RETRY_INFO) + _field(2, delay))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
