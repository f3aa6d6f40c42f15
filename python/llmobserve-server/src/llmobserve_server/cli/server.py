"""Runs the application in uvicorn: one process, one socket, an orderly end."""

import gc
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from llmobserve_server.api.connection import Connection
from llmobserve_server.api.live import LiveStreams

__all__ = ["CollectorServer", "collect_seldom"]

CONNECTIONS_MAX = 4000
_STOP_WITHIN_S = 20
_COLLECT_AFTER_OBJECTS = 50_000


def collect_seldom() -> None:
    """Let the garbage collector run less often, and never over what the start has made.

    A batch of a thousand events makes a hundred thousand objects without a cycle among them, over which the default
    of a collection for every 700 spends a fifth of the time of ingest.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 50)


class CollectorServer(uvicorn.Server):
    """uvicorn with our limits; stops live streams first, because they would hold up its end."""

    def __init__(self, app: FastAPI, when_started: Callable[[], None] = lambda: None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="on",
                # One process owns the store; uvicorn would otherwise read WEB_CONCURRENCY.
                workers=1,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_STOP_WITHIN_S,
            )
        )
        self._app = app
        self._when_started = when_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen; then call `when_started`."""
        await super().startup(sockets)
        if self.started:
            self._when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, let requests finish, store what was taken in."""
        live_streams: LiveStreams = self._app.state.live_streams
        live_streams.end()
        await super().shutdown(sockets)
