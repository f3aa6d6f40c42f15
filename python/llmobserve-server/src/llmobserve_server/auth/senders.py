"""Who may send what other tools' SDKs send: with a key in any of their headers, or without one from this machine.

A key belongs to one project, so what a sender calls its project never leads elsewhere; the name is kept with the
records. Without a key, in local mode, nothing is guarded from the programs of this machine, and a name that is that of
a project here selects it.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request

from llmobserve_server.auth.access import Access, access_of_key, gate_of, refuse_pages
from llmobserve_server.auth.gate import Gate
from llmobserve_server.auth.key_headers import OURS, presented_key, project_named
from llmobserve_server.auth.origin import comes_from_this_machine, peer_address
from llmobserve_server.control.audit import Actor
from llmobserve_server.control.database import DEFAULT_PROJECT
from llmobserve_server.errors import Unauthorized

__all__ = ["SenderAccess", "require_sender", "sender_access"]

_CONTENT_TYPES = frozenset(
    {"application/json", "application/x-protobuf", "application/protobuf", "application/x-ndjson"}
)
"""Of which a page of another site can send none without asking first."""


async def require_sender(request: Request) -> Access:
    """Access of a key with scope `ingest` or `admin`; in local mode also of programs on this machine.

    There the key of another tool, which its SDK insists on, counts as none.

    Raises:
        Unauthorized: a key is needed, or the one given is not valid.
        Forbidden: the key's scope is `read`, or a page of another site sent the request.
    """
    gate = gate_of(request)
    # A name that was rebound to this machine is a page's, whatever headers it sends.
    is_here = comes_from_this_machine(request) and gate.deployment.serves_host(request.headers.get("host", ""))
    access = await sender_access(gate, request.headers, peer_address(request), is_here=is_here)
    if access.via == "loopback" and not _is_program(request):
        refuse_pages(request, _CONTENT_TYPES)
    return access


async def sender_access(gate: Gate, headers: Mapping[str, str], address: str | None, *, is_here: bool) -> Access:
    """As `require_sender`, for any protocol. `is_here`: the peer is a program on this machine, and no proxy."""
    secret = presented_key(headers)
    open_to_peer = is_here and gate.deployment.local_mode
    if secret is not None and (secret.startswith(OURS) or not open_to_peer):
        return await access_of_key(gate, secret, address, ("ingest", "admin"))
    if not open_to_peer:
        raise Unauthorized(
            "Senders on other machines need a key: make one under Settings, Keys, and put it where the key of the "
            "other tool was, or into `Authorization: Bearer llmo_…`."
        )
    named = project_named(headers)
    project_id = named if named is not None and await gate.has_project(named) else DEFAULT_PROJECT
    return Access(project_id, "ingest", "loopback", Actor("loopback", address))


def _is_program(request: Request) -> bool:
    """Whether a request that pages can make as well, to read or with a form of several parts, comes from a program.

    Pages make them as a browser, which says so.
    """
    agent = request.headers.get("user-agent", "")
    is_browser = "origin" in request.headers or "sec-fetch-site" in request.headers or agent.startswith("Mozilla/")
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    return bool(agent) and not is_browser and (is_form or request.method == "GET")


SenderAccess = Annotated[Access, Depends(require_sender)]
