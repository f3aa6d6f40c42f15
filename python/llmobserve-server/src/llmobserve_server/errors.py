"""Errors of the server: each has one status code, a stable code word and a message that says what to do."""

__all__ = [
    "BadRequest",
    "Conflict",
    "Forbidden",
    "NotFound",
    "Overloaded",
    "PayloadTooLarge",
    "ServerError",
    "StoreError",
    "Unauthorized",
    "UnstorableRows",
    "UnsupportedMediaType",
]


class ServerError(Exception):
    """Base: `status` and `code` go to the client together with the message."""

    status = 500
    code = "internal"

    def __init__(self, message: str, *, field: str | None = None, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.position = position


class BadRequest(ServerError):
    """The request cannot be understood."""

    status = 400
    code = "bad_request"


class Unauthorized(ServerError):
    """No credential, or one that is not valid."""

    status = 401
    code = "unauthorized"


class Forbidden(ServerError):
    """A valid credential that does not allow this."""

    status = 403
    code = "forbidden"


class NotFound(ServerError):
    """Nothing under this id in this project."""

    status = 404
    code = "not_found"


class Conflict(ServerError):
    """What was asked for contradicts what is stored; the message names that."""

    status = 409
    code = "conflict"


class PayloadTooLarge(ServerError):
    """The body is above a limit; the message names the limit."""

    status = 413
    code = "too_large"


class UnsupportedMediaType(ServerError):
    """The body is of another type than is taken here; the message names those."""

    status = 415
    code = "unsupported_media_type"


class Overloaded(ServerError):
    """The queue is full: the client should come back after `retry_after_s`."""

    status = 503
    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreError(ServerError):
    """The store cannot be opened, read or written."""

    status = 503
    code = "store_unavailable"
    retry_after_s = 5


class UnstorableRows(StoreError):
    """The store refuses a row for its values: sending it again would fail again."""
