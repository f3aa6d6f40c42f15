"""Runs the same asynchronous code without and with observation: the application has to see the same."""

import asyncio
import gc
import re
from collections.abc import Awaitable, Callable
from typing import Any

from llmobserve import capture
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, Received

__all__ = ["Scenario", "twice"]

Scenario = Callable[[str], Awaitable[Any]]
"""Gets the URL of the server and returns what the application has seen."""


def twice(
    scenario: Scenario,
    *answers: Answer | Callable[[Received], Answer],
    provider: str = "openai",
    random_header: str = "",
) -> Recorded:
    """What was recorded. Fails unless results or exceptions, and the bytes sent, are those of an unobserved run.

    `random_header` is one that the library itself makes up anew for every request.
    """

    def sent(server: Loopback) -> list[bytes]:
        varying = re.compile(rf"(?im)^(host|{random_header or 'host'}): .*$".encode())
        return [varying.sub(rb"\1", received.raw) for received in server.ledger]

    with Loopback(*answers) as server:
        bare = asyncio.run(_outcome(scenario, server))
        sent_bare = sent(server)
    with Loopback(*answers) as server, observed(server, provider) as recorded:
        watched = asyncio.run(_outcome(scenario, server))
        gc.collect()
        capture.sweep()
        assert watched == bare
        assert sent(server) == sent_bare
    return recorded


async def _outcome(scenario: Scenario, server: Loopback) -> Any:
    (seen,) = await asyncio.gather(scenario(server.url), return_exceptions=True)
    if isinstance(seen, BaseException):
        return type(seen), str(seen).replace(str(server.port), "PORT")
    return seen
