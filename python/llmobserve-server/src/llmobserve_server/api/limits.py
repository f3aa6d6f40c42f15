"""Bounds what one request may send, how slowly, and what all of them together may hold in memory."""

import asyncio
import time
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmobserve_server.api.errors import problem_response

__all__ = ["BodyLimits"]

BODY_MAX_BYTES = 64 * 1024
BODIES_TOGETHER_MAX_BYTES = 256 * 1024 * 1024
BODY_DEADLINE_S = 30.0
RATE_MIN_BYTES_PER_S = 1024
RATE_COUNTS_AFTER_S = 5.0


class BodyLimits:
    """Refuses bodies that are too large (413), too slow (408) or too many at once (503).

    Args:
        app: what comes next.
        max_bytes: largest body of a path, where `*` may stand for its last part; of every other one it is 64 KB.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: Mapping[str, int],
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        limit = self._max_bytes.get(path) or self._max_bytes.get(f"{path.rpartition('/')[0]}/*", BODY_MAX_BYTES)
        declared = Headers(scope=scope).get("content-length", "0")
        # The parser has refused lengths that are not numbers.
        if int(declared) > limit:
            refused = problem_response(scope, 413, "too_large", _too_large(limit), headers={"Connection": "close"})
            await refused(scope, receive, send)
            return
        body = _Body(self, receive, limit)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._held_bytes -= body.received_bytes

    def hold(self, count: int) -> None:
        """Count bytes in memory. Raises HTTPException 503 above the total."""
        self._held_bytes += count
        if self._held_bytes > BODIES_TOGETHER_MAX_BYTES:
            raise _refusal(503, "The server has all the bodies in memory that it may. Send this again.", "1")

    async def next_message(self, receive: Receive, started_s: float, received_bytes: int) -> Message:
        """The next part of a body. Raises HTTPException 408 where it does not come in time."""
        waited_s = time.monotonic() - started_s
        if waited_s > RATE_COUNTS_AFTER_S and received_bytes < waited_s * RATE_MIN_BYTES_PER_S:
            raise _refusal(408, f"The body came slower than {RATE_MIN_BYTES_PER_S} bytes a second.")
        try:
            # A part that does not come within the slowest allowed rate is waited for only as long as that rate allows.
            patience_s = max(RATE_COUNTS_AFTER_S, received_bytes / RATE_MIN_BYTES_PER_S)
            async with asyncio.timeout(max(0.0, min(BODY_DEADLINE_S, patience_s + 1) - waited_s)):
                return await receive()
        except TimeoutError:
            raise _refusal(408, f"The body did not come within {BODY_DEADLINE_S:g} seconds.") from None


class _Body:
    """Receives the body of one request within the limits; after its end only waits for the disconnection."""

    def __init__(self, limits: BodyLimits, receive: Receive, limit_bytes: int) -> None:
        self._limits = limits
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._started_s = 0.0
        self._complete = False
        self.received_bytes = 0

    async def receive(self) -> Message:
        """The next message of the server."""
        if self._complete:
            return await self._receive()
        self._started_s = self._started_s or time.monotonic()
        message = await self._limits.next_message(self._receive, self._started_s, self.received_bytes)
        if message["type"] == "http.request":
            count = len(message.get("body", b""))
            self.received_bytes += count
            self._limits.hold(count)
            if self.received_bytes > self._limit_bytes:
                raise _refusal(413, _too_large(self._limit_bytes))
            self._complete = not message.get("more_body", False)
        return message


def _refusal(status: int, message: str, retry_after_s: str | None = None) -> HTTPException:
    headers = {"Connection": "close"}
    if retry_after_s is not None:
        headers["Retry-After"] = retry_after_s
    return HTTPException(status, message, headers)


def _too_large(limit_bytes: int) -> str:
    return f"The body is larger than {limit_bytes // 1024} KB: send smaller batches."
