"""What a request may do: the dependencies by which routes say which credential they need."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Query, Request

from llmobserve_server.auth.gate import Gate
from llmobserve_server.auth.key_headers import presented_key
from llmobserve_server.auth.origin import comes_from_this_machine, peer_address, sender_of
from llmobserve_server.auth.secrets import Scope
from llmobserve_server.control.audit import Actor
from llmobserve_server.control.database import DEFAULT_PROJECT
from llmobserve_server.control.models import BrowserSession
from llmobserve_server.errors import Forbidden, NotFound, Unauthorized

__all__ = [
    "Access",
    "AdminAccess",
    "IngestAccess",
    "OwnerAccess",
    "ReadAccess",
    "access_of_key",
    "current_session",
    "gate_of",
    "refuse_pages",
    "require_admin",
    "require_ingest",
    "require_monitor",
    "require_owner",
    "require_reader",
]

_CONTENT_TYPES = frozenset({"application/json"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Access:
    """What the credential of a request allows."""

    project_id: str
    """The one project that this request reads or writes."""
    scope: Scope
    via: Literal["key", "session", "loopback"]
    actor: Actor

    @property
    def bound_project_id(self) -> str | None:
        """Project outside of which the credential is worth nothing; `None` for a session."""
        return self.project_id if self.via == "key" else None


def gate_of(request: Request) -> Gate:
    """The credentials of this server."""
    gate: Gate = request.app.state.gate
    return gate


async def require_reader(
    request: Request, project: Annotated[str | None, Query(description="Project; default: that of the key.")] = None
) -> Access:
    """Access of a browser session, or of a key with scope `read` or `admin`.

    Raises:
        Unauthorized: neither was given, or it is not valid.
        Forbidden: the key has another scope or belongs to another project.
        NotFound: there is no such project.
    """
    return await _key_or_session(request, project, ("read", "admin"))


async def require_admin(
    request: Request, project: Annotated[str | None, Query(description="Project; default: that of the key.")] = None
) -> Access:
    """Access of a browser session, or of a key with scope `admin`; otherwise as `require_reader`."""
    return await _key_or_session(request, project, ("admin",))


async def require_owner(request: Request) -> Access:
    """Access of a browser session. Raises Unauthorized without one, Forbidden for a key or a foreign page."""
    if request.headers.get("authorization") is not None:
        await _key_access(request, ("admin",))
        raise Forbidden("A key belongs to one project and cannot do this. Sign in to the dashboard for it.")
    return await _session_access(request, None)


async def require_ingest(request: Request) -> Access:
    """Access of a key with scope `ingest` or `admin`; without a key that of programs on this machine in local mode.

    Raises:
        Unauthorized: a key is needed, or the one given is not valid.
        Forbidden: the key's scope is `read`, or a page of another site sent the request.
    """
    secret = presented_key(request.headers)
    if secret is not None:
        return await access_of_key(gate_of(request), secret, peer_address(request), ("ingest", "admin"))
    deployment = gate_of(request).deployment
    if not (deployment.local_mode and comes_from_this_machine(request)):
        raise Unauthorized(
            "Events from other machines need a key: make one under Settings, Keys and set LLMOBSERVE_API_KEY."
        )
    refuse_pages(request, _CONTENT_TYPES)
    return Access(DEFAULT_PROJECT, "ingest", "loopback", Actor("loopback", peer_address(request)))


async def require_monitor(request: Request) -> Access:
    """Access to the server's own figures: as a reader, and in local mode for programs on this machine."""
    open_to_peer = gate_of(request).deployment.local_mode and comes_from_this_machine(request)
    if open_to_peer and presented_key(request.headers) is None and not _is_foreign(request):
        return Access(DEFAULT_PROJECT, "read", "loopback", Actor("loopback", peer_address(request)))
    return await _key_or_session(request, None, ("read", "admin"))


async def access_of_key(gate: Gate, secret: str, address: str | None, scopes: tuple[Scope, ...]) -> Access:
    """Access of the key with this secret. Raises Unauthorized, Forbidden where its scope is none of `scopes`."""
    key = await gate.key(secret, address)
    if key.scope not in scopes:
        wanted = " or ".join(f"`{scope}`" for scope in scopes)
        raise Forbidden(f"This key has the scope `{key.scope}`; a key with {wanted} is needed.")
    scope: Scope = "admin" if key.scope == "admin" else "read" if key.scope == "read" else "ingest"
    return Access(key.project_id, scope, "key", Actor(f"key:{key.id}", address))


async def current_session(request: Request) -> BrowserSession | None:
    """The browser session of this request, or `None`."""
    gate = gate_of(request)
    cookie = request.cookies.get(gate.deployment.cookie_name)
    return await gate.session(cookie) if cookie else None


async def _key_or_session(request: Request, project: str | None, scopes: tuple[Scope, ...]) -> Access:
    if request.headers.get("authorization") is None:
        return await _session_access(request, project)
    access = await _key_access(request, scopes)
    if project not in (None, access.project_id):
        raise Forbidden(f"This key belongs to project {access.project_id!r}, not to {project!r}.")
    return access


async def _key_access(request: Request, scopes: tuple[Scope, ...]) -> Access:
    kind, _, secret = request.headers["authorization"].partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorized("Send the key as `Authorization: Bearer llmo_…`.")
    return await access_of_key(gate_of(request), secret.strip(), peer_address(request), scopes)


async def _session_access(request: Request, project: str | None) -> Access:
    session = await current_session(request)
    if session is None:
        raise Unauthorized("Sign in with the link that `llmobserve serve` printed, or send a key.")
    gate = gate_of(request)
    if request.method not in _SAFE_METHODS and sender_of(request, gate.deployment) != "own_page":
        raise Forbidden("Only the dashboard itself may do this with a browser session. Programs send a key.")
    project_id = project or DEFAULT_PROJECT
    if not await gate.has_project(project_id):
        raise NotFound(f"There is no project {project_id!r}.")
    return Access(project_id, "admin", "session", Actor(f"session:{session.id}", peer_address(request)))


def _is_foreign(request: Request) -> bool:
    return sender_of(request, gate_of(request).deployment) == "foreign_page"


def refuse_pages(request: Request, content_types: Collection[str]) -> None:
    """Keep web pages from posting without a key: their simple requests reach loopback without any preflight.

    Raises Forbidden for a page of another site, and for content of another type than `content_types`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if _is_foreign(request):
        raise Forbidden("Web pages of other sites cannot send events. Send them from your program, or with a key.")
    if content_type not in content_types:
        taken = " or ".join(f"`{each}`" for each in sorted(content_types))
        raise Forbidden(f"Without a key, events are taken as `Content-Type:` {taken} only.")


ReadAccess = Annotated[Access, Depends(require_reader)]
AdminAccess = Annotated[Access, Depends(require_admin)]
OwnerAccess = Annotated[Access, Depends(require_owner)]
IngestAccess = Annotated[Access, Depends(require_ingest)]
