"""Keys of a project: list, create, revoke."""

from datetime import timedelta
from typing import Literal, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from llmobserve_server.api.deps import in_reader
from llmobserve_server.api.models import ApiKey, ApiKeyCreated, ApiKeyRequest
from llmobserve_server.auth.access import AdminAccess, gate_of
from llmobserve_server.control import keys, models
from llmobserve_server.errors import Forbidden

__all__ = ["router"]

router = APIRouter(tags=["keys"])


@router.get("/keys")
async def list_keys(request: Request, access: AdminAccess) -> list[ApiKey]:
    """Keys of the project, newest first, revoked ones included; never their secrets."""
    found = await in_reader(request, keys.list_keys, gate_of(request).control, access.project_id)
    return [_shown(key) for key in found]


@router.post("/keys", status_code=201)
async def create_key(request: Request, wanted: ApiKeyRequest, access: AdminAccess) -> ApiKeyCreated:
    """Create a key. The answer is the only place where its secret is ever shown."""
    project_id = wanted.project_id or access.project_id
    if access.bound_project_id not in (None, project_id):
        raise Forbidden(f"This key belongs to project {access.project_id!r} and can create keys there only.")
    now = models.utc_now()
    days = wanted.expires_in_days
    key = models.ApiKey(
        project_id=project_id,
        name=wanted.name,
        created_at=now,
        expires_at=None if days is None else now + timedelta(days=days),
    )
    stored, secret = await gate_of(request).create_key(key, wanted.scope, access.actor)
    return ApiKeyCreated(key=_shown(stored), secret=secret)


@router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(request: Request, key_id: str, access: AdminAccess) -> Response:
    """Refuse a key from now on. Revoking it again changes nothing."""
    await gate_of(request).revoke_key(key_id, access.bound_project_id, access.actor)
    return Response(status_code=204)


def _shown(key: models.ApiKey) -> ApiKey:
    return ApiKey(
        id=key.id,
        name=key.name,
        project_id=key.project_id,
        scope=cast("Literal['ingest', 'read', 'admin']", key.scope),
        prefix=key.prefix,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )
