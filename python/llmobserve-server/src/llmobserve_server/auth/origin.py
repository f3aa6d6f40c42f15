"""Tells requests of our own page from those of somebody else's page, and those of this machine from others."""

from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from llmobserve_server.auth.deployment import Deployment, is_loopback

__all__ = ["PROXY_HEADERS", "comes_from_this_machine", "peer_address", "sender_of"]

PROXY_HEADERS = frozenset({"forwarded", "x-forwarded-for", "x-real-ip"})
"""With any of them, the peer speaks for somebody else."""


def sender_of(request: HTTPConnection, deployment: Deployment) -> Literal["own_page", "foreign_page", "no_page"]:
    """Which page sent this; `no_page` where nothing says that a browser did.

    Browsers always send Origin with requests that change something, and Sec-Fetch-Site with all requests to
    trustworthy addresses (Fetch standard, read 2026-11). Pages cannot set either.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return "own_page" if site in {"same-origin", "none"} else "foreign_page"
    origin = request.headers.get("origin")
    if origin is None:
        return "no_page"
    own = {request.headers.get("host", "").lower(), urlsplit(deployment.public_url or "").netloc.lower()}
    # Without parsing: what stands behind the scheme of an Origin is host and port and nothing else.
    host = origin.partition("://")[2].lower()
    return "own_page" if host and host in own else "foreign_page"


def comes_from_this_machine(request: HTTPConnection) -> bool:
    """True for a peer on the loopback network that is not a proxy speaking for somebody else."""
    if request.client is None or not is_loopback(request.client.host):
        return False
    return not any(name in request.headers for name in PROXY_HEADERS)


def peer_address(request: HTTPConnection) -> str | None:
    """Address of the peer, for the audit record."""
    return request.client.host if request.client else None
