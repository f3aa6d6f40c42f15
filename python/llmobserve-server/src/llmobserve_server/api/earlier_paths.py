"""Answers at the addresses of earlier versions, which had no `/api/v1` in front."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["EarlierPaths"]

_PATHS = re.compile(r"/runs/[^/]+|/insights/(?:daily|provider)|/dashboard/(?:customers|stats)|/events/provider-stats")


class EarlierPaths:
    """Leads programs from `/runs/latest` and its like to `/api/v1`; a browser that opens a page gets the page."""

    def __init__(self, app: ASGIApp, prefix: str, api: str) -> None:
        self._app = app
        self._prefix = prefix
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; see the class."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            path: str = scope["path"].removeprefix(self._prefix)
            if _PATHS.fullmatch(path) and "text/html" not in Headers(scope=scope).get("accept", ""):
                scope = {**scope, "path": f"{self._prefix}{self._api}{path}"}
        await self._app(scope, receive, send)
