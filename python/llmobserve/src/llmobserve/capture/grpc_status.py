"""What the status of a gRPC call says: its name, and the HTTP status that stands for the same answer.

The correspondence is that of https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto, read
2026-11-21.
"""

__all__ = ["CANCELLED", "DROPPED", "OK", "http_status_of", "name_of"]

OK = 0
CANCELLED = 1
DROPPED = "Cancelled upon garbage collection!"
"""Details that grpcio gives to a call whose object was dropped."""

_CODES: tuple[tuple[str, int, bool], ...] = (
    ("OK", 200, True),
    ("CANCELLED", 499, False),
    ("UNKNOWN", 500, False),
    ("INVALID_ARGUMENT", 400, True),
    ("DEADLINE_EXCEEDED", 504, False),
    ("NOT_FOUND", 404, True),
    ("ALREADY_EXISTS", 409, True),
    ("PERMISSION_DENIED", 403, True),
    ("RESOURCE_EXHAUSTED", 429, True),
    ("FAILED_PRECONDITION", 400, True),
    ("ABORTED", 409, True),
    ("OUT_OF_RANGE", 400, True),
    ("UNIMPLEMENTED", 501, True),
    ("INTERNAL", 500, False),
    ("UNAVAILABLE", 503, False),
    ("DATA_LOSS", 500, False),
    ("UNAUTHENTICATED", 401, True),
)
"""Name, HTTP status, and whether only a server gives it: the other codes are also those of a connection that failed."""
_OWN_LIMIT = "larger than max"


def name_of(code: int) -> str:
    """Name of a status code."""
    return _CODES[code][0] if 0 <= code < len(_CODES) else f"CODE_{code}"


def http_status_of(code: int, details: str | None, *, has_trailers: bool) -> int | None:
    """The HTTP status for an answer of the server; `None` when it cannot be told that the server answered.

    `has_trailers` says whether metadata came with the status: what the client itself makes has none.
    """
    if not 0 <= code < len(_CODES) or code == CANCELLED:
        return None
    _, status, from_server = _CODES[code]
    if not from_server and not has_trailers:
        return None
    # The client refuses to take a message above its own limit: the server has done the work.
    return None if _OWN_LIMIT in (details or "") else status
