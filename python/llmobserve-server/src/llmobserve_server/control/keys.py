"""Creates, lists, finds and revokes API keys. Knows hashes of secrets only."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from llmobserve_server.control.audit import Actor, record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.models import ApiKey, Project, utc_now
from llmobserve_server.errors import BadRequest, NotFound

__all__ = ["create_key", "find_key", "list_keys", "note_use", "revoke_key"]

_logger = logging.getLogger(__name__)
_USE_NOTED_EVERY = timedelta(minutes=1)


def create_key(
    database: ControlDatabase,
    key: ApiKey,
    actor: Actor,
) -> ApiKey:
    """Store a new key. Raises NotFound for a project that does not exist, BadRequest for an unusable name."""
    key.name = " ".join(key.name.split())
    if not 1 <= len(key.name) <= 100:
        raise BadRequest("A key's name has 1 to 100 characters: where it will be used.", field="name")
    with database.session() as session, session.begin():
        if session.get(Project, key.project_id) is None:
            raise NotFound(f"There is no project {key.project_id!r}.")
        session.add(key)
        detail = {"name": key.name, "scope": key.scope, "prefix": key.prefix}
        record(session, actor, "key.create", key.id, project_id=key.project_id, detail=detail)
    return key


def list_keys(database: ControlDatabase, project_id: str) -> list[ApiKey]:
    """Keys of a project, newest first, revoked ones included."""
    with database.session() as session:
        wanted = select(ApiKey).where(ApiKey.project_id == project_id)
        return list(session.scalars(wanted.order_by(ApiKey.created_at.desc(), ApiKey.id)))


def find_key(database: ControlDatabase, secret_hash: str) -> ApiKey | None:
    """The key with this hash where it is valid now; `None` for unknown, revoked and expired ones."""
    now = utc_now()
    with database.session() as session:
        key = session.scalars(select(ApiKey).where(ApiKey.secret_hash == secret_hash)).one_or_none()
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    return key


def note_use(database: ControlDatabase, key: ApiKey, at: datetime, address: str | None) -> None:
    """Write down that a key was used: at most once a minute, and its first use into the audit record.

    Where that cannot be written, as on a full disk, the key is good all the same; its next use tries again.
    """
    if key.last_used_at is not None and at - key.last_used_at < _USE_NOTED_EVERY:
        return
    try:
        with database.session() as session, session.begin():
            session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=at))
            if key.last_used_at is None:
                record(session, Actor(f"key:{key.id}", address), "key.first_use", key.id, project_id=key.project_id)
    except SQLAlchemyError as error:
        _logger.warning("The use of key %s could not be written down: %s", key.id, error)


def revoke_key(database: ControlDatabase, key_id: str, project_id: str | None, actor: Actor) -> ApiKey:
    """The key, no longer valid; revoking twice changes nothing.

    `project_id` restricts it to keys of that project; `None` means any. Raises NotFound.
    """
    with database.session() as session, session.begin():
        key = session.get(ApiKey, key_id)
        if key is None or (project_id is not None and key.project_id != project_id):
            raise NotFound(f"There is no key {key_id!r}.")
        if key.revoked_at is None:
            key.revoked_at = utc_now()
            record(session, actor, "key.revoke", key.id, project_id=key.project_id, detail={"name": key.name})
    return key
