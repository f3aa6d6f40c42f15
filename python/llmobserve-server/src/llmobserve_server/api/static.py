"""Serves the dashboard: files that never change for ever, the page itself fresh every time."""

import hashlib
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from llmobserve_server.errors import NotFound

__all__ = ["Dashboard", "router"]

BUNDLE_DIR = Path(__file__).parents[1] / "web" / "dist"

_NOT_PAGES = ("api/", "v1/", "assets/")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME = "no-cache"
_NO_BUNDLE = (
    "The collector runs. This installation has no dashboard: install a released wheel of llmobserve-server, "
    "or run ./dev up in a checkout.\n"
)


class _Page(APIRoute):
    """A route that is not there at all for methods it does not have: a POST to nowhere is 404, not 405."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this answers the request."""
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


router = APIRouter(include_in_schema=False, route_class=_Page)


class Dashboard:
    """The bundle below a path prefix. Without a bundle its root says in one line how to get it."""

    def __init__(self, prefix: str) -> None:
        self._page = _page(BUNDLE_DIR, prefix)

    def answer(self, request: Request, path: str) -> Response:
        """The file at `path`, or the page. Raises NotFound for files and API addresses that do not exist."""
        file = _file(BUNDLE_DIR, path)
        if file is not None:
            caching = _FOR_EVER if path.startswith("assets/") else _ASK_EVERY_TIME
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            return FileResponse(file, media_type=kind, headers={"Cache-Control": caching})
        if path.startswith(_NOT_PAGES):
            raise NotFound(f"There is nothing at {request.url.path}.")
        if self._page is None:
            return PlainTextResponse(_NO_BUNDLE)
        tag = f'"{hashlib.sha256(self._page).hexdigest()[:20]}"'
        headers = {"Cache-Control": _ASK_EVERY_TIME, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(self._page, media_type="text/html; charset=utf-8", headers=headers)


@router.api_route("/{path:path}", methods=["GET", "HEAD"])
async def dashboard(request: Request, path: str) -> Response:
    """The dashboard at every address that nothing else answers."""
    shown: Dashboard = request.app.state.dashboard
    return shown.answer(request, path)


def _page(bundle_dir: Path, prefix: str) -> bytes | None:
    try:
        text = (bundle_dir / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return text.replace('<base href="/"', f'<base href="{prefix}/"', 1).encode()


def _file(bundle_dir: Path, path: str) -> Path | None:
    """The file of the bundle at `path`; `None` for everything else, paths that leave the bundle included."""
    if not path or path == "index.html" or "\0" in path:
        return None
    file = (bundle_dir / path).resolve()
    try:
        found = file.is_relative_to(bundle_dir.resolve()) and file.is_file()
    except OSError:
        # A name that is too long for the file system.
        return None
    return file if found else None
